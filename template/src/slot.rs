//! A value together with how it is held: Go distinguishes a string from an `interface {}` that holds one.
//!
//! In: values. Out: what Go's `reflect.Value` says of them. Only the interpreter and the builtins see slots.

use crate::types::Type;
use crate::value::{List, Map, Value};

/// What holds a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing: the value is of its own type.
    #[default]
    Bare,
    /// An `interface {}`, which pipelines look through.
    Any,
    /// An interface with methods, known by its name.
    Interface(&'static str),
}

/// A value, and what holds it. Nil outside of an interface is no value at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) held: Held,
}

impl<'a> Slot<'a> {
    /// A value by itself.
    pub(crate) fn new(value: Value<'a>) -> Self {
        Self { value, held: Held::Bare }
    }

    /// A value of a declared type: inside an interface if that is one.
    pub(crate) fn of_type(value: Value<'a>, ty: &Type) -> Self {
        let held = match ty {
            Type::Any => Held::Any,
            Type::Interface(name) => Held::Interface(name),
            _ => Held::Bare,
        };
        Self { value, held }
    }

    /// No value.
    pub(crate) fn missing() -> Self {
        Self::default()
    }

    /// Tells whether there is no value, not even nil in an interface.
    pub(crate) fn is_missing(&self) -> bool {
        !self.is_boxed() && matches!(self.value, Value::Nil)
    }

    /// Tells whether an interface holds the value.
    pub(crate) fn is_boxed(&self) -> bool {
        self.held != Held::Bare
    }

    /// The value without the interface around it.
    pub(crate) fn unboxed(self) -> Self {
        Self { value: if self.is_boxed() { self.value.boxed() } else { self.value }, held: Held::Bare }
    }

    /// The name of the type.
    pub(crate) fn type_name(&self) -> String {
        match self.held {
            Held::Bare => self.value.type_name(),
            Held::Any => Type::Any.to_string(),
            Held::Interface(name) => name.to_owned(),
        }
    }

    /// Gives an element of a slice.
    pub(crate) fn element(list: &List<'a>, index: usize) -> Option<Self> {
        Some(Self::of_type(list.get(index)?, list.elem()))
    }

    /// Gives an element of a map.
    pub(crate) fn entry(map: &Map<'a>, key: &[u8]) -> Option<Self> {
        Some(Self::of_type(map.get(key)?, map.elem()))
    }
}
