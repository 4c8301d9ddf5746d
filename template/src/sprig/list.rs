//! Lists: parts of them, changes to copies of them. A list is never changed in place.

use super::args::{Done, NIL, admit, any, charge_elements, elements, elements_or, int, list};
use super::cast::to_int64;
use super::equal::deep_equal;
use super::math::whole;
use crate::func::{Context, FuncError, Function};
use crate::types::Type;
use crate::value::{List, Value};

const ANY: Type = Type::Any;
const LIST: Type = Type::LIST;
const LISTS: Type = Type::Slice(&Type::LIST);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("append", &[ANY, ANY], LIST, push),
    Function::new("chunk", &[Type::INT, ANY], LISTS, chunk),
    Function::variadic("concat", &[ANY], ANY, concat),
    Function::new("first", &[ANY], ANY, first),
    Function::new("has", &[ANY, ANY], Type::BOOL, has),
    Function::new("initial", &[ANY], LIST, initial),
    Function::new("last", &[ANY], ANY, last),
    Function::variadic("list", &[ANY], LIST, make),
    Function::new("mustAppend", &[ANY, ANY], LIST, push),
    Function::new("mustChunk", &[Type::INT, ANY], LISTS, chunk),
    Function::new("mustFirst", &[ANY], ANY, first),
    Function::new("mustHas", &[ANY, ANY], Type::BOOL, has),
    Function::new("mustInitial", &[ANY], LIST, initial),
    Function::new("mustLast", &[ANY], ANY, last),
    Function::new("mustPrepend", &[ANY, ANY], LIST, prepend),
    Function::new("mustPush", &[ANY, ANY], LIST, push),
    Function::new("mustRest", &[ANY], LIST, rest),
    Function::new("mustReverse", &[ANY], LIST, reverse),
    Function::variadic("mustSlice", &[ANY, ANY], ANY, slice),
    Function::new("mustUniq", &[ANY], LIST, uniq),
    Function::variadic("mustWithout", &[ANY, ANY], LIST, without),
    Function::new("prepend", &[ANY, ANY], LIST, prepend),
    Function::new("push", &[ANY, ANY], LIST, push),
    Function::new("rest", &[ANY], LIST, rest),
    Function::new("reverse", &[ANY], LIST, reverse),
    Function::variadic("slice", &[ANY, ANY], ANY, slice),
    Function::variadic("tuple", &[ANY], LIST, make),
    Function::new("uniq", &[ANY], LIST, uniq),
    Function::variadic("without", &[ANY, ANY], LIST, without),
];

/// A nil `[]interface {}`.
fn nothing<'a>() -> Value<'a> {
    Value::List(List::nil(&Type::Any))
}

fn make<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    args.iter().try_for_each(|value| admit(context, value, None))?;
    list(context, args.iter_mut().map(std::mem::take).collect())
}

fn push<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut items = elements_or(context, &any(args, 0), "Cannot push on type {}")?;
    let value = any(args, 1);
    admit(context, &value, None)?;
    items.push(value);
    Ok(Value::list(items))
}

fn prepend<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut items = elements_or(context, &any(args, 0), "Cannot prepend on type {}")?;
    let value = any(args, 1);
    admit(context, &value, None)?;
    items.insert(0, value);
    Ok(Value::list(items))
}

/// Fails unless the value is a slice.
fn check(value: &Value<'_>, complaint: &str) -> Result<(), FuncError> {
    match value {
        Value::List(_) | Value::Bytes(_) => Ok(()),
        Value::Nil => Err(NIL.into()),
        other => Err(FuncError::new(complaint.replace("{}", other.kind_name()))),
    }
}

fn end<'a>(args: &mut [Value<'a>], complaint: &str, last: bool) -> Done<'a> {
    let value = any(args, 0);
    check(&value, complaint)?;
    Ok(match value {
        Value::List(items) if items.is_empty() => Value::Nil,
        Value::List(items) => items.get(if last { items.len() - 1 } else { 0 }).unwrap_or_default().boxed(),
        other => {
            let mut items = elements(&other).unwrap_or_default();
            if last { items.pop().unwrap_or_default() } else { any(&mut items, 0) }
        }
    })
}

fn first<'a>(_: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    end(args, "Cannot find first on type {}", false)
}

fn last<'a>(_: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    end(args, "Cannot find last on type {}", true)
}

fn rest<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut items = elements_or(context, &any(args, 0), "Cannot find rest on type {}")?;
    if items.is_empty() {
        return Ok(nothing());
    }
    items.remove(0);
    Ok(Value::list(items))
}

fn initial<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut items = elements_or(context, &any(args, 0), "Cannot find initial on type {}")?;
    Ok(if items.pop().is_some() { Value::list(items) } else { nothing() })
}

fn reverse<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut items = elements_or(context, &any(args, 0), "Cannot find reverse on type {}")?;
    items.reverse();
    Ok(Value::list(items))
}

/// Tells whether a list has an equal element.
fn contains<'a>(context: &mut Context<'_>, items: &[Value<'a>], wanted: &Value<'a>) -> Result<bool, FuncError> {
    for item in items {
        if deep_equal(context, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut kept = Vec::new();
    for item in elements_or(context, &any(args, 0), "Cannot find uniq on type {}")? {
        if !contains(context, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn without<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut kept = Vec::new();
    let items = elements_or(context, &any(args, 0), "Cannot find without on type {}")?;
    for item in items {
        if !contains(context, args.get(1..).unwrap_or_default(), &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn has<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (wanted, value) = (any(args, 0), any(args, 1));
    if matches!(value, Value::Nil) {
        return Ok(false.into());
    }
    let items = elements_or(context, &value, "Cannot find has on type {}")?;
    Ok(contains(context, &items, &wanted)?.into())
}

/// A part of a slice, of the same type; nil of an empty one.
fn slice<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let value = any(args, 0);
    check(&value, "list should be type of slice or array but {}")?;
    let length = match &value {
        Value::List(items) => items.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    if length == 0 {
        return Ok(Value::Nil);
    }
    let bound = |at: usize, otherwise: usize| match args.get(at) {
        Some(value) => usize::try_from(to_int64(value)).ok().filter(|at| *at <= length),
        None => Some(otherwise),
    };
    let (Some(start), Some(end)) = (bound(1, 0), bound(2, length)) else {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    };
    if start > end {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    }
    charge_elements(context, end - start)?;
    Ok(match value {
        Value::List(items) => Value::List(items.slice(start, end)),
        Value::Bytes(bytes) => Value::Bytes(bytes.slice(start, end)),
        other => other,
    })
}

fn concat<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut all = Vec::new();
    for value in args.iter() {
        let items = elements_or(context, value, "Cannot concat type {} as list")?;
        charge_elements(context, items.len())?;
        all.extend(items);
    }
    Ok(if all.is_empty() { nothing() } else { Value::list(all) })
}

/// Parts of a size; sizes of zero and less give what Go's arithmetic in doubles gives.
#[expect(clippy::cast_precision_loss, reason = "Sprig computes in doubles")]
fn chunk<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let size = int(args, 0);
    let value = any(args, 1);
    admit(context, &value, None)?;
    let items = elements_or(context, &value, "Cannot chunk type {}")?;
    let length = items.len() as f64;
    let out_of_range = || FuncError::new("runtime error: makeslice: len out of range");
    let count = usize::try_from(whole(((length - 1.0) / size as f64).floor()).wrapping_add(1)).map_err(|_| out_of_range())?;
    charge_elements(context, count)?;
    let (mut chunks, mut rest) = (Vec::new(), items.into_iter());
    for i in 0..count {
        let left = whole((length % size as f64).floor());
        let wanted = if i + 1 == count && left != 0 { left } else { size };
        let wanted = usize::try_from(wanted).map_err(|_| out_of_range())?;
        let part: Vec<Value<'a>> = rest.by_ref().take(wanted).collect();
        if part.len() < wanted {
            return Err("reflect: slice index out of range".into());
        }
        chunks.push(Value::list(part));
    }
    Ok(Value::List(List::new(&LIST, chunks)))
}
