//! Regular expressions.

use std::rc::Rc;

use super::args::{Done, charge_elements, int, part, string, text};
use super::split::charge;
use crate::func::{Context, FuncError, Function};
use crate::go::regexp::{self, PatternError, Regexp, TooLarge};
use crate::go::strconv;
use crate::types::Type;
use crate::value::{List, Value};

const BOOL: Type = Type::BOOL;
const INT: Type = Type::INT;
const STRING: Type = Type::STRING;
const STRINGS: Type = Type::STRINGS;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("mustRegexFind", &[STRING, STRING], STRING, |context, args| find(context, args, plainly)),
    Function::new("mustRegexFindAll", &[STRING, STRING, INT], STRINGS, |context, args| find_all(context, args, plainly)),
    Function::new("mustRegexMatch", &[STRING, STRING], BOOL, |context, args| {
        let (pattern, text) = (text(args, 0), text(args, 1));
        Ok(compile_or(context, &pattern, &text, plainly)?.is_match(&text).into())
    }),
    Function::new("mustRegexReplaceAll", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, plainly, false)),
    Function::new("mustRegexReplaceAllLiteral", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, plainly, true)),
    Function::new("mustRegexSplit", &[STRING, STRING, INT], STRINGS, |context, args| split(context, args, plainly)),
    Function::new("regexFind", &[STRING, STRING], STRING, |context, args| find(context, args, as_panic)),
    Function::new("regexFindAll", &[STRING, STRING, INT], STRINGS, |context, args| find_all(context, args, as_panic)),
    Function::new("regexMatch", &[STRING, STRING], BOOL, |context, args| {
        let (pattern, text) = (text(args, 0), text(args, 1));
        Ok(compile(context, &pattern, &text)?.is_ok_and(|regexp| regexp.is_match(&text)).into())
    }),
    Function::new("regexQuoteMeta", &[STRING], STRING, |context, args| string(context, regexp::quote_meta(&text(args, 0)))),
    Function::new("regexReplaceAll", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, as_panic, false)),
    Function::new("regexReplaceAllLiteral", &[STRING, STRING, STRING], STRING, |context, args| replace(context, args, as_panic, true)),
    Function::new("regexSplit", &[STRING, STRING, INT], STRINGS, |context, args| split(context, args, as_panic)),
];

/// How a pattern that is none is complained of.
type Complain = fn(&[u8], &PatternError) -> FuncError;

/// Compiles a pattern for a search through a text. Counts what both may take: the same whether the pattern was at hand or not.
fn compile(context: &mut Context<'_>, pattern: &[u8], text: &[u8]) -> Result<Result<Rc<Regexp>, PatternError>, FuncError> {
    context.spend(8 * pattern.len() as u64)?;
    let compiled = regexp::compile(pattern);
    let (size, length) = match &compiled {
        Ok(regexp) => (regexp.size() as u64, text.len() as u64),
        Err(PatternError::TooLarge(_)) => (regexp::SIZE_LIMIT as u64, 0),
        Err(PatternError::Syntax(_)) => (0, 0),
    };
    context.spend(size / 32 + size.saturating_mul(length) / 10_000)?;
    Ok(compiled)
}

fn compile_or(context: &mut Context<'_>, pattern: &[u8], text: &[u8], complain: Complain) -> Result<Rc<Regexp>, FuncError> {
    compile(context, pattern, text)?.map_err(|error| complain(pattern, &error))
}

fn plainly(_: &[u8], error: &PatternError) -> FuncError {
    FuncError::new(error.to_string())
}

/// Complains in the words of Go's `regexp.MustCompile`.
fn as_panic(pattern: &[u8], error: &PatternError) -> FuncError {
    let plain = |text: &&str| !text.contains(|c: char| matches!(c, '`' | '\u{feff}' | '\u{7f}') || c < ' ' && c != '\t');
    let shown = match std::str::from_utf8(pattern).ok().filter(plain) {
        Some(text) => format!("`{text}`"),
        None => strconv::quote(pattern, b'"', false),
    };
    FuncError::new(format!("regexp: Compile({shown}): {error}"))
}

fn find<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], complain: Complain) -> Done<'a> {
    let (pattern, text) = (text(args, 0), text(args, 1));
    let found = compile_or(context, &pattern, &text, complain)?.find(&text).unwrap_or(0..0);
    part(context, &text, found.start, found.end)
}

/// A list of texts, nil when there is none.
fn find_all<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], complain: Complain) -> Done<'a> {
    let (pattern, text, limit) = (text(args, 0), text(args, 1), int(args, 2));
    let found = compile_or(context, &pattern, &text, complain)?.find_all(&text, limit);
    if found.is_empty() {
        return Ok(Value::List(List::nil(&Type::STRING)));
    }
    charge_elements(context, found.len())?;
    context.reserve(found.iter().map(ExactSizeIterator::len).sum())?;
    Ok(Value::strings(found.into_iter().map(|range| text.slice(range.start, range.end))))
}

fn replace<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], complain: Complain, literal: bool) -> Done<'a> {
    let (pattern, text, replacement) = (text(args, 0), text(args, 1), text(args, 2));
    let (regexp, limit) = (compile_or(context, &pattern, &text, complain)?, context.bytes_left());
    let replaced =
        if literal { regexp.replace_all_literal(&text, &replacement, limit) } else { regexp.replace_all(&text, &replacement, limit) };
    string(context, replaced.map_err(|TooLarge| "result too large")?)
}

fn split<'a>(context: &mut Context<'_>, args: &mut [Value<'a>], complain: Complain) -> Done<'a> {
    let (pattern, text, limit) = (text(args, 0), text(args, 1), int(args, 2));
    let regexp = compile_or(context, &pattern, &text, complain)?;
    let parts = regexp.split(&text, limit, pattern.is_empty());
    if limit == 0 {
        return Ok(Value::List(List::nil(&Type::STRING)));
    }
    charge(context, &parts)?;
    Ok(Value::strings(parts.into_iter().map(<[u8]>::to_vec)))
}
