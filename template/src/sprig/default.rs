//! Emptiness and what to take instead.

use super::args::{Done, any, elements_or, list};
use crate::func::Function;
use crate::types::Type;
use crate::value::Value;

const ANY: Type = Type::Any;
const BOOL: Type = Type::BOOL;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("all", &[ANY], BOOL, |_, args| Ok((!args.iter().any(is_empty)).into())),
    Function::variadic("any", &[ANY], BOOL, |_, args| Ok((!args.iter().all(is_empty)).into())),
    Function::variadic("coalesce", &[ANY], ANY, |_, args| {
        let first = args.iter().position(|value| !is_empty(value));
        Ok(first.map_or(Value::Nil, |at| any(args, at)))
    }),
    Function::new("compact", &[ANY], Type::LIST, compact),
    Function::variadic("default", &[ANY, ANY], ANY, |_, args| {
        let given = args.get(1).is_some_and(|value| !is_empty(value));
        Ok(any(args, usize::from(given)))
    }),
    Function::new("empty", &[ANY], BOOL, |_, args| Ok(is_empty(&any(args, 0)).into())),
    Function::new("mustCompact", &[ANY], Type::LIST, compact),
    Function::new("ternary", &[ANY, ANY, BOOL], ANY, |_, args| {
        let chosen = matches!(args.get(2), Some(Value::Bool(true)));
        Ok(any(args, usize::from(!chosen)))
    }),
];

/// Tells whether a value is nil, zero, false or has nothing in it; a struct never is.
pub(super) fn is_empty(value: &Value<'_>) -> bool {
    !value.is_true()
}

fn compact<'a>(context: &mut crate::func::Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let mut items = elements_or(context, &any(args, 0), "Cannot compact on type {}")?;
    items.retain(|item| !is_empty(item));
    list(context, items)
}
