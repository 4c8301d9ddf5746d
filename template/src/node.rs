//! The tree a template is parsed into, and its text in error messages.
//!
//! In: what the parser read. Out: a compact tree the interpreter walks; names of variables are numbers, functions are
//! found, constants are converted. A node prints as Go prints it in `at <…>`.

use std::sync::OnceLock;

use crate::builtin::Builtin;
use crate::func::Function;
use crate::types::{Selector, StructType};

mod display;
mod number;

pub(crate) use number::Number;

/// A variable's name, as an index into the names the parser met.
pub(crate) type VariableId = u32;

/// `$`, which every template has.
pub(crate) const ROOT: VariableId = 0;

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    Text(Box<[u8]>),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(Invocation),
    Break,
    Continue,
}

/// `if`, `with` or `range`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) pos: usize,
    pub(crate) name: Box<[u8]>,
    pub(crate) pipe: Option<Pipe>,
}

/// Commands, each given the value of the one before.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: usize,
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<(VariableId, Box<str>)>,
    pub(crate) commands: Vec<Command>,
}

/// A function or value with its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) pos: usize,
    pub(crate) args: Vec<Arg>,
}

/// An operand and its place.
#[derive(Debug)]
pub(crate) struct Arg {
    pub(crate) pos: usize,
    pub(crate) kind: ArgKind,
}

#[derive(Debug)]
pub(crate) enum ArgKind {
    Bool(bool),
    Dot,
    Nil,
    Number(Number),
    Str { quoted: Box<str>, text: Box<[u8]> },
    Field(Vec<Name>),
    Variable { id: VariableId, name: Box<str>, fields: Vec<Name> },
    Function { name: Box<str>, callee: Callee },
    Chain { base: Box<Arg>, fields: Vec<Name> },
    Pipe(Box<Pipe>),
}

/// What a name of a function means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee {
    Builtin(Builtin),
    Function(Function),
}

/// A name after a dot; remembers what it meant on the struct type first met.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) text: Box<str>,
    cache: OnceLock<(&'static StructType, Option<&'static Selector>)>,
}

impl Name {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), cache: OnceLock::new() }
    }

    /// Finds what the name means on a struct.
    pub(crate) fn on(&self, ty: &'static StructType) -> Option<&'static Selector> {
        let (known, selector) = self.cache.get_or_init(|| (ty, ty.selector(&self.text)));
        if std::ptr::eq(*known, ty) { *selector } else { ty.selector(&self.text) }
    }
}
