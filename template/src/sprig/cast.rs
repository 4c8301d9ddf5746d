//! Conversions: `spf13/cast` for numbers, Sprig's `strval` for text.

use crate::func::{Context, FuncError};
use crate::go::strconv::{parse_float, parse_int};
use crate::print::{Text, sprint, text_method};
use crate::value::{Str, Value};

/// Converts to an integer; what is none is 0. Types of their own, even over numbers, are none.
pub(super) fn to_int64(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(value, ty) if ty.is_plain() => *value,
        Value::Uint(value, ty) if ty.is_plain() => value.cast_signed(),
        Value::Float(value, ty) if ty.is_plain() => float_to_int(*value),
        Value::Str(text, ty) if ty.is_plain() => parse_int(text, 0, 64).unwrap_or(0),
        Value::Bool(value) => i64::from(*value),
        Value::Pointer(inner) => to_int64(inner),
        _ => 0,
    }
}

/// Cuts a double as an amd64 processor does: what does not fit becomes the lowest integer.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the range is checked, and 2^63 is exact")]
pub(super) fn float_to_int(value: f64) -> i64 {
    if value >= i64::MIN as f64 && value < -(i64::MIN as f64) { value as i64 } else { i64::MIN }
}

/// Converts to a double; what is none is 0.
#[expect(clippy::cast_precision_loss, reason = "Go's conversion loses it, too")]
pub(super) fn to_float64(value: &Value<'_>) -> f64 {
    match value {
        Value::Float(value, ty) if ty.is_plain() => *value,
        Value::Int(value, ty) if ty.is_plain() => *value as f64,
        Value::Uint(value, ty) if ty.is_plain() => *value as f64,
        Value::Str(text, ty) if ty.is_plain() => parse_float(text, 64).unwrap_or(0.0),
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Pointer(inner) => to_float64(inner),
        _ => 0.0,
    }
}

/// Converts to text: strings and bytes as they are, everything else as `%v` prints it, by its own `Error` or `String` if it has one.
pub(super) fn to_text<'a>(context: &Context<'_>, value: &Value<'a>) -> Result<Str<'a>, FuncError> {
    if let Value::Bytes(bytes) = value {
        return Ok(bytes.clone());
    }
    // Sprig calls these itself, so that what `%v` would forgive fails here.
    match ["Error", "String"].iter().find_map(|name| text_method(value, name)) {
        Some(Text::Is(Value::Str(text, _))) => Ok(text),
        Some(Text::Failed(error)) => Err(error),
        Some(Text::Nil) => Err("runtime error: invalid memory address or nil pointer dereference".into()),
        _ => printed(context, value),
    }
}

/// Prints as `%v` does.
pub(super) fn printed<'a>(context: &Context<'_>, value: &Value<'a>) -> Result<Str<'a>, FuncError> {
    if let Value::Str(text, ty) = value
        && ty.methods.is_empty()
    {
        return Ok(text.clone());
    }
    let limit = context.bytes_left();
    let out = sprint(std::slice::from_ref(value), limit);
    if out.len() > limit { Err(FuncError::new("result too large")) } else { Ok(out.into()) }
}
