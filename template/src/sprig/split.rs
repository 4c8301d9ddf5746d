//! Splitting, joining, sorting strings.

use super::args::{Done, any, charge_elements, elements, int, string, text};
use super::cast::to_text;
use crate::func::{Context, FuncError, Function};
use crate::go::strings::{split, split_n};
use crate::types::Type;
use crate::value::{List, Map, Str, Value};

const STRING: Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("join", &[STRING, Type::Any], STRING, join),
    Function::new("sortAlpha", &[Type::Any], Type::STRINGS, sort_alpha),
    Function::new("split", &[STRING, STRING], Type::STRING_MAP, |context, args| {
        let (separator, text) = (text(args, 0), text(args, 1));
        numbered(context, &split(&text, &separator))
    }),
    Function::new("splitList", &[STRING, STRING], Type::STRINGS, |context, args| {
        let (separator, text) = (text(args, 0), text(args, 1));
        let parts = split(&text, &separator);
        charge(context, &parts)?;
        Ok(Value::strings(parts.into_iter().map(<[u8]>::to_vec)))
    }),
    Function::new("splitn", &[STRING, Type::INT, STRING], Type::STRING_MAP, |context, args| {
        let (separator, limit, text) = (text(args, 0), int(args, 1), text(args, 2));
        numbered(context, &split_n(&text, &separator, limit))
    }),
    Function::new("toStrings", &[Type::Any], Type::STRINGS, |context, args| {
        let value = any(args, 0);
        if let Value::List(list) = &value
            && list.elem().same(&STRING)
        {
            return Ok(value);
        }
        texts(context, &value).map(Value::strings)
    }),
];

/// Charges for strings to be made.
pub(super) fn charge(context: &mut Context<'_>, parts: &[&[u8]]) -> Result<(), FuncError> {
    charge_elements(context, parts.len())?;
    context.reserve(parts.iter().map(|part| part.len()).sum())
}

/// A map of parts under `_0`, `_1` and so on.
fn numbered<'a>(context: &mut Context<'_>, parts: &[&[u8]]) -> Done<'a> {
    charge(context, parts)?;
    let entries = parts.iter().enumerate().map(|(i, part)| (format!("_{i}"), Value::string(part.to_vec())));
    Ok(Value::Map(Map::new(&Type::STRING, entries)))
}

/// The elements of a slice that are not nil, as text; anything else as the only text.
fn texts<'a>(context: &mut Context<'_>, value: &Value<'a>) -> Result<Vec<Str<'a>>, FuncError> {
    let items = match elements(value) {
        Some(items) => items,
        None => vec![value.clone()],
    };
    charge_elements(context, items.len())?;
    let mut out = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| !matches!(item, Value::Nil)) {
        let text = to_text(context, item)?;
        if !matches!(item, Value::Str(..)) {
            context.reserve(text.len())?;
        }
        out.push(text);
    }
    Ok(out)
}

fn join<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let separator = text(args, 0);
    let parts = texts(context, &any(args, 1))?;
    let length: usize = parts.iter().map(|part| part.len()).sum();
    context.reserve(length.saturating_add(separator.len().saturating_mul(parts.len())))?;
    let mut out = Vec::with_capacity(length);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(&separator);
        }
        out.extend_from_slice(part);
    }
    Ok(Value::string(out))
}

fn sort_alpha<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let value = any(args, 0);
    if let Value::List(list) = &value
        && list.is_nil()
        && list.elem().same(&STRING)
    {
        return Ok(value);
    }
    if elements(&value).is_none() {
        let text = to_text(context, &value)?;
        let only = string(context, text)?;
        return Ok(Value::List(List::new(&Type::STRING, vec![only])));
    }
    let mut parts = texts(context, &value)?;
    // Each is compared about as often as its number has binary digits.
    let length: usize = parts.iter().map(|part| 64 + part.len()).sum();
    context.spend(length as u64 / 64 * u64::from(parts.len().max(1).ilog2()))?;
    parts.sort_unstable();
    Ok(Value::strings(parts))
}
