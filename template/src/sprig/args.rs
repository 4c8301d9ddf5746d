//! Arguments out of a call, results into it.
//!
//! The engine has checked the arguments by the function's signature before; what is not as declared counts as that type's zero value.

use crate::func::{Context, FuncError};
use crate::types::{Type, UINT8};
use crate::value::{ELEMENT, Map, Str, Value};

/// What a function gives.
pub(super) type Done<'a> = Result<Value<'a>, FuncError>;

/// Go's words for using nil where something is needed.
pub(super) const NIL: &str = "runtime error: invalid memory address or nil pointer dereference";

/// Takes an argument of any type.
pub(super) fn any<'a>(args: &mut [Value<'a>], at: usize) -> Value<'a> {
    args.get_mut(at).map(std::mem::take).unwrap_or_default()
}

/// Takes a string.
pub(super) fn text<'a>(args: &mut [Value<'a>], at: usize) -> Str<'a> {
    match any(args, at) {
        Value::Str(text, _) => text,
        _ => Str::default(),
    }
}

/// Takes an integer.
pub(super) fn int(args: &[Value<'_>], at: usize) -> i64 {
    match args.get(at) {
        Some(Value::Int(value, _)) => *value,
        _ => 0,
    }
}

/// Takes a map with strings for keys and anything for elements.
pub(super) fn dict<'a>(args: &mut [Value<'a>], at: usize) -> Map<'a> {
    match any(args, at) {
        Value::Map(map) => map,
        _ => Map::nil(&Type::Any),
    }
}

/// Gives a string, charged by its length.
pub(super) fn string<'a>(context: &mut Context<'_>, bytes: impl Into<Str<'a>>) -> Done<'a> {
    let bytes = bytes.into();
    context.reserve(bytes.len())?;
    Ok(Value::string(bytes))
}

/// Gives a part of a string, charged by its length if it has to be copied.
pub(super) fn part<'a>(context: &mut Context<'_>, text: &Str<'a>, start: usize, end: usize) -> Done<'a> {
    let part = Value::string(text.slice(start, end));
    context.reserve(part.made())?;
    Ok(part)
}

/// Gives a `[]interface {}`, charged by its length.
pub(super) fn list<'a>(context: &mut Context<'_>, items: Vec<Value<'a>>) -> Done<'a> {
    charge_elements(context, items.len())?;
    Ok(Value::list(items))
}

/// Charges for the elements of a list to be made.
pub(super) fn charge_elements(context: &mut Context<'_>, count: usize) -> Result<(), FuncError> {
    context.reserve(count.saturating_mul(ELEMENT))
}

/// Gives the elements of a slice of any type; none for everything else.
pub(super) fn elements<'a>(value: &Value<'a>) -> Option<Vec<Value<'a>>> {
    match value {
        Value::List(list) => Some(list.iter().map(Value::boxed).collect()),
        Value::Bytes(bytes) => Some(bytes.iter().map(|byte| Value::Uint((*byte).into(), &UINT8)).collect()),
        _ => None,
    }
}

/// Gives the elements of a slice, or fails as Sprig does: with a text that the kind is added to, or for nil with Go's.
pub(super) fn elements_or<'a>(context: &mut Context<'_>, value: &Value<'a>, complaint: &str) -> Result<Vec<Value<'a>>, FuncError> {
    if let Value::List(list) = value {
        charge_elements(context, list.len())?;
    }
    match elements(value) {
        Some(items) => Ok(items),
        None if matches!(value, Value::Nil) => Err(NIL.into()),
        None => Err(FuncError::new(complaint.replace("{}", value.kind_name()))),
    }
}

/// How deep the values that functions make may nest, so that walking them takes little stack. A map that is in others already can still take in more; then
/// whoever walks the outer ones stops at this depth.
pub(super) const MAX_DEPTH: usize = 100;

/// Why walking stops there.
pub(super) const TOO_DEEP: &str = "nested too deeply";

/// Checks a value that is to be put into a map or a list: not nested too deeply, and not holding the map itself.
///
/// Go would loop when it prints a map that holds itself; here it would never be freed.
pub(super) fn admit<'a>(context: &mut Context<'_>, value: &Value<'a>, into: Option<&Map<'a>>) -> Result<(), FuncError> {
    walk(context, value, into, 1)
}

fn walk<'a>(context: &mut Context<'_>, value: &Value<'a>, into: Option<&Map<'a>>, depth: usize) -> Result<(), FuncError> {
    let elem = match value {
        Value::Map(map) => map.elem(),
        Value::List(list) => list.elem(),
        _ => return Ok(()),
    };
    if depth >= MAX_DEPTH {
        return Err(TOO_DEEP.into());
    }
    if let (Value::Map(map), Some(into)) = (value, into)
        && map.same(into)
    {
        return Err("a dict cannot hold itself".into());
    }
    // Other elements hold nothing that functions made.
    if !matches!(elem, Type::Any | Type::Slice(_) | Type::Map(_)) {
        return Ok(());
    }
    match value {
        Value::Map(map) => {
            context.spend(map.len() as u64)?;
            map.entries().iter().try_for_each(|(_, item)| walk(context, item, into, depth + 1))
        }
        Value::List(list) => {
            context.spend(list.len() as u64)?;
            list.iter().try_for_each(|item| walk(context, &item, into, depth + 1))
        }
        _ => Ok(()),
    }
}
