//! Finds fields and methods that no value could have, before anything is rendered.
//!
//! In: a parsed template and the type of its root. Out: the first mistake. Types are followed only where they are certain:
//! through fields, methods, variables that are never assigned, `with`, `range` and `template`. What comes out of a map or
//! an `interface {}` could be anything, so that nothing is said of it; no correct template is ever refused.

use std::fmt;

use crate::node::{Arg, ArgKind, Branch, Callee, Command, Invocation, Name, Node, Pipe, ROOT, VariableId};
use crate::template::{ExecError, Template};
use crate::types::{Pointee, Scalar, Selector, StructType, Target, Type};

mod assigned;

/// More template bodies than this are not looked into.
const MAX_BODIES: usize = 1000;

/// A field or method that no value could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckError {
    /// The error a rendering that comes by would give.
    pub error: ExecError,
    /// Whether every rendering comes by, rather than only those that take some branch.
    pub certain: bool,
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
    pub fn check(&self, root: &'static StructType) -> Result<(), CheckError> {
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
            false => Err(check.found.swap_remove(first_certain)),
        }
    }
}

/// A type, where it is known.
type Known = Option<Type>;

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
        let dot = invocation.pipe.as_ref().and_then(|pipe| self.pipe(pipe, dot));
        self.body(&invocation.name, dot);
    }

    fn pipe(&mut self, pipe: &'t Pipe, dot: Known) -> Known {
        let mut ty = None;
        for command in &pipe.commands {
            ty = self.command(command, dot);
        }
        if !pipe.assigns {
            for (id, _) in &pipe.variables {
                let ty = if self.assigned.contains(id) { None } else { ty };
                self.variables.push((*id, ty));
            }
        }
        ty
    }

    fn command(&mut self, command: &'t Command, dot: Known) -> Known {
        let (first, args) = command.args.split_first()?;
        let ty = match &first.kind {
            ArgKind::Function { callee, .. } => return self.call(*callee, args, dot),
            _ => self.operand(first, dot),
        };
        // Behind what may be missing nothing is called, and no argument evaluated.
        let certain = self.certain;
        self.certain &= ty.is_some();
        for arg in args {
            self.operand(arg, dot);
        }
        self.certain = certain;
        ty
    }

    fn call(&mut self, callee: Callee, args: &'t [Arg], dot: Known) -> Known {
        let certain = self.certain;
        for (i, arg) in args.iter().enumerate() {
            if i > 0 && matches!(callee, Callee::Builtin(builtin) if builtin.stops_early()) {
                self.certain = false;
            }
            self.operand(arg, dot);
        }
        self.certain = certain;
        match callee {
            Callee::Function(function) => known(function.result),
            Callee::Builtin(builtin) => builtin.result(),
        }
    }

    fn operand(&mut self, arg: &'t Arg, dot: Known) -> Known {
        match &arg.kind {
            ArgKind::Dot => dot,
            ArgKind::Field(names) => self.fields(arg, names, dot),
            ArgKind::Variable { id, fields, .. } => {
                let ty = self.variables.iter().rev().find(|(known, _)| known == id).and_then(|(_, ty)| *ty);
                self.fields(arg, fields, ty)
            }
            ArgKind::Chain { base, fields } => {
                let ty = self.operand(base, dot);
                self.fields(arg, fields, ty)
            }
            ArgKind::Pipe(pipe) => self.pipe(pipe, dot),
            ArgKind::Function { callee, .. } => self.call(*callee, &[], dot),
            ArgKind::Bool(_) => Some(Type::BOOL),
            ArgKind::Str { .. } => Some(Type::STRING),
            ArgKind::Nil | ArgKind::Number(_) => None,
        }
    }

    fn fields(&mut self, arg: &'t Arg, names: &'t [Name], mut ty: Known) -> Known {
        for name in names {
            match field(ty?, &name.text) {
                Ok(next) => ty = next,
                Err(message) => {
                    self.report(arg, message);
                    return None;
                }
            }
        }
        ty
    }

    fn report(&mut self, arg: &Arg, message: String) {
        let before = self.template.text.get(..arg.pos).unwrap_or_default();
        let error = ExecError {
            name: self.template.name.clone(),
            line: 1 + before.matches('\n').count(),
            column: arg.pos - before.rfind('\n').map_or(0, |newline| newline + 1),
            executing: String::from_utf8_lossy(self.executing).into_owned(),
            at: arg.to_string(),
            message,
        };
        self.found.push(CheckError { error, certain: self.certain });
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

/// The type of a field, or why there is none; nothing where it depends.
fn field(ty: Type, name: &str) -> Result<Known, String> {
    let missing = || format!("can't evaluate field {name} in type {ty}");
    match ty {
        Type::Struct(inner) | Type::Pointer(Pointee::Struct(inner)) => match inner.selector(name) {
            Some(Selector { target: Target::Method(method), .. }) => method.usable().map(|()| known(method.result)),
            Some(Selector { path, target: Target::Field(index) }) => {
                let Some(field) = inner.through(path).and_then(|inner| inner.fields.get(*index)) else { return Ok(None) };
                if !field.exported() {
                    return Err(format!("{name} is an unexported field of struct type {ty}"));
                }
                Ok(known(field.ty))
            }
            None => Err(missing()),
        },
        Type::Scalar(Scalar { methods, .. }) => match methods.iter().find(|method| method.name == name) {
            Some(method) => method.usable().map(|()| known(method.result)),
            None => Err(missing()),
        },
        Type::Slice(_) => Err(missing()),
        // A key may be missing, and then so may be everything behind it.
        Type::Map(_) => Ok(None),
        Type::Pointer(Pointee::Scalar(_)) | Type::Any | Type::Error | Type::Interface(_) | Type::Reflect | Type::Func(_) => Ok(None),
    }
}
