//! Merging maps as `mergo` 0.3 does: the first map is changed, and nested maps merge, too.

use super::args::{Done, MAX_DEPTH, TOO_DEEP, any, charge_elements, dict};
use super::default::is_empty;
use super::dict::insert;
use crate::func::{Context, FuncError, Function};
use crate::types::Type;
use crate::value::{Map, Value};

const ANY: Type = Type::Any;
const DICT: Type = Type::DICT;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("merge", &[DICT, DICT], ANY, |context, args| merge(context, args, false)),
    Function::variadic("mergeOverwrite", &[DICT, DICT], ANY, |context, args| merge(context, args, true)),
    Function::variadic("mustMerge", &[DICT, DICT], ANY, |context, args| merge(context, args, false)),
    Function::variadic("mustMergeOverwrite", &[DICT, DICT], ANY, |context, args| merge(context, args, true)),
];

fn merge<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], overwrite: bool) -> Done<'a> {
    let mut target = dict(args, 0);
    for at in 1..args.len() {
        let Value::Map(source) = any(args, at) else { continue };
        if target.is_nil() && !source.is_nil() {
            target = Map::new(&Type::Any, Vec::<(&str, Value<'a>)>::new());
        }
        merge_into(context, &target, &source, overwrite, 0)?;
    }
    Ok(Value::Map(target))
}

/// Fills what is missing or empty in the target, or everything when overwriting. A map or a list that has something in it is never replaced by
/// another map, and a list only when overwriting.
fn merge_into<'a>(context: &mut Context<'_>, target: &Map<'a>, source: &Map<'a>, overwrite: bool, depth: usize) -> Result<(), FuncError> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP.into());
    }
    if target.same(source) {
        return Ok(());
    }
    charge_elements(context, source.len())?;
    for (key, value) in source.entries() {
        let old = target.get(&key);
        let vacant = old.as_ref().is_none_or(is_empty);
        let replaced = match (&old, &value) {
            (_, Value::Nil) => overwrite,
            (Some(Value::Map(inner)), Value::Map(other)) => {
                if !inner.is_nil() && !matches!(inner.elem(), Type::Any) && !inner.elem().same(other.elem()) {
                    return Err(FuncError::new(format!(
                        "cannot merge {} into {}",
                        value.type_name(),
                        Value::Map(inner.clone()).type_name()
                    )));
                }
                if !inner.is_nil() {
                    merge_into(context, inner, other, overwrite, depth + 1)?;
                }
                inner.is_empty()
            }
            (Some(Value::Map(_)), Value::Object(..) | Value::Pointer(_) | Value::NilPointer(_)) if overwrite => {
                return Err("reflect: reflect.Value.Set using unaddressable value".into());
            }
            (_, Value::List(_) | Value::Bytes(_)) => vacant || overwrite,
            (_, Value::Map(_)) => vacant,
            (_, Value::Pointer(_) | Value::NilPointer(_)) if !matches!(target.elem(), Type::Any) => vacant,
            _ => vacant || overwrite,
        };
        if replaced {
            insert(context, target, key, value)?;
        }
    }
    Ok(())
}
