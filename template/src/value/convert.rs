//! From Rust values to a template's: what the fields of described structs may be.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{List, Map, Value};
use crate::go::time::Time;
use crate::object::Struct;
use crate::types::{Pointee, Type};

/// Turns a Rust value into a template's.
pub trait ToValue {
    /// The Go type of every such value.
    const TYPE: Type;

    /// Gives the value, borrowed where possible.
    fn to_value(&self) -> Value<'_>;
}

impl<T: Struct> ToValue for T {
    const TYPE: Type = Type::Struct(T::DESCRIPTOR);

    fn to_value(&self) -> Value<'_> {
        Value::nested(self)
    }
}

/// A pointer to a struct, nil when there is none.
impl<T: Struct> ToValue for Option<T> {
    const TYPE: Type = Type::Pointer(Pointee::Struct(T::DESCRIPTOR));

    fn to_value(&self) -> Value<'_> {
        match self {
            Some(object) => Value::pointer_to(object),
            None => Value::NilPointer(Pointee::Struct(T::DESCRIPTOR)),
        }
    }
}

impl Struct for Time {
    const DESCRIPTOR: &'static crate::types::StructType = &crate::clock::TIME;
}

impl ToValue for String {
    const TYPE: Type = Type::STRING;

    fn to_value(&self) -> Value<'_> {
        Value::string(self.as_str())
    }
}

impl ToValue for bool {
    const TYPE: Type = Type::BOOL;

    fn to_value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl ToValue for i32 {
    const TYPE: Type = Type::INT32;

    fn to_value(&self) -> Value<'_> {
        Value::int32(*self)
    }
}

impl ToValue for i64 {
    const TYPE: Type = Type::INT64;

    fn to_value(&self) -> Value<'_> {
        Value::int64(*self)
    }
}

impl ToValue for f64 {
    const TYPE: Type = Type::FLOAT64;

    fn to_value(&self) -> Value<'_> {
        Value::float64(*self)
    }
}

/// A `*bool`.
impl ToValue for Option<bool> {
    const TYPE: Type = Type::Pointer(Pointee::Scalar(&crate::types::BOOL));

    fn to_value(&self) -> Value<'_> {
        pointer(self.map(Value::Bool), Self::TYPE)
    }
}

/// An `*int64`.
impl ToValue for Option<i64> {
    const TYPE: Type = Type::Pointer(Pointee::Scalar(&crate::types::INT64));

    fn to_value(&self) -> Value<'_> {
        pointer(self.map(Value::int64), Self::TYPE)
    }
}

fn pointer<'a>(value: Option<Value<'a>>, ty: Type) -> Value<'a> {
    value.map_or_else(|| Value::zero(&ty), |value| Value::Pointer(Rc::new(value)))
}

/// A slice, nil when there is none.
impl<T: ToValue> ToValue for Option<Vec<T>> {
    const TYPE: Type = Type::Slice(&T::TYPE);

    fn to_value(&self) -> Value<'_> {
        match self {
            Some(items) => Value::List(List::borrowed(&T::TYPE, items)),
            None => Value::List(List::nil(&T::TYPE)),
        }
    }
}

/// A map, nil when there is none.
impl<T: ToValue> ToValue for Option<BTreeMap<String, T>> {
    const TYPE: Type = Type::Map(&T::TYPE);

    fn to_value(&self) -> Value<'_> {
        match self {
            Some(entries) => Value::Map(Map::borrowed(&T::TYPE, entries)),
            None => Value::Map(Map::nil(&T::TYPE)),
        }
    }
}
