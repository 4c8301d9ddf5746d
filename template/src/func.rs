//! How a template function is declared: its Go signature, and the Rust function behind it.
//!
//! In: a table of [`Function`]s. Out: the functions a template may call. Arguments are counted, checked and converted by
//! the signature before the Rust function runs, so that it finds them as declared. A function never prints, never panics.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::builtin::Builtin;
use crate::go::time::Time;
use crate::template::Limits;
use crate::types::Type;
use crate::value::Value;

/// Why a function failed; the text follows `error calling NAME: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncError(Cow<'static, str>);

impl FuncError {
    /// An error of the given text.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for FuncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FuncError {}

impl From<String> for FuncError {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&'static str> for FuncError {
    fn from(text: &'static str) -> Self {
        Self(text.into())
    }
}

/// What functions may ask of the world; the caller of a rendering provides it.
pub trait Host {
    /// The time now, in the local zone.
    fn now(&self) -> Time;

    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;

    /// Fills with random bytes.
    fn random(&self, bytes: &mut [u8]);
}

/// What a function sees besides its arguments.
pub struct Context<'h> {
    host: &'h dyn Host,
    bytes_left: usize,
    steps_left: u64,
}

impl<'h> Context<'h> {
    /// A context whose functions may take what the limits allow.
    pub fn new(host: &'h dyn Host, limits: Limits) -> Self {
        Self { host, bytes_left: limits.output, steps_left: limits.steps }
    }

    /// The world outside.
    pub fn host(&self) -> &'h dyn Host {
        self.host
    }

    /// How many bytes functions may still make.
    pub fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Asks for memory before a function makes something large (`repeat 1000000000 "x"`); refused past the limit.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), FuncError> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(FuncError::new("result too large")),
        }
    }

    /// Counts work that the number of arguments does not tell (comparing each with each, a hash that is slow on purpose); a step is about what one node
    /// of a template takes. Refused past the limit.
    pub fn spend(&mut self, steps: u64) -> Result<(), FuncError> {
        if self.takes(steps) { Ok(()) } else { Err(FuncError::new("too much work")) }
    }

    /// Counts steps; false past the limit.
    #[inline]
    pub(crate) fn takes(&mut self, steps: u64) -> bool {
        let left = self.steps_left.checked_sub(steps);
        self.steps_left = left.unwrap_or(0);
        left.is_some()
    }
}

/// The Rust function behind a template function. Arguments may be taken out of the slice (`std::mem::take`).
pub type Call = for<'a> fn(&mut Context<'_>, &mut [Value<'a>]) -> Result<Value<'a>, FuncError>;

/// A function with its Go signature.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name in templates.
    pub name: &'static str,
    /// The parameter types; for a variadic function the last is that of each further argument.
    pub params: &'static [Type],
    /// Whether the last parameter takes any number of arguments.
    pub variadic: bool,
    /// The result's type; [`Type::Any`] when it depends.
    pub result: Type,
    /// The function itself.
    pub call: Call,
}

impl Function {
    /// A function with a fixed number of parameters.
    pub const fn new(name: &'static str, params: &'static [Type], result: Type, call: Call) -> Self {
        Self { name, params, variadic: false, result, call }
    }

    /// A function whose last parameter takes any number of arguments.
    pub const fn variadic(name: &'static str, params: &'static [Type], result: Type, call: Call) -> Self {
        Self { name, params, variadic: true, result, call }
    }

    /// The Go type of the function.
    pub fn signature(&self) -> String {
        let last = self.params.len().saturating_sub(1);
        let params = self.params.iter().enumerate().map(|(i, ty)| match self.variadic && i == last {
            true => format!("...{ty}"),
            false => ty.to_string(),
        });
        format!("func({}) {}", params.collect::<Vec<_>>().join(", "), self.result)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.signature())
    }
}

/// The functions a template may call besides the builtins, which are always there. A function of a builtin's name
/// replaces it.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    by_name: HashMap<&'static str, Function>,
    left_out: HashMap<&'static str, &'static str>,
}

impl Functions {
    /// No functions besides the builtins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds functions; a later one replaces an earlier one of its name.
    #[must_use]
    pub fn with(mut self, functions: impl IntoIterator<Item = Function>) -> Self {
        self.by_name.extend(functions.into_iter().map(|function| (function.name, function)));
        self
    }

    /// Takes functions away; a template that calls one of them does not parse, and is told the reason.
    #[must_use]
    pub fn without(mut self, names: impl IntoIterator<Item = &'static str>, reason: &'static str) -> Self {
        for name in names {
            self.by_name.remove(name);
            self.left_out.insert(name, reason);
        }
        self
    }

    /// Tells why a function was taken away.
    pub fn left_out(&self, name: &str) -> Option<&'static str> {
        self.left_out.get(name).copied()
    }

    /// Lists the names a template may call.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied().chain(Builtin::names())
    }

    /// Finds a function by name.
    pub fn get(&self, name: &str) -> Option<Function> {
        self.by_name.get(name).copied()
    }
}
