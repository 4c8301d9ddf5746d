//! Maps with strings for keys. Go's maps come in no order; these come sorted.

use super::args::{Done, admit, any, charge_elements, dict, list, text};
use super::cast::to_text;
use crate::func::{Context, FuncError, Function};
use crate::types::Type;
use crate::value::{Map, Str, Value};

const ANY: Type = Type::Any;
const DICT: Type = Type::DICT;
const STRING: Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[ANY], DICT, make),
    Function::variadic("dig", &[ANY], ANY, dig),
    Function::new("get", &[DICT, STRING], ANY, |_, args| {
        let (map, key) = (dict(args, 0), text(args, 1));
        Ok(map.get(&key).unwrap_or_else(|| "".into()))
    }),
    Function::new("hasKey", &[DICT, STRING], Type::BOOL, |_, args| {
        let (map, key) = (dict(args, 0), text(args, 1));
        Ok(map.get(&key).is_some().into())
    }),
    Function::variadic("keys", &[DICT], Type::STRINGS, |context, args| {
        let mut keys = Vec::new();
        for at in 0..args.len() {
            let map = dict(args, at);
            charge_elements(context, map.len())?;
            keys.extend(map.entries().into_iter().map(|(key, _)| key));
        }
        Ok(Value::strings(keys))
    }),
    Function::variadic("omit", &[DICT, STRING], DICT, |context, args| {
        let map = dict(args, 0);
        let keys: Vec<Str<'_>> = (1..args.len()).map(|at| text(args, at)).collect();
        filtered(context, &map, |key| !keys.contains(key))
    }),
    Function::variadic("pick", &[DICT, STRING], DICT, |context, args| {
        let map = dict(args, 0);
        let keys: Vec<Str<'_>> = (1..args.len()).map(|at| text(args, at)).collect();
        filtered(context, &map, |key| keys.contains(key))
    }),
    Function::variadic("pluck", &[STRING, DICT], Type::LIST, |context, args| {
        let key = text(args, 0);
        let found = (1..args.len()).filter_map(|at| dict(args, at).get(&key)).collect();
        list(context, found)
    }),
    Function::new("set", &[DICT, STRING, ANY], DICT, |context, args| {
        let (map, key, value) = (dict(args, 0), text(args, 1), any(args, 2));
        if map.is_nil() {
            return Err("assignment to entry in nil map".into());
        }
        insert(context, &map, key, value)?;
        Ok(Value::Map(map))
    }),
    Function::new("unset", &[DICT, STRING], DICT, |_, args| {
        let (map, key) = (dict(args, 0), text(args, 1));
        map.remove(&key);
        Ok(Value::Map(map))
    }),
    Function::new("values", &[DICT], Type::LIST, |context, args| {
        let map = dict(args, 0);
        list(context, map.entries().into_iter().map(|(_, value)| value).collect())
    }),
];

/// Sets an entry.
pub(super) fn insert<'a>(context: &mut Context<'_>, map: &Map<'a>, key: Str<'a>, value: Value<'a>) -> Result<(), FuncError> {
    charge_elements(context, 1)?;
    admit(context, &value, Some(map))?;
    if map.insert(key, value) { Ok(()) } else { Err("the map cannot be changed".into()) }
}

fn make<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    charge_elements(context, args.len())?;
    let mut entries = Vec::with_capacity(args.len() / 2 + 1);
    for at in (0..args.len()).step_by(2) {
        let key = to_text(context, &any(args, at))?;
        // A key without a value has an empty string.
        let value = if at + 1 < args.len() { any(args, at + 1) } else { "".into() };
        admit(context, &value, None)?;
        entries.push((key, value));
    }
    Ok(Value::dict(entries))
}

fn filtered<'a>(context: &mut Context<'_>, map: &Map<'a>, keep: impl Fn(&Str<'a>) -> bool) -> Done<'a> {
    charge_elements(context, map.len())?;
    Ok(Value::dict(map.entries().into_iter().filter(|(key, _)| keep(key))))
}

/// Goes down a path of keys through maps; the argument before the map is what to give when a key is missing.
fn dig<'a>(_: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let [keys @ .., default, root] = args else { return Err("dig needs at least three arguments".into()) };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let wrong = |value: &Value<'_>, wanted: &str| {
        let own = value.type_of().map_or_else(|| "nil".to_owned(), |ty| ty.to_string());
        FuncError::new(format!("interface conversion: interface {{}} is {own}, not {wanted}"))
    };
    let as_dict = |value: Value<'a>| match value {
        Value::Map(map) if map.elem().same(&Type::Any) => Ok(map),
        other => Err(wrong(&other, "map[string]interface {}")),
    };
    let mut map = as_dict(std::mem::take(root))?;
    let mut path = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        match key {
            Value::Str(key, ty) if ty.is_plain() => path.push(key.clone()),
            other => return Err(wrong(other, "string")),
        }
    }
    let last = path.pop().unwrap_or_default();
    for key in path {
        let Some(step) = map.get(&key) else { return Ok(std::mem::take(default)) };
        map = as_dict(step)?;
    }
    Ok(map.get(&last).unwrap_or_else(|| std::mem::take(default)))
}
