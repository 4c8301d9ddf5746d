//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: by kind, not by type.

use super::Result;
use crate::print;
use crate::slot::Slot;
use crate::value::Value;

const BAD_TYPE: &str = "invalid type for comparison";

/// What comparison takes for one kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Bool,
    Complex,
    Int,
    Float,
    Str,
    Uint,
}

fn basic(value: &Value<'_>) -> Option<Basic> {
    Some(match value {
        Value::Bool(_) => Basic::Bool,
        Value::Complex(..) => Basic::Complex,
        Value::Int(..) => Basic::Int,
        Value::Float(..) => Basic::Float,
        Value::Str(..) => Basic::Str,
        Value::Uint(..) => Basic::Uint,
        _ => return None,
    })
}

fn incompatible(a: &Value<'_>, b: &Value<'_>) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// Tells whether the first equals any of the others.
pub(super) fn eq<'a>(first: &Slot<'a>, others: &[Slot<'a>]) -> Result<bool> {
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if equal(&first.value, &other.value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal<'a>(a: &Value<'a>, b: &Value<'a>) -> Result<bool> {
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Complex(re, im), Value::Complex(re2, im2)) => re == re2 && im == im2,
        (Value::Float(a, _), Value::Float(b, _)) => a == b,
        (Value::Int(a, _), Value::Int(b, _)) => a == b,
        (Value::Uint(a, _), Value::Uint(b, _)) => a == b,
        (Value::Str(a, _), Value::Str(b, _)) => a == b,
        (Value::Int(int, _), Value::Uint(uint, _)) | (Value::Uint(uint, _), Value::Int(int, _)) => {
            u64::try_from(*int).is_ok_and(|int| int == *uint)
        }
        _ if basic(a) != basic(b) => {
            if matches!(a, Value::Nil) || matches!(b, Value::Nil) {
                return Ok(false);
            }
            return Err(incompatible(a, b).into());
        }
        _ => return composite(a, b),
    })
}

/// Compares what is neither number, string nor boolean.
fn composite<'a>(a: &Value<'a>, b: &Value<'a>) -> Result<bool> {
    let nil = |value: &Value<'_>| matches!(value, Value::Nil);
    if a.kind_name() != b.kind_name() && !nil(a) && !nil(b) {
        let (first, second) = (print::text_as(a, 's'), print::text(b));
        return Err(format!("non-comparable types {first}: {}, {}: {second}", a.type_name(), b.type_name()).into());
    }
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    if b.type_of().is_some_and(|ty| !ty.comparable()) {
        return Err(format!("non-comparable type {}: {}", print::text_as(b, 's'), b.type_name()).into());
    }
    identical(a, b, 0)
}

/// Go's `==` on interfaces: same type and same content.
fn identical<'a>(a: &Value<'a>, b: &Value<'a>, depth: usize) -> Result<bool> {
    let (Some(ty), Some(other)) = (a.type_of(), b.type_of()) else { return Ok(a.is_nil() && b.is_nil()) };
    if !ty.same(&other) {
        return Ok(false);
    }
    if !ty.comparable() {
        return Err(format!("runtime error: comparing uncomparable type {ty}").into());
    }
    match (a, b) {
        (Value::Object(x, form), Value::Object(y, _)) => {
            if *form == crate::object::Form::Pointer {
                return Ok(std::ptr::addr_eq(std::ptr::from_ref(x.get()), std::ptr::from_ref(y.get())));
            }
            if let (Some(x), Some(y)) = (x.get().as_time(), y.get().as_time()) {
                return Ok(x == y);
            }
            if depth > 50 {
                return Ok(false);
            }
            for index in 0..x.get().struct_type().fields.len() {
                if !identical(&x.field(index), &y.field(index), depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Pointer(x), Value::Pointer(y)) => Ok(std::rc::Rc::ptr_eq(x, y)),
        (Value::NilPointer(_), Value::NilPointer(_)) => Ok(true),
        (Value::NilPointer(_), _) | (_, Value::NilPointer(_)) => Ok(false),
        (Value::Error(_), Value::Error(_)) => Ok(false),
        _ => equal(a, b),
    }
}

fn pair<'s, 'a>(first: &'s Slot<'a>, rest: &'s [Slot<'a>]) -> Result<(&'s Value<'a>, &'s Value<'a>)> {
    let second = rest.first().ok_or("missing argument for comparison")?;
    Ok((&first.value, &second.value))
}

/// Tells whether the first is less than the second.
pub(super) fn lt<'a>(first: &Slot<'a>, rest: &[Slot<'a>]) -> Result<bool> {
    let (a, b) = pair(first, rest)?;
    if basic(a).is_none() || basic(b).is_none() {
        return Err(BAD_TYPE.into());
    }
    Ok(match (a, b) {
        (Value::Int(a, _), Value::Int(b, _)) => a < b,
        (Value::Uint(a, _), Value::Uint(b, _)) => a < b,
        (Value::Float(a, _), Value::Float(b, _)) => a < b,
        (Value::Str(a, _), Value::Str(b, _)) => a < b,
        (Value::Int(a, _), Value::Uint(b, _)) => u64::try_from(*a).is_ok_and(|a| a < *b) || *a < 0,
        (Value::Uint(a, _), Value::Int(b, _)) => u64::try_from(*b).is_ok_and(|b| *a < b),
        _ if basic(a) == basic(b) => return Err(BAD_TYPE.into()),
        _ => return Err(incompatible(a, b).into()),
    })
}

/// Tells whether the first is less than or equal to the second.
pub(super) fn le<'a>(first: &Slot<'a>, rest: &[Slot<'a>]) -> Result<bool> {
    if lt(first, rest)? {
        return Ok(true);
    }
    eq(first, rest)
}
