//! JSON: writing is the engine's, reading is [`decode`]'s.

mod decode;

use super::args::{Done, any, string, text};
use crate::func::{Context, FuncError, Function};
use crate::json::EncodeError;
use crate::types::Type;
use crate::value::Value;

const ANY: Type = Type::Any;
const STRING: Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("fromJson", &[STRING], ANY, |context, args| decode::decode(context, &text(args, 0)).map(|(value, _)| value)),
    Function::new("mustFromJson", &[STRING], ANY, |context, args| {
        let (value, error) = decode::decode(context, &text(args, 0))?;
        error.map_or(Ok(value), |error| Err(FuncError::new(error)))
    }),
    Function::new("mustToJson", &[ANY], STRING, |context, args| encode(context, &any(args, 0), true, false)),
    Function::new("mustToPrettyJson", &[ANY], STRING, |context, args| encode(context, &any(args, 0), true, true)),
    Function::new("mustToRawJson", &[ANY], STRING, |context, args| encode(context, &any(args, 0), false, false)),
    Function::new("toJson", &[ANY], STRING, |context, args| lenient(context, &any(args, 0), false)),
    Function::new("toPrettyJson", &[ANY], STRING, |context, args| lenient(context, &any(args, 0), true)),
    Function::new("toRawJson", &[ANY], STRING, |context, args| encode(context, &any(args, 0), false, false)),
];

fn encode<'a>(context: &mut Context<'_>, value: &Value<'_>, escape_html: bool, pretty: bool) -> Done<'a> {
    let json = crate::json::encode(value, escape_html, context.bytes_left())?;
    finish(context, json, pretty)
}

fn finish<'a>(context: &mut Context<'_>, json: Vec<u8>, pretty: bool) -> Done<'a> {
    if !pretty {
        return string(context, json);
    }
    let indented = crate::json::indent(&json, "", "  ", context.bytes_left()).ok_or(EncodeError::TooLarge)?;
    string(context, indented)
}

/// What cannot be written is an empty string.
fn lenient<'a>(context: &mut Context<'_>, value: &Value<'_>, pretty: bool) -> Done<'a> {
    match crate::json::encode(value, true, context.bytes_left()) {
        Ok(json) => finish(context, json, pretty),
        Err(EncodeError::Unsupported(_)) => Ok("".into()),
        Err(EncodeError::TooLarge) => Err(EncodeError::TooLarge.into()),
    }
}
