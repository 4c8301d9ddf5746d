//! Go's `regexp`: RE2 syntax and leftmost-first matches, run by Rust's automata.
//!
//! In: a pattern and bytes. Out: matches as byte ranges, texts, or Go's error text. A pattern is read by Go's rules, so that one that Go refuses is
//! refused here. Time is linear in the text; patterns, their nesting and their memory are limited.

mod class;
mod expand;
mod parser;

use std::{borrow::Cow, cell::RefCell, collections::VecDeque, fmt, ops::Range, rc::Rc};

use regex_automata::{
    Input,
    meta::{BuildError, Config, Regex},
};

use super::unicode::{REPLACEMENT, runes};

/// How much a compiled pattern may weigh.
pub const SIZE_LIMIT: usize = 8 << 20;
/// How many compiled patterns a thread keeps.
const KEPT: usize = 64;
/// How much the patterns that a thread keeps may weigh together.
const KEPT_SIZE: usize = 16 << 20;
/// Longer patterns are not kept.
const KEPT_LENGTH: usize = 4 << 10;

/// A compiled pattern.
#[derive(Debug)]
pub struct Regexp {
    regex: Regex,
    /// The names of the groups, the whole match first.
    names: Vec<Option<String>>,
    size: usize,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// Go's words.
    Syntax(String),
    /// It takes too much memory; nearly as much was taken to find out. Go's words.
    TooLarge(String),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Syntax(text) | Self::TooLarge(text)) = self;
        f.write_str(text)
    }
}

/// The result grew past what the caller allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Patterns, the one used last at the end.
type Cache = VecDeque<(Box<[u8]>, Rc<Regexp>)>;

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(VecDeque::new()) };
}

/// Compiles a pattern, or takes it from the few that were used last.
///
/// # Errors
/// Go's text: ``error parsing regexp: missing closing ): `(` `` and the like.
pub fn compile(pattern: &[u8]) -> Result<Rc<Regexp>, PatternError> {
    let known = CACHE.with_borrow_mut(|cache| {
        let at = cache.iter().position(|(known, _)| **known == *pattern)?;
        let entry = cache.remove(at)?;
        let regexp = Rc::clone(&entry.1);
        cache.push_back(entry);
        Some(regexp)
    });
    if let Some(regexp) = known {
        return Ok(regexp);
    }
    let regexp = Rc::new(Regexp::new(pattern)?);
    if pattern.len() <= KEPT_LENGTH {
        CACHE.with_borrow_mut(|cache| {
            cache.push_back((pattern.into(), Rc::clone(&regexp)));
            let mut size: usize = cache.iter().map(|(_, regexp)| regexp.size).sum();
            while cache.len() > KEPT || size > KEPT_SIZE {
                size -= cache.pop_front().map_or(size, |(_, regexp)| regexp.size);
            }
        });
    }
    Ok(regexp)
}

/// Escapes every character that means something in a pattern.
#[must_use]
pub fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if b"\\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

impl Regexp {
    /// Gives what the compiled pattern weighs in bytes; compiling it takes time in proportion, and so may, for each byte of a text, a search.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        let fail =
            |what: &str, text: &[u8]| PatternError::Syntax(format!("error parsing regexp: {what}: `{}`", String::from_utf8_lossy(text)));
        let text = std::str::from_utf8(pattern).map_err(|error| fail("invalid UTF-8", &pattern[error.valid_up_to()..]))?;
        let parsed = parser::parse(text).map_err(|error| fail(error.what, error.at.as_bytes()))?;
        let config = Config::new().nfa_size_limit(Some(SIZE_LIMIT)).hybrid_cache_capacity(1 << 18).utf8_empty(true);
        let regex = Regex::builder().configure(config).build_from_hir(&parsed.hir).map_err(|error| refused(&error, pattern))?;
        Ok(Self { size: regex.memory_usage(), regex, names: parsed.names })
    }

    /// Tells whether the pattern matches anywhere.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(Input::new(&*Text::new(text).valid))
    }

    /// Finds the first match.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<Range<usize>> {
        let text = Text::new(text);
        self.regex.find(Input::new(&*text.valid)).map(|found| text.original(found.range()))
    }

    /// Finds the first `limit` matches that do not overlap, all when it is negative.
    #[must_use]
    pub fn find_all(&self, text: &[u8], limit: i64) -> Vec<Range<usize>> {
        let limit = usize::try_from(limit).unwrap_or(if limit < 0 { usize::MAX } else { 0 });
        let text = Text::new(text);
        self.regex.find_iter(Input::new(&*text.valid)).take(limit).map(|found| text.original(found.range())).collect()
    }

    /// Replaces every match by a template, in which `$1` and `${name}` stand for groups.
    ///
    /// # Errors
    /// The result is larger than `limit`.
    pub fn replace_all(&self, text: &[u8], template: &[u8], limit: usize) -> Result<Vec<u8>, TooLarge> {
        let pieces = expand::parse(template, &self.names);
        let marked = Text::new(text);
        let (mut out, mut last) = (Vec::with_capacity(text.len()), 0);
        for captures in self.regex.captures_iter(Input::new(&*marked.valid)) {
            let Some(whole) = captures.get_group(0).map(|span| marked.original(span.range())) else { continue };
            out.extend_from_slice(&text[last..whole.start]);
            for piece in &pieces {
                match piece {
                    expand::Piece::Text(literal) => out.extend_from_slice(literal),
                    expand::Piece::Group(index) => {
                        let span = captures.get_group(*index).map(|span| marked.original(span.range()));
                        out.extend_from_slice(span.map_or(&[], |span| &text[span]));
                    }
                }
                if out.len() > limit {
                    return Err(TooLarge);
                }
            }
            last = whole.end;
        }
        out.extend_from_slice(&text[last..]);
        if out.len() > limit { Err(TooLarge) } else { Ok(out) }
    }

    /// Replaces every match by a text as it stands.
    ///
    /// # Errors
    /// The result is larger than `limit`.
    pub fn replace_all_literal(&self, text: &[u8], replacement: &[u8], limit: usize) -> Result<Vec<u8>, TooLarge> {
        let (mut out, mut last) = (Vec::with_capacity(text.len()), 0);
        for found in self.find_all(text, -1) {
            out.extend_from_slice(&text[last..found.start]);
            out.extend_from_slice(replacement);
            last = found.end;
            if out.len() > limit {
                return Err(TooLarge);
            }
        }
        out.extend_from_slice(&text[last..]);
        if out.len() > limit { Err(TooLarge) } else { Ok(out) }
    }

    /// Splits at the matches into at most `limit` parts: none for 0, all for less.
    #[must_use]
    pub fn split<'t>(&self, text: &'t [u8], limit: i64, empty_pattern: bool) -> Vec<&'t [u8]> {
        if limit == 0 {
            return Vec::new();
        }
        if text.is_empty() && !empty_pattern {
            return vec![text];
        }
        let (mut out, mut begin, mut end) = (Vec::new(), 0, 0);
        for found in self.find_all(text, limit) {
            if limit > 0 && i64::try_from(out.len()).is_ok_and(|count| count >= limit - 1) {
                break;
            }
            end = found.start;
            if found.end != 0 {
                out.push(&text[begin..end]);
            }
            begin = found.end;
        }
        if end != text.len() {
            out.push(&text[begin..]);
        }
        out
    }
}

fn refused(error: &BuildError, pattern: &[u8]) -> PatternError {
    let said = |what: &str| format!("error parsing regexp: {what}: `{}`", String::from_utf8_lossy(pattern));
    match error.size_limit() {
        Some(_) => PatternError::TooLarge(said("expression too large")),
        None => PatternError::Syntax(said("internal error")),
    }
}

/// A text for the automata, which want UTF-8: every byte that is none counts as U+FFFD, as in Go.
struct Text<'t> {
    valid: Cow<'t, str>,
    /// Where each byte of the valid text was; nothing when it is the text itself.
    offsets: Option<Vec<usize>>,
}

impl<'t> Text<'t> {
    fn new(bytes: &'t [u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self { valid: Cow::Borrowed(text), offsets: None };
        }
        let (mut valid, mut offsets) = (String::with_capacity(bytes.len()), Vec::with_capacity(bytes.len() + 1));
        for (at, c) in runes(bytes) {
            valid.push(c.unwrap_or(REPLACEMENT));
            offsets.resize(valid.len(), at);
        }
        offsets.push(bytes.len());
        Self { valid: Cow::Owned(valid), offsets: Some(offsets) }
    }

    fn original(&self, range: Range<usize>) -> Range<usize> {
        let at = |offset: usize| self.offsets.as_ref().map_or(offset, |offsets| offsets.get(offset).copied().unwrap_or(0));
        at(range.start)..at(range.end)
    }
}

#[cfg(test)]
mod tests;
