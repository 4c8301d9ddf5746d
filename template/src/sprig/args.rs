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

/// How deep the values that functions make may nest, so that walking and freeing them takes little stack.
pub(super) const MAX_DEPTH: usize = 100;

/// Checks a value that is to be put into a map or a list: not nested too deeply, and not holding the map itself.
///
/// Go would loop when it prints a map that holds itself; here it would never be freed.
pub(super) fn admit<'a>(context: &mut Context<'_>, value: &Value<'a>, into: Option<&Map<'a>>) -> Result<(), FuncError> {
    walk(context, value, into, 1)
}

/// Charges for everything in a value, each part as often as it is reached: a small value may hold itself very often.
pub(super) fn weigh<'a>(context: &mut Context<'_>, value: &Value<'a>) -> Result<(), FuncError> {
    walk(context, value, None, 0)
}

fn walk<'a>(context: &mut Context<'_>, value: &Value<'a>, into: Option<&Map<'a>>, depth: usize) -> Result<(), FuncError> {
    let elem = match value {
        Value::Map(map) => map.elem(),
        Value::List(list) => list.elem(),
        _ => return Ok(()),
    };
    if depth >= MAX_DEPTH {
        return Err("nested too deeply".into());
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
            context.reserve(map.len())?;
            map.entries().iter().try_for_each(|(_, item)| walk(context, item, into, depth + 1))
        }
        Value::List(list) => {
            context.reserve(list.len())?;
            list.iter().try_for_each(|item| walk(context, &item, into, depth + 1))
        }
        _ => Ok(()),
    }
}

/// Comparisons, which may be far more than there are values, and so are limited.
#[derive(Default)]
pub(super) struct Work(usize);

impl Work {
    /// How many comparisons one call may make.
    const MOST: usize = 5_000_000;

    /// Counts a comparison.
    pub(super) fn step(&mut self) -> Result<(), FuncError> {
        self.0 += 1;
        if self.0 > Self::MOST { Err("too much work".into()) } else { Ok(()) }
    }

    /// Charges for what has been counted.
    pub(super) fn charge(self, context: &mut Context<'_>) -> Result<(), FuncError> {
        context.reserve(self.0 / 16)
    }
}
