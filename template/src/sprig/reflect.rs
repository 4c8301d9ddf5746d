//! Types, kinds, comparison and copies of values.

use std::rc::Rc;

use super::args::{Done, MAX_DEPTH, TOO_DEEP, any, charge_elements, text};
use super::equal::deep_equal;
use super::semver::VERSION;
use crate::func::{Context, FuncError, Function};
use crate::go::semver::Version;
use crate::object::ObjectRef;
use crate::types::Type;
use crate::value::{List, Map, Value};

const ANY: Type = Type::Any;
const BOOL: Type = Type::BOOL;
const STRING: Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("deepCopy", &[ANY], ANY, deep_copy),
    Function::new("deepEqual", &[ANY, ANY], BOOL, |context, args| {
        let (a, b) = (any(args, 0), any(args, 1));
        Ok(deep_equal(context, &a, &b)?.into())
    }),
    Function::new("kindIs", &[STRING, ANY], BOOL, |_, args| {
        let kind = text(args, 0);
        Ok((*kind == *any(args, 1).kind_name().as_bytes()).into())
    }),
    Function::new("kindOf", &[ANY], STRING, |_, args| Ok(any(args, 0).kind_name().into())),
    Function::new("mustDeepCopy", &[ANY], ANY, deep_copy),
    Function::new("typeIs", &[STRING, ANY], BOOL, |_, args| {
        let name = text(args, 0);
        Ok((*name == *any(args, 1).type_name().as_bytes()).into())
    }),
    Function::new("typeIsLike", &[STRING, ANY], BOOL, |_, args| {
        let (name, own) = (text(args, 0), any(args, 1).type_name());
        let same = |own: &str| *name == *own.as_bytes();
        // A pointer to the type will do.
        Ok((same(&own) || own.strip_prefix('*').is_some_and(same)).into())
    }),
    Function::new("typeOf", &[ANY], STRING, |_, args| Ok(any(args, 0).type_name().into())),
];

fn deep_copy<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    match any(args, 0) {
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        value => copy(context, value, 0),
    }
}

/// Copies maps and lists; nearly everything else never changes.
fn copy<'a>(context: &mut Context<'_>, value: Value<'a>, depth: usize) -> Result<Value<'a>, FuncError> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP.into());
    }
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            charge_elements(context, list.len())?;
            let items: Result<Vec<_>, _> = list.iter().map(|item| copy(context, item, depth + 1)).collect();
            Value::List(List::new(list.elem(), items?))
        }
        Value::Map(map) if !map.is_nil() => {
            charge_elements(context, map.len())?;
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.entries() {
                entries.push((key, copy(context, value, depth + 1)?));
            }
            Value::Map(Map::new(map.elem(), entries))
        }
        // What a struct hides is not copied.
        Value::Error(_) => Value::Error("".into()),
        Value::Object(object, form) if object.get().struct_type().same(&VERSION) => {
            Value::Object(ObjectRef::Shared(Rc::new(Version::default())), form)
        }
        other => other,
    })
}
