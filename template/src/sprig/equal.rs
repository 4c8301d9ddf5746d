//! Go's `reflect.DeepEqual`.

use super::args::{MAX_DEPTH, TOO_DEEP};
use crate::func::{Context, FuncError};
use crate::object::Form;
use crate::value::Value;

/// Compares types and contents; a nil slice or map differs from an empty one, not-a-number from itself.
pub(super) fn deep_equal<'a>(context: &mut Context<'_>, a: &Value<'a>, b: &Value<'a>) -> Result<bool, FuncError> {
    equal(context, a, b, 0)
}

fn equal<'a>(context: &mut Context<'_>, a: &Value<'a>, b: &Value<'a>, depth: usize) -> Result<bool, FuncError> {
    // The comparisons may be far more than there are values.
    context.spend(1)?;
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP.into());
    }
    let same_type = match (a.type_of(), b.type_of()) {
        (None, None) => return Ok(true),
        (Some(a), Some(b)) => a.same(&b),
        _ => false,
    };
    if !same_type {
        return Ok(false);
    }
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a, _), Value::Int(b, _)) => a == b,
        (Value::Uint(a, _), Value::Uint(b, _)) => a == b,
        (Value::Float(a, _), Value::Float(b, _)) => a == b,
        (Value::Complex(a_re, a_im), Value::Complex(b_re, b_im)) => a_re == b_re && a_im == b_im,
        (Value::Str(a, _), Value::Str(b, _)) | (Value::Bytes(a), Value::Bytes(b)) | (Value::Error(a), Value::Error(b)) => {
            if a.len() == b.len() {
                context.spend(a.len() as u64 / 64)?;
            }
            a == b
        }
        (Value::List(a), Value::List(b)) => {
            if a.is_nil() != b.is_nil() || a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(context, &a, &b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.is_nil() != b.is_nil() || a.len() != b.len() {
                return Ok(false);
            }
            if a.same(b) {
                return Ok(true);
            }
            for (key, value) in a.entries() {
                let Some(other) = b.get(&key) else { return Ok(false) };
                if !equal(context, &value, &other, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(a, a_form), Value::Object(b, b_form)) => {
            let pointer = |form: &Form| matches!(form, Form::Pointer);
            if pointer(a_form) != pointer(b_form) {
                return Ok(false);
            }
            if let (Some(a), Some(b)) = (a.get().as_time(), b.get().as_time()) {
                return Ok(a == b);
            }
            for index in 0..a.get().struct_type().fields.len() {
                if !equal(context, &a.field(index), &b.field(index), depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Pointer(a), Value::Pointer(b)) => equal(context, a, b, depth + 1)?,
        (Value::NilPointer(_), Value::NilPointer(_)) => true,
        // Functions are never equal.
        _ => false,
    })
}
