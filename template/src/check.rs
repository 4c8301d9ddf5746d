//! Finds fields and methods that no value could have, and calls that cannot work, before anything is rendered.
//!
//! In: a parsed template and the type of its root. Out: the first mistake. The number of arguments is counted, and templates that are called must be defined.
//! Types are followed only where they are certain:
//! through fields, methods, variables that are never assigned, `with`, `range` and `template`. What comes out of a map or
//! an `interface {}` could be anything, so that nothing is said of it; no correct template is ever refused.

use std::fmt;

use crate::exec::count;
use crate::node::{Arg, ArgKind, Branch, Callee, Command, Invocation, Name, Node, Pipe, ROOT, VariableId};
use crate::template::{ExecError, Template};
use crate::types::{Method, Pointee, Scalar, Selector, StructType, Target, Type};

mod assigned;

/// More template bodies than this are not looked into.
const MAX_BODIES: usize = 1000;

/// What cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckError {
    /// The error a rendering that comes by would give.
    pub error: ExecError,
    /// Whether every rendering comes by, rather than only those that take some branch.
    pub certain: bool,
    /// The field that a struct does not have, if that is it.
    pub missing: Option<Missing>,
}

/// A field that a struct does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The name that was used.
    pub name: String,
    /// The fields that the struct has, sorted.
    pub known: Vec<&'static str>,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for CheckError {}

impl Template {
    /// Looks for fields and methods that do not exist, given that the root is a pointer to this struct. Gives a mistake
    /// that every rendering makes if there is one, otherwise the first.
    pub fn check(&self, root: &'static StructType) -> Result<(), Box<CheckError>> {
        let mut check = Check {
            template: self,
            executing: self.name.as_bytes(),
            assigned: assigned::variables(self),
            variables: Vec::new(),
            bodies: Vec::new(),
            certain: true,
            found: Vec::new(),
        };
        check.body(self.name.as_bytes(), Some(Type::Pointer(Pointee::Struct(root))));
        let first_certain = check.found.iter().position(|found| found.certain).unwrap_or(0);
        match check.found.is_empty() {
            true => Ok(()),
            false => Err(Box::new(check.found.swap_remove(first_certain))),
        }
    }
}

/// A type, where it is known.
type Known = Option<Type>;

/// What a field or a call is given.
#[derive(Clone, Copy)]
struct Given {
    args: usize,
    /// Whether one more comes from the pipeline.
    piped: bool,
}

impl Given {
    const NOTHING: Self = Self { args: 0, piped: false };

    fn is_nothing(self) -> bool {
        self.args == 0 && !self.piped
    }
}

/// What is wrong with a field.
struct Fault {
    message: String,
    missing: Option<Missing>,
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self { message, missing: None }
    }
}

enum Kind {
    If,
    With,
    Range,
}

struct Check<'t> {
    template: &'t Template,
    executing: &'t [u8],
    /// Variables whose type may change.
    assigned: Vec<VariableId>,
    variables: Vec<(VariableId, Known)>,
    /// Bodies looked into, with the type of their dot.
    bodies: Vec<(&'t [u8], Known)>,
    /// Whether every rendering comes here.
    certain: bool,
    found: Vec<CheckError>,
}

impl<'t> Check<'t> {
    /// Looks into a template, once for each type of dot.
    fn body(&mut self, name: &'t [u8], dot: Known) {
        let seen = |(known, ty): &(&[u8], Known)| {
            *known == name
                && match (ty, &dot) {
                    (Some(ty), Some(dot)) => ty.same(dot),
                    (ty, dot) => ty.is_none() && dot.is_none(),
                }
        };
        if self.bodies.len() >= MAX_BODIES || self.bodies.iter().any(seen) {
            return;
        }
        let Some(definition) = self.template.definition(name) else { return };
        self.bodies.push((name, dot));
        let outer = std::mem::replace(&mut self.variables, vec![(ROOT, dot)]);
        let executing = std::mem::replace(&mut self.executing, name);
        self.list(&definition.list, dot);
        self.executing = executing;
        self.variables = outer;
    }

    fn list(&mut self, list: &'t [Node], dot: Known) {
        for node in list {
            match node {
                Node::Text(_) => {}
                // What follows is left out by some rounds.
                Node::Break | Node::Continue => return,
                Node::Action(pipe) => {
                    self.pipe(pipe, dot);
                }
                Node::If(branch) => self.branch(branch, dot, &Kind::If),
                Node::With(branch) => self.branch(branch, dot, &Kind::With),
                Node::Range(branch) => self.branch(branch, dot, &Kind::Range),
                Node::Template(invocation) => self.invocation(invocation, dot),
            }
        }
    }

    fn branch(&mut self, branch: &'t Branch, dot: Known, kind: &Kind) {
        let mark = self.variables.len();
        let ty = self.pipe(&branch.pipe, dot);
        let certain = std::mem::replace(&mut self.certain, false);
        let inner = match kind {
            Kind::If => dot,
            Kind::With => ty,
            Kind::Range => {
                let element = element(ty);
                self.range_variables(&branch.pipe, element);
                element
            }
        };
        self.list(&branch.list, inner);
        if let Some(otherwise) = &branch.otherwise {
            self.forget(mark);
            self.list(otherwise, dot);
        }
        self.certain = certain;
        self.variables.truncate(mark);
    }

    /// Gives the variables a range declares their types: the last is the element, one before it the index.
    fn range_variables(&mut self, pipe: &Pipe, element: Known) {
        if pipe.assigns {
            return;
        }
        for (i, (id, ty)) in self.variables.iter_mut().rev().take(pipe.variables.len()).enumerate() {
            *ty = if i == 0 && !self.assigned.contains(id) { element } else { None };
        }
    }

    /// Forgets the types of variables, which in an `else` may hold anything.
    fn forget(&mut self, mark: usize) {
        for (_, ty) in self.variables.iter_mut().skip(mark) {
            *ty = None;
        }
    }

    fn invocation(&mut self, invocation: &'t Invocation, dot: Known) {
        if self.template.definition(&invocation.name).is_none() {
            let name = crate::go::strconv::quote(&invocation.name, b'"', false);
            self.report(invocation.pos, invocation.to_string(), format!("template {name} not defined").into());
            return;
        }
        let dot = invocation.pipe.as_ref().and_then(|pipe| self.pipe(pipe, dot));
        self.body(&invocation.name, dot);
    }

    fn pipe(&mut self, pipe: &'t Pipe, dot: Known) -> Known {
        let mut ty = None;
        for (i, command) in pipe.commands.iter().enumerate() {
            ty = self.command(command, dot, i > 0);
        }
        if !pipe.assigns {
            for (id, _) in &pipe.variables {
                let ty = if self.assigned.contains(id) { None } else { ty };
                self.variables.push((*id, ty));
            }
        }
        ty
    }

    fn command(&mut self, command: &'t Command, dot: Known, piped: bool) -> Known {
        let (first, args) = command.args.split_first()?;
        let given = Given { args: args.len(), piped };
        let ty = match &first.kind {
            ArgKind::Function { callee, .. } => return self.call(first, *callee, args, piped, dot),
            ArgKind::Field(_) | ArgKind::Chain { .. } => self.operand(first, dot, given),
            ArgKind::Variable { fields, .. } if !fields.is_empty() => self.operand(first, dot, given),
            ArgKind::Nil => return None,
            _ if !given.is_nothing() => {
                self.report(first.pos, first.to_string(), format!("can't give argument to non-function {first}").into());
                return None;
            }
            _ => self.operand(first, dot, Given::NOTHING),
        };
        // Behind what may be missing nothing is called, and no argument evaluated.
        let certain = self.certain;
        self.certain &= ty.is_some();
        for arg in args {
            self.operand(arg, dot, Given::NOTHING);
        }
        self.certain = certain;
        ty
    }

    fn call(&mut self, at: &'t Arg, callee: Callee, args: &'t [Arg], piped: bool, dot: Known) -> Known {
        let (name, params, variadic) = match callee {
            Callee::Function(function) => (function.name, function.params, function.variadic),
            Callee::Builtin(builtin) => (builtin.name(), builtin.signature().0, builtin.signature().1),
        };
        if let Err(message) = count(name, params.len() - usize::from(variadic), variadic, args.len(), piped) {
            self.report(at.pos, at.to_string(), message.into());
        }
        let certain = self.certain;
        for (i, arg) in args.iter().enumerate() {
            if i > 0 && matches!(callee, Callee::Builtin(builtin) if builtin.stops_early()) {
                self.certain = false;
            }
            self.operand(arg, dot, Given::NOTHING);
        }
        self.certain = certain;
        match callee {
            Callee::Function(function) => known(function.result),
            Callee::Builtin(builtin) => builtin.result(),
        }
    }

    fn operand(&mut self, arg: &'t Arg, dot: Known, given: Given) -> Known {
        match &arg.kind {
            ArgKind::Dot => dot,
            ArgKind::Field(names) => self.fields(arg, names, dot, given),
            ArgKind::Variable { id, fields, .. } => {
                let ty = self.variables.iter().rev().find(|(known, _)| known == id).and_then(|(_, ty)| *ty);
                self.fields(arg, fields, ty, given)
            }
            ArgKind::Chain { base, fields } => {
                let ty = self.operand(base, dot, Given::NOTHING);
                self.fields(arg, fields, ty, given)
            }
            ArgKind::Pipe(pipe) => self.pipe(pipe, dot),
            ArgKind::Function { callee, .. } => self.call(arg, *callee, &[], false, dot),
            ArgKind::Bool(_) => Some(Type::BOOL),
            ArgKind::Str { .. } => Some(Type::STRING),
            ArgKind::Nil | ArgKind::Number(_) => None,
        }
    }

    /// Follows fields, of which the last is given the arguments.
    fn fields(&mut self, arg: &'t Arg, names: &'t [Name], mut ty: Known, given: Given) -> Known {
        for (i, name) in names.iter().enumerate() {
            let given = if i + 1 == names.len() { given } else { Given::NOTHING };
            match field(ty?, &name.text, given) {
                Ok(next) => ty = next,
                Err(fault) => {
                    self.report(arg.pos, arg.to_string(), fault);
                    return None;
                }
            }
        }
        ty
    }

    fn report(&mut self, pos: usize, at: String, fault: Fault) {
        let before = self.template.text.get(..pos).unwrap_or_default();
        let error = ExecError {
            name: self.template.name.clone(),
            line: 1 + before.matches('\n').count(),
            column: pos - before.rfind('\n').map_or(0, |newline| newline + 1),
            executing: String::from_utf8_lossy(self.executing).into_owned(),
            at,
            message: fault.message,
        };
        self.found.push(CheckError { error, certain: self.certain, missing: fault.missing });
    }
}

/// A type that says something.
fn known(ty: Type) -> Known {
    (!matches!(ty, Type::Any | Type::Error | Type::Interface(_) | Type::Reflect)).then_some(ty)
}

/// The type of what a range goes over.
fn element(ty: Known) -> Known {
    match ty? {
        Type::Slice(elem) | Type::Map(elem) => known(*elem),
        scalar @ Type::Scalar(_) => Some(scalar),
        _ => None,
    }
}

/// The type of a field, or what is wrong with it; nothing where it depends.
fn field(ty: Type, name: &str, given: Given) -> Result<Known, Fault> {
    let missing = |known: Vec<&'static str>| Fault {
        message: format!("can't evaluate field {name} in type {ty}"),
        missing: Some(Missing { name: name.to_owned(), known }),
    };
    match ty {
        Type::Struct(inner) | Type::Pointer(Pointee::Struct(inner)) => match inner.selector(name) {
            Some(Selector { target: Target::Method(method), .. }) => call(method, given),
            Some(Selector { path, target: Target::Field(index) }) => {
                let Some(field) = inner.through(path).and_then(|inner| inner.fields.get(*index)) else { return Ok(None) };
                if !field.exported() {
                    return Err(format!("{name} is an unexported field of struct type {ty}").into());
                }
                if !given.is_nothing() {
                    return Err(format!("{name} has arguments but cannot be invoked as function").into());
                }
                Ok(known(field.ty))
            }
            None => {
                let mut fields: Vec<_> = inner.field_names().collect();
                fields.sort_unstable();
                Err(missing(fields))
            }
        },
        Type::Scalar(Scalar { methods, .. }) => match methods.iter().find(|method| method.name == name) {
            Some(method) => call(method, given),
            None => Err(missing(Vec::new())),
        },
        Type::Slice(_) => Err(missing(Vec::new())),
        // A key may be missing, and then so may be everything behind it.
        Type::Map(_) => Ok(None),
        Type::Pointer(Pointee::Scalar(_)) | Type::Any | Type::Error | Type::Interface(_) | Type::Reflect | Type::Func(_) => Ok(None),
    }
}

/// The type a method gives, or why it cannot be called so.
fn call(method: &'static Method, given: Given) -> Result<Known, Fault> {
    count(method.name, method.params.len(), false, given.args, given.piped)?;
    method.usable()?;
    Ok(known(method.result))
}
