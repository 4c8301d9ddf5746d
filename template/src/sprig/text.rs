//! Strings: cutting, padding, case, quoting.

use super::args::{Done, any, int, part, string, text};
use super::cast::{printed, to_text};
use crate::func::{Context, FuncError, Function};
use crate::go::{strconv, strings, words};
use crate::types::Type;
use crate::value::Value;

const ANY: Type = Type::Any;
const INT: Type = Type::INT;
const STRING: Type = Type::STRING;

/// Declares functions from one string to another.
macro_rules! mapped {
    ($($name:literal $map:expr;)*) => {
        [$(Function::new($name, &[STRING], STRING, |context, args| {
            let map: fn(&[u8]) -> Vec<u8> = $map;
            let text = text(args, 0);
            string(context, map(&text))
        })),*]
    };
}

pub(super) const MAPPED: &[Function] = &mapped! {
    "camelcase" words::camel;
    "initials" words::initials;
    "kebabcase" words::kebab;
    "lower" strings::to_lower;
    "nospace" words::delete_white_space;
    "snakecase" words::snake;
    "swapcase" words::swap_case;
    "title" strings::title;
    "trim" |text| strings::trim_space(text).to_vec();
    "untitle" words::uncapitalize;
    "upper" strings::to_upper;
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abbrev", &[INT, STRING], STRING, abbrev),
    Function::new("abbrevboth", &[INT, INT, STRING], STRING, abbrevboth),
    Function::variadic("cat", &[ANY], STRING, cat),
    Function::new("contains", &[STRING, STRING], Type::BOOL, |_, args| Ok(strings::contains(&text(args, 1), &text(args, 0)).into())),
    Function::new("hasPrefix", &[STRING, STRING], Type::BOOL, |_, args| Ok(text(args, 1).starts_with(&text(args, 0)).into())),
    Function::new("hasSuffix", &[STRING, STRING], Type::BOOL, |_, args| Ok(text(args, 1).ends_with(&text(args, 0)).into())),
    Function::new("hello", &[], STRING, |_, _| Ok("Hello!".into())),
    Function::new("indent", &[INT, STRING], STRING, |context, args| indent(context, args, "")),
    Function::new("nindent", &[INT, STRING], STRING, |context, args| indent(context, args, "\n")),
    Function::new("plural", &[STRING, STRING, INT], STRING, |_, args| Ok(any(args, usize::from(int(args, 2) != 1)))),
    Function::variadic("quote", &[ANY], STRING, quote),
    Function::new("repeat", &[INT, STRING], STRING, repeat),
    Function::new("replace", &[STRING, STRING, STRING], STRING, replace),
    Function::variadic("squote", &[ANY], STRING, squote),
    Function::new("substr", &[INT, INT, STRING], STRING, substr),
    Function::new("toString", &[ANY], STRING, |context, args| {
        let text = to_text(context, &any(args, 0))?;
        string(context, text)
    }),
    Function::new("trimAll", &[STRING, STRING], STRING, trim_all),
    Function::new("trimPrefix", &[STRING, STRING], STRING, |context, args| {
        let (prefix, text) = (text(args, 0), text(args, 1));
        let start = if text.starts_with(&prefix) { prefix.len() } else { 0 };
        part(context, &text, start, text.len())
    }),
    Function::new("trimSuffix", &[STRING, STRING], STRING, |context, args| {
        let (suffix, text) = (text(args, 0), text(args, 1));
        let end = if text.ends_with(&suffix) { text.len() - suffix.len() } else { text.len() };
        part(context, &text, 0, end)
    }),
    Function::new("trimall", &[STRING, STRING], STRING, trim_all),
    Function::new("trunc", &[INT, STRING], STRING, trunc),
    Function::new("wrap", &[INT, STRING], STRING, |context, args| wrap(context, int(args, 0), b"", &text(args, 1), false)),
    Function::new("wrapWith", &[INT, STRING, STRING], STRING, |context, args| {
        wrap(context, int(args, 0), &text(args, 1), &text(args, 2), true)
    }),
    Function::new("fail", &[STRING], STRING, |_, args| Err(FuncError::new(text(args, 0).to_text().into_owned()))),
];

fn abbrev<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let width = int(args, 0);
    let text = text(args, 1);
    if width < 4 { Ok(text.into()) } else { string(context, words::abbreviate(&text, 0, width)) }
}

fn abbrevboth<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (left, right) = (int(args, 0), int(args, 1));
    let text = text(args, 2);
    if right < 4 || left > 0 && right < 7 { Ok(text.into()) } else { string(context, words::abbreviate(&text, left, right)) }
}

/// Joins what is not nil with spaces.
fn cat<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    joined(context, args, |context, value, out| {
        out.extend_from_slice(&printed(context, value)?);
        Ok(())
    })
}

fn quote<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    joined(context, args, |context, value, out| {
        out.extend(strconv::quote(&to_text(context, value)?, b'"', false).into_bytes());
        Ok(())
    })
}

fn squote<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    joined(context, args, |context, value, out| {
        out.push(b'\'');
        out.extend_from_slice(&printed(context, value)?);
        out.push(b'\'');
        Ok(())
    })
}

/// Writes everything that is not nil, with spaces between.
fn joined<'a>(
    context: &mut Context<'_>,
    args: &[Value<'a>],
    write: impl Fn(&Context<'_>, &Value<'a>, &mut Vec<u8>) -> Result<(), FuncError>,
) -> Done<'a> {
    let mut out = Vec::new();
    for (i, value) in args.iter().filter(|value| !matches!(value, Value::Nil)).enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        write(context, value, &mut out)?;
        if out.len() > context.bytes_left() {
            break;
        }
    }
    string(context, out)
}

fn repeat<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let count = usize::try_from(int(args, 0)).map_err(|_| "strings: negative Repeat count")?;
    let text = text(args, 1);
    context.reserve(text.len().saturating_mul(count))?;
    Ok(Value::string(if text.is_empty() { Vec::new() } else { text.repeat(count) }))
}

fn indent<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], before: &str) -> Done<'a> {
    let spaces = usize::try_from(int(args, 0)).map_err(|_| "strings: negative Repeat count")?;
    let text = text(args, 1);
    let lines = text.split(|byte| *byte == b'\n').count();
    context.reserve(before.len().saturating_add(text.len()).saturating_add(spaces.saturating_mul(lines)))?;
    let pad = vec![b' '; spaces];
    let mut out = before.as_bytes().to_vec();
    for (i, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&pad);
        out.extend_from_slice(line);
    }
    Ok(Value::string(out))
}

fn replace<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (old, new, text) = (text(args, 0), text(args, 1), text(args, 2));
    context.reserve(text.len().saturating_add(strings::count(&text, &old).saturating_mul(new.len())))?;
    Ok(Value::string(strings::replace(&text, &old, &new)))
}

fn trim_all<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (set, text) = (text(args, 0), text(args, 1));
    string(context, strings::trim(&text, &set).to_vec())
}

/// The first bytes, or for a negative number the last.
fn trunc<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let count = int(args, 0);
    let text = text(args, 1);
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if size >= text.len() {
        return Ok(text.into());
    }
    let (start, end) = if count < 0 { (text.len() - size, text.len()) } else { (0, size) };
    part(context, &text, start, end)
}

fn substr<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (start, end) = (int(args, 0), int(args, 1));
    let text = text(args, 2);
    let length = text.len();
    let outside = |what: String| Err(FuncError::new(format!("runtime error: slice bounds out of range {what}")));
    let within = |at: i64| usize::try_from(at).ok().filter(|at| *at <= length);
    if start < 0 {
        return match within(end) {
            Some(end) => part(context, &text, 0, end),
            None if end < 0 => outside(format!("[:{end}]")),
            None => outside(format!("[:{end}] with length {length}")),
        };
    }
    let to = within(end).unwrap_or(length);
    match within(start) {
        Some(from) if from <= to => part(context, &text, from, to),
        _ => outside(format!("[{start}:{to}]")),
    }
}

fn wrap<'a>(context: &mut Context<'_>, width: i64, separator: &[u8], text: &[u8], break_words: bool) -> Done<'a> {
    let wrapped = words::wrap(text, width, separator, break_words, context.bytes_left());
    string(context, wrapped.ok_or("result too large")?)
}
