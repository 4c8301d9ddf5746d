//! `index`, `slice` and `len`.

use super::{Result, prepare};
use crate::func::Context;
use crate::slot::Slot;
use crate::types::{Type, UINT8};
use crate::value::{ELEMENT, Value};

/// Goes into a value, one index after another.
pub(super) fn index<'a>(item: &Slot<'a>, indexes: &[Slot<'a>]) -> Result<Slot<'a>> {
    let mut item = item.clone().unboxed();
    if item.is_missing() {
        return Err("index of untyped nil".into());
    }
    for index in indexes {
        let index = index.clone().unboxed();
        if is_nil_pointer(&item) {
            return Err("index of nil pointer".into());
        }
        let value = item.unboxed().value.indirect();
        item = match &value {
            Value::Str(bytes, _) | Value::Bytes(bytes) => {
                let at = position(&index, bytes.len())?;
                let byte = bytes.get(at).ok_or_else(|| out_of_range(&value, at))?;
                Slot::new(Value::Uint((*byte).into(), &UINT8))
            }
            Value::List(list) => {
                let at = position(&index, list.len())?;
                Slot::element(list, at).ok_or_else(|| out_of_range(&value, at))?
            }
            Value::Map(map) => {
                let key = prepare(&index, &Type::STRING)?;
                let zero = || Slot::of_type(Value::zero(map.elem()), map.elem());
                key.as_str().and_then(|key| Slot::entry(map, key)).unwrap_or_else(zero)
            }
            other => return Err(format!("can't index item of type {}", other.type_name()).into()),
        };
    }
    Ok(item)
}

/// An index equal to the length passes Go's own check and then panics.
fn out_of_range(value: &Value<'_>, _at: usize) -> String {
    let kind = if matches!(value, Value::Str(..)) { "string" } else { "slice" };
    format!("reflect: {kind} index out of range")
}

fn is_nil_pointer(slot: &Slot<'_>) -> bool {
    matches!(slot.value, Value::NilPointer(_)) || (slot.is_boxed() && matches!(slot.value, Value::Nil))
}

fn position(index: &Slot<'_>, limit: usize) -> Result<usize> {
    let value = match &index.value {
        Value::Int(value, _) => *value,
        Value::Uint(value, _) => value.cast_signed(),
        Value::Nil => return Err("cannot index slice/array with nil".into()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name()).into()),
    };
    match usize::try_from(value) {
        Ok(at) if at <= limit => Ok(at),
        _ => Err(format!("index out of range: {value}").into()),
    }
}

/// Takes a part of a string or slice. The capacity of a slice is its length here.
pub(super) fn slice<'a>(context: &mut Context<'_>, item: &Slot<'a>, indexes: &[Slot<'a>]) -> Result<Slot<'a>> {
    let item = item.clone().unboxed();
    if item.is_missing() {
        return Err("slice of untyped nil".into());
    }
    if is_nil_pointer(&item) {
        return Err("slice of nil pointer".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let value = item.value.indirect();
    let length = match &value {
        Value::Str(..) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::Str(bytes, _) | Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name()).into()),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        // Unlike `index`, Go's `slice` does not look into an interface here.
        if index.is_boxed() {
            return Err(format!("cannot index slice/array with type {}", index.type_name()).into());
        }
        *bound = position(index, length)?;
    }
    let [start, end, capacity] = bounds;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}").into());
    }
    if end > capacity {
        return Err(format!("invalid slice index: {end} > {capacity}").into());
    }
    let part = match value {
        Value::Str(bytes, ty) => Value::Str(bytes.slice(start, end), ty),
        Value::Bytes(bytes) => Value::Bytes(bytes.slice(start, end)),
        Value::List(list) => {
            context.reserve((end - start).saturating_mul(ELEMENT))?;
            Value::List(list.slice(start, end))
        }
        other => other,
    };
    if matches!(part, Value::Str(..) | Value::Bytes(_)) {
        context.reserve(part.made())?;
    }
    Ok(Slot::new(part))
}

/// The number of bytes or elements.
pub(super) fn length(item: &Slot<'_>) -> Result<i64> {
    if is_nil_pointer(item) {
        return Err("len of nil pointer".into());
    }
    let value = item.value.clone().indirect();
    let length = match &value {
        Value::Str(bytes, _) | Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        other => return Err(format!("len of type {}", other.type_name()).into()),
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX))
}
