//! Go's `reflect.DeepEqual`.

use super::args::Work;
use crate::func::FuncError;
use crate::object::Form;
use crate::value::Value;

/// Compares types and contents; a nil slice or map differs from an empty one, not-a-number from itself.
pub(super) fn deep_equal<'a>(a: &Value<'a>, b: &Value<'a>, work: &mut Work) -> Result<bool, FuncError> {
    work.step()?;
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
        (Value::Str(a, _), Value::Str(b, _)) | (Value::Bytes(a), Value::Bytes(b)) | (Value::Error(a), Value::Error(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            if a.is_nil() != b.is_nil() || a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !deep_equal(&a, &b, work)? {
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
                if !deep_equal(&value, &other, work)? {
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
                if !deep_equal(&a.field(index), &b.field(index), work)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Pointer(a), Value::Pointer(b)) => deep_equal(a, b, work)?,
        (Value::NilPointer(_), Value::NilPointer(_)) => true,
        // Functions are never equal.
        _ => false,
    })
}
