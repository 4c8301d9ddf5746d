//! Arguments out of a call, results into it.
//!
//! The engine has checked the arguments by the function's signature before; what is not as declared counts as that type's zero value.

use crate::func::{Context, FuncError};
use crate::types::{Type, UINT8};
use crate::value::{Map, Str, Value};

/// What a function gives.
pub(super) type Done<'a> = Result<Value<'a>, FuncError>;

/// Go's words for using nil where something is needed.
pub(super) const NIL: &str = "runtime error: invalid memory address or nil pointer dereference";

/// How many bytes an element of a list is charged with.
const ELEMENT: usize = 40;

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

/// Work that grows faster than what it is done on, and so is limited.
pub(super) struct Work(u32);

impl Work {
    /// A limit that no sensible template comes near.
    pub(super) fn new() -> Self {
        Self(5_000_000)
    }

    /// Counts one step.
    pub(super) fn step(&mut self) -> Result<(), FuncError> {
        self.0 = self.0.checked_sub(1).ok_or("too much work")?;
        Ok(())
    }
}
