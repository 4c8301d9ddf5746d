//! Runs a template: walks its tree with a root value and writes the output.
//!
//! In: a tree, a root value, limits. Out: bytes appended to a buffer, or the first error with its place. Text and plain
//! values go straight into the buffer. The stack is bounded by the depth limit, time by the step limit.

use crate::func::{Context, FuncError};
use crate::node::{Arg, Branch, Command, Invocation, Node, Pipe, ROOT, VariableId};
use crate::parse::Definition;
use crate::print;
use crate::slot::Slot;
use crate::template::{ExecError, Limits, Template};
use crate::value::Value;

mod call;
mod eval;
mod field;
mod range;

pub(crate) use call::count;
pub(crate) use field::{embedded, through_pointer};

/// What a failing step gives; boxed, since it is rare and large.
type Result<T> = std::result::Result<T, Box<ExecError>>;

/// The node errors are reported at.
#[derive(Clone, Copy)]
enum At<'a> {
    Start,
    Arg(&'a Arg),
    Command(&'a Command),
    Pipe(&'a Pipe),
    Action(&'a Pipe),
    Invocation(&'a Invocation),
}

/// How a list of nodes was left.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// A rendering.
pub(crate) struct Exec<'a, 'h, 'o> {
    template: &'a Template,
    executing: &'a [u8],
    out: &'o mut Vec<u8>,
    start: usize,
    context: Context<'h>,
    limits: Limits,
    depth: usize,
    at: At<'a>,
    /// The variables of all running templates; those of the current one from `base` on.
    variables: Vec<(VariableId, Slot<'a>)>,
    base: usize,
    /// Arguments being gathered, one call's above the other's.
    values: Vec<Value<'a>>,
    slots: Vec<Slot<'a>>,
}

impl<'a, 'h, 'o> Exec<'a, 'h, 'o> {
    pub(crate) fn new(template: &'a Template, out: &'o mut Vec<u8>, context: Context<'h>, limits: Limits) -> Self {
        Self {
            template,
            executing: template.name.as_bytes(),
            start: out.len(),
            out,
            context,
            limits,
            depth: 0,
            at: At::Start,
            variables: Vec::new(),
            base: 0,
            values: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Runs the template named like the text.
    pub(crate) fn run(mut self, root: Value<'a>) -> Result<()> {
        let Some(definition) = self.template.definition(self.executing) else {
            return Ok(());
        };
        let root = Slot::new(root);
        self.variables.push((ROOT, root.clone()));
        self.list(&root, &definition.list)?;
        Ok(())
    }

    fn error(&self, message: impl Into<String>) -> Box<ExecError> {
        let (pos, at) = match self.at {
            At::Start => (0, String::new()),
            At::Arg(arg) => (arg.pos, arg.to_string()),
            At::Command(command) => (command.pos, command.to_string()),
            At::Pipe(pipe) => (pipe.pos, pipe.to_string()),
            At::Action(pipe) => (pipe.pos, format!("{{{{{pipe}}}}}")),
            At::Invocation(invocation) => (invocation.pos, invocation.to_string()),
        };
        let before = self.template.text.get(..pos).unwrap_or_default();
        Box::new(ExecError {
            name: self.template.name.clone(),
            line: 1 + before.matches('\n').count(),
            column: pos - before.rfind('\n').map_or(0, |newline| newline + 1),
            executing: String::from_utf8_lossy(self.executing).into_owned(),
            at,
            message: message.into(),
        })
    }

    /// Counts a step.
    #[inline]
    fn step(&mut self) -> Result<()> {
        self.work(1)
    }

    /// Counts several steps.
    #[inline]
    fn work(&mut self, steps: u64) -> Result<()> {
        if self.context.takes(steps) { Ok(()) } else { Err(self.too_many_steps()) }
    }

    #[cold]
    fn too_many_steps(&self) -> Box<ExecError> {
        self.error(format!("more than {} steps", self.limits.steps))
    }

    /// Counts the bytes of what was made on the way, as functions do for theirs.
    fn made(&mut self, value: &Value<'a>) -> std::result::Result<(), FuncError> {
        match value.made() {
            0 => Ok(()),
            bytes => self.context.reserve(bytes),
        }
    }

    /// Goes one level deeper; to be undone by the caller when all went well.
    fn enter(&mut self) -> Result<()> {
        if self.depth >= self.limits.depth {
            return Err(self.error(format!("exceeded maximum template depth ({})", self.limits.depth)));
        }
        self.depth += 1;
        Ok(())
    }

    fn check_output(&self) -> Result<()> {
        if self.out.len() - self.start > self.limits.output {
            return Err(self.error(format!("output larger than {} bytes", self.limits.output)));
        }
        Ok(())
    }

    fn list(&mut self, dot: &Slot<'a>, list: &'a [Node]) -> Result<Flow> {
        for node in list {
            self.step()?;
            let flow = match node {
                Node::Text(text) => {
                    self.out.extend_from_slice(text);
                    self.check_output()?;
                    Flow::Next
                }
                Node::Action(pipe) => {
                    self.action(dot, pipe)?;
                    Flow::Next
                }
                Node::If(branch) => self.condition(dot, branch, false)?,
                Node::With(branch) => self.condition(dot, branch, true)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template(invocation) => {
                    self.invoke(dot, invocation)?;
                    Flow::Next
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Evaluates and prints, unless the pipeline sets variables.
    fn action(&mut self, dot: &Slot<'a>, pipe: &'a Pipe) -> Result<()> {
        let slot = self.pipeline(dot, pipe)?;
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        self.at = At::Action(pipe);
        let value = print::printable(slot.value);
        if let Value::Function(function) = value {
            return Err(self.error(format!("can't print {{{{{pipe}}}}} of type {}", function.signature())));
        }
        print::print_printable(self.out, &value, self.start.saturating_add(self.limits.output));
        self.check_output()
    }

    fn condition(&mut self, dot: &Slot<'a>, branch: &'a Branch, is_with: bool) -> Result<Flow> {
        self.enter()?;
        let mark = self.variables.len();
        let slot = self.pipeline(dot, &branch.pipe)?;
        let flow = match (slot.value.is_true(), &branch.otherwise) {
            (true, _) if is_with => self.list(&slot, &branch.list)?,
            (true, _) => self.list(dot, &branch.list)?,
            (false, Some(otherwise)) => self.list(dot, otherwise)?,
            (false, None) => Flow::Next,
        };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(flow)
    }

    fn invoke(&mut self, dot: &Slot<'a>, invocation: &'a Invocation) -> Result<()> {
        self.at = At::Invocation(invocation);
        let Some(definition) = self.template.definition(&invocation.name) else {
            let name = crate::go::strconv::quote(&invocation.name, b'"', false);
            return Err(self.error(format!("template {name} not defined")));
        };
        self.enter()?;
        let dot = match &invocation.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Slot::missing(),
        };
        self.body(&dot, definition)?;
        self.depth -= 1;
        Ok(())
    }

    /// Runs another template, which sees no variables but its own `$`.
    fn body(&mut self, dot: &Slot<'a>, definition: &'a Definition) -> Result<()> {
        let outer = (self.executing, self.base, self.variables.len());
        (self.executing, self.base) = (&definition.name, self.variables.len());
        self.variables.push((ROOT, dot.clone()));
        self.list(dot, &definition.list)?;
        (self.executing, self.base) = (outer.0, outer.1);
        self.variables.truncate(outer.2);
        Ok(())
    }

    fn variable(&mut self, id: VariableId) -> Result<Option<&Slot<'a>>> {
        self.search()?;
        Ok(self.variables[self.base..].iter().rev().find(|(known, _)| *known == id).map(|(_, slot)| slot))
    }

    /// Counts the search for a variable where there are very many.
    fn search(&mut self) -> Result<()> {
        match (self.variables.len() - self.base) / 64 {
            0 => Ok(()),
            steps => self.work(steps as u64),
        }
    }

    fn set_variable(&mut self, id: VariableId, name: &str, slot: Slot<'a>) -> Result<()> {
        self.search()?;
        match self.variables[self.base..].iter_mut().rev().find(|(known, _)| *known == id) {
            Some((_, known)) => {
                *known = slot;
                Ok(())
            }
            None => Err(self.error(format!("undefined variable: {name}"))),
        }
    }
}
