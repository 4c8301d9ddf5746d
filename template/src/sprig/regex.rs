//! Regular expressions.

use std::rc::Rc;

use super::args::{Done, charge_elements, int, string, text};
use super::split::charge;
use crate::func::{Context, FuncError, Function};
use crate::go::regexp::{self, Regexp, TooLarge};
use crate::go::strconv;
use crate::types::Type;
use crate::value::{List, Value};

const BOOL: Type = Type::BOOL;
const INT: Type = Type::INT;
const STRING: Type = Type::STRING;
const STRINGS: Type = Type::STRINGS;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("mustRegexFind", &[STRING, STRING], STRING, |context, args| find(context, args, compile)),
    Function::new("mustRegexFindAll", &[STRING, STRING, INT], STRINGS, |context, args| find_all(context, args, compile)),
    Function::new("mustRegexMatch", &[STRING, STRING], BOOL, |context, args| {
        let (pattern, text) = (text(args, 0), text(args, 1));
        charge_search(context, &text)?;
        Ok(compile(&pattern)?.is_match(&text).into())
    }),
    Function::new("mustRegexReplaceAll", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, compile, false)),
    Function::new("mustRegexReplaceAllLiteral", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, compile, true)),
    Function::new("mustRegexSplit", &[STRING, STRING, INT], STRINGS, |context, args| split(context, args, compile)),
    Function::new("regexFind", &[STRING, STRING], STRING, |context, args| find(context, args, must_compile)),
    Function::new("regexFindAll", &[STRING, STRING, INT], STRINGS, |context, args| find_all(context, args, must_compile)),
    Function::new("regexMatch", &[STRING, STRING], BOOL, |context, args| {
        let (pattern, text) = (text(args, 0), text(args, 1));
        charge_search(context, &text)?;
        Ok(compile(&pattern).is_ok_and(|regexp| regexp.is_match(&text)).into())
    }),
    Function::new("regexQuoteMeta", &[STRING], STRING, |context, args| string(context, regexp::quote_meta(&text(args, 0)))),
    Function::new("regexReplaceAll", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, must_compile, false)),
    Function::new("regexReplaceAllLiteral", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, must_compile, true)),
    Function::new("regexSplit", &[STRING, STRING, INT], STRINGS, |context, args| split(context, args, must_compile)),
];

/// Charges for a search: a pattern costs, and so does going through a text.
fn charge_search(context: &mut Context<'_>, text: &[u8]) -> Result<(), FuncError> {
    context.reserve(256 + text.len() / 64)
}

type Compile = fn(&[u8]) -> Result<Rc<Regexp>, FuncError>;

fn compile(pattern: &[u8]) -> Result<Rc<Regexp>, FuncError> {
    regexp::compile(pattern).map_err(FuncError::from)
}

/// Fails in the words of Go's `regexp.MustCompile`.
fn must_compile(pattern: &[u8]) -> Result<Rc<Regexp>, FuncError> {
    regexp::compile(pattern).map_err(|error| {
        let plain = |text: &&str| !text.contains(|c: char| matches!(c, '`' | '\u{feff}' | '\u{7f}') || c < ' ' && c != '\t');
        let shown = match std::str::from_utf8(pattern).ok().filter(plain) {
            Some(text) => format!("`{text}`"),
            None => strconv::quote(pattern, b'"', false),
        };
        FuncError::new(format!("regexp: Compile({shown}): {error}"))
    })
}

fn find<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], compile: Compile) -> Done<'a> {
    let (pattern, text) = (text(args, 0), text(args, 1));
    charge_search(context, &text)?;
    let found = compile(&pattern)?.find(&text).unwrap_or(0..0);
    Ok(text.slice(found.start, found.end).into())
}

/// A list of texts, nil when there is none.
fn find_all<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], compile: Compile) -> Done<'a> {
    let (pattern, text, limit) = (text(args, 0), text(args, 1), int(args, 2));
    charge_search(context, &text)?;
    let found = compile(&pattern)?.find_all(&text, limit);
    if found.is_empty() {
        return Ok(Value::List(List::nil(&Type::STRING)));
    }
    charge_elements(context, found.len())?;
    context.reserve(found.iter().map(ExactSizeIterator::len).sum())?;
    Ok(Value::strings(found.into_iter().map(|range| text.slice(range.start, range.end))))
}

fn replace<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], compile: Compile, literal: bool) -> Done<'a> {
    let (pattern, text, replacement) = (text(args, 0), text(args, 1), text(args, 2));
    charge_search(context, &text)?;
    let (regexp, limit) = (compile(&pattern)?, context.bytes_left());
    let replaced =
        if literal { regexp.replace_all_literal(&text, &replacement, limit) } else { regexp.replace_all(&text, &replacement, limit) };
    string(context, replaced.map_err(|TooLarge| "result too large")?)
}

fn split<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], compile: Compile) -> Done<'a> {
    let (pattern, text, limit) = (text(args, 0), text(args, 1), int(args, 2));
    let regexp = compile(&pattern)?;
    charge_search(context, &text)?;
    let parts = regexp.split(&text, limit, pattern.is_empty());
    if limit == 0 {
        return Ok(Value::List(List::nil(&Type::STRING)));
    }
    charge(context, &parts)?;
    Ok(Value::strings(parts.into_iter().map(<[u8]>::to_vec)))
}
