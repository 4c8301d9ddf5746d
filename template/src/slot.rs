//! A value together with how it is held: Go distinguishes a string from an `interface {}` that holds one.
//!
//! In: values. Out: what Go's `reflect.Value` says of them. Only the interpreter and the builtins see slots.

use crate::types::Type;
use crate::value::{List, Map, Value};

/// A value, and whether it sits in an `interface {}`. Nil outside of one is no value at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) boxed: bool,
}

impl<'a> Slot<'a> {
    /// A value by itself.
    pub(crate) fn new(value: Value<'a>) -> Self {
        Self { value, boxed: false }
    }

    /// A value of a declared type: inside an interface if that is one.
    pub(crate) fn of_type(value: Value<'a>, ty: &Type) -> Self {
        Self { value, boxed: matches!(ty, Type::Any) }
    }

    /// No value.
    pub(crate) fn missing() -> Self {
        Self::default()
    }

    /// Tells whether there is no value, not even nil in an interface.
    pub(crate) fn is_missing(&self) -> bool {
        !self.boxed && matches!(self.value, Value::Nil)
    }

    /// The value without the interface around it.
    pub(crate) fn unboxed(self) -> Self {
        Self { value: if self.boxed { self.value.boxed() } else { self.value }, boxed: false }
    }

    /// The name of the type.
    pub(crate) fn type_name(&self) -> String {
        if self.boxed { Type::Any.to_string() } else { self.value.type_name() }
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
