//! Go's regular expression syntax, read into the form that the automata are built from.

use regex_syntax::hir::{Capture, Class, Hir, Look, Repetition};

use super::class;

/// How deep groups may nest: the automata are built by recursion, and a thread's stack is what it is.
const MAX_DEPTH: usize = 50;
/// The highest count of a repetition, and of nested ones multiplied.
const MAX_REPEAT: u32 = 1_000;

/// What is wrong, and where: Go quotes the part of the pattern.
#[derive(Debug)]
pub(super) struct Error<'p> {
    pub(super) what: &'static str,
    pub(super) at: &'p str,
}

/// Least and highest count of a repetition, and what follows its operator.
type Count<'p> = (u32, Option<u32>, &'p str);

/// A pattern that was read.
pub(super) struct Parsed {
    pub(super) hir: Hir,
    pub(super) names: Vec<Option<String>>,
}

#[derive(Clone, Copy)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_all: bool,
    ungreedy: bool,
}

/// A piece with how often its repetitions multiply.
struct Item {
    hir: Hir,
    count: u32,
}

/// A group being read: its finished alternatives and the one that grows.
struct Group {
    capture: Option<usize>,
    /// The flags to go back to at its end.
    outer: Flags,
    alternatives: Vec<Item>,
    items: Vec<Item>,
}

impl Group {
    fn new(capture: Option<usize>, outer: Flags) -> Self {
        Self { capture, outer, alternatives: Vec::new(), items: Vec::new() }
    }

    fn end_alternative(&mut self) {
        let items = std::mem::take(&mut self.items);
        let count = items.iter().map(|item| item.count).max().unwrap_or(1);
        self.alternatives.push(Item { hir: Hir::concat(items.into_iter().map(|item| item.hir).collect()), count });
    }

    fn finish(mut self) -> Item {
        self.end_alternative();
        let count = self.alternatives.iter().map(|item| item.count).max().unwrap_or(1);
        let hir = Hir::alternation(self.alternatives.into_iter().map(|item| item.hir).collect());
        let Some(index) = self.capture.and_then(|index| u32::try_from(index).ok()) else { return Item { hir, count } };
        Item { hir: Hir::capture(Capture { index, name: None, sub: Box::new(hir) }), count }
    }
}

struct Parser<'p> {
    whole: &'p str,
    rest: &'p str,
    flags: Flags,
    stack: Vec<Group>,
    current: Group,
    names: Vec<Option<String>>,
}

pub(super) fn parse(pattern: &str) -> Result<Parsed, Error<'_>> {
    let flags = Flags { fold: false, multi_line: false, dot_all: false, ungreedy: false };
    let current = Group::new(None, flags);
    Parser { whole: pattern, rest: pattern, flags, stack: Vec::new(), current, names: vec![None] }.run()
}

impl<'p> Parser<'p> {
    fn run(mut self) -> Result<Parsed, Error<'p>> {
        // Where the repetition right before this place begins.
        let mut repeated = None;
        while let Some(c) = self.rest.chars().next() {
            let here = self.rest;
            let last = repeated.take();
            if let Some((low, high, after)) = self.operator(c)? {
                self.repeat(low, high, after, last)?;
                repeated = Some(here);
                continue;
            }
            self.advance(c.len_utf8());
            let hir = match c {
                '(' => {
                    self.open(here)?;
                    continue;
                }
                ')' => {
                    self.close()?;
                    continue;
                }
                '|' => {
                    self.current.end_alternative();
                    continue;
                }
                '^' => Hir::look(if self.flags.multi_line { Look::StartLF } else { Look::Start }),
                '$' => Hir::look(if self.flags.multi_line { Look::EndLF } else { Look::End }),
                '.' => set(if self.flags.dot_all { class::range(0, 0x10_FFFF) } else { class::finish(class::range(10, 10), false, true) }),
                '[' => self.class(here)?,
                '\\' if self.rest.starts_with('Q') => {
                    self.quoted();
                    continue;
                }
                '\\' => self.escape(here)?,
                _ => self.literal(u32::from(c)),
            };
            self.push(hir);
        }
        if !self.stack.is_empty() {
            return Err(Error { what: "missing closing )", at: self.whole });
        }
        Ok(Parsed { hir: self.current.finish().hir, names: self.names })
    }

    fn push(&mut self, hir: Hir) {
        self.current.items.push(Item { hir, count: 1 });
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.advance(c.len_utf8());
        Some(c)
    }

    /// What has been read since `start`.
    fn since(&self, start: &'p str) -> &'p str {
        &start[..start.len() - self.rest.len()]
    }

    fn literal(&self, code: u32) -> Hir {
        match char::from_u32(code) {
            Some(c) if !self.flags.fold => Hir::literal(c.to_string().into_bytes()),
            _ => set(class::finish(class::range(code, code), self.flags.fold, false)),
        }
    }

    /// A repetition operator at this place: least and highest count, and what follows it.
    fn operator(&self, c: char) -> Result<Option<Count<'p>>, Error<'p>> {
        let after = &self.rest[c.len_utf8()..];
        Ok(match c {
            '*' => Some((0, None, after)),
            '+' => Some((1, None, after)),
            '?' => Some((0, Some(1), after)),
            '{' => match counted(after) {
                Some((low, high, after)) => {
                    let invalid = low > MAX_REPEAT || high.is_some_and(|high| high > MAX_REPEAT || high < low);
                    if invalid {
                        return Err(Error { what: "invalid repeat count", at: &self.rest[..self.rest.len() - after.len()] });
                    }
                    Some((low, high, after))
                }
                None => None,
            },
            _ => None,
        })
    }

    fn repeat(&mut self, low: u32, high: Option<u32>, after: &'p str, last: Option<&'p str>) -> Result<(), Error<'p>> {
        let here = self.rest;
        self.rest = after;
        let lazy = self.rest.starts_with('?');
        if lazy {
            self.advance(1);
        }
        if let Some(last) = last {
            return Err(Error { what: "invalid nested repetition operator", at: self.since(last) });
        }
        let Some(item) = self.current.items.pop() else {
            return Err(Error { what: "missing argument to repetition operator", at: self.since(here) });
        };
        let counted = here.starts_with('{');
        let times = if counted { high.unwrap_or(low).max(1) } else { 1 };
        let count = if counted && high == Some(0) { 1 } else { item.count.saturating_mul(times) };
        if times >= 2 && count > MAX_REPEAT {
            return Err(Error { what: "invalid repeat count", at: self.since(here) });
        }
        let greedy = lazy == self.flags.ungreedy;
        self.current.items.push(Item { hir: Hir::repetition(Repetition { min: low, max: high, greedy, sub: Box::new(item.hir) }), count });
        Ok(())
    }

    /// Reads what follows an opening parenthesis.
    fn open(&mut self, here: &'p str) -> Result<(), Error<'p>> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Error { what: "expression nests too deeply", at: self.whole });
        }
        let mut name = None;
        let mut capture = !self.rest.starts_with('?');
        if !capture {
            let named = ["?P<", "?<"].into_iter().find(|prefix| self.rest.starts_with(prefix));
            // `(?P<` or `(?<` at the very end is no named group to Go.
            if let Some(prefix) = named.filter(|prefix| self.rest.len() > prefix.len()) {
                let Some(end) = here.find('>') else { return Err(Error { what: "invalid named capture", at: here }) };
                let text = here.get(1 + prefix.len()..end).unwrap_or_default();
                if text.is_empty() || !text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                    return Err(Error { what: "invalid named capture", at: &here[..=end] });
                }
                name = Some(text.to_owned());
                capture = true;
                self.rest = &here[end + 1..];
            }
        }
        let outer = self.flags;
        if !capture && !self.flags(here)? {
            return Ok(());
        }
        let index = capture.then(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        let group = Group::new(index, outer);
        self.stack.push(std::mem::replace(&mut self.current, group));
        Ok(())
    }

    /// Reads `?i)` or `?i:`; tells whether a group begins.
    fn flags(&mut self, here: &'p str) -> Result<bool, Error<'p>> {
        self.advance(1);
        let (mut flags, mut on, mut seen) = (self.flags, true, false);
        while let Some(c) = self.next() {
            match c {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'U' => flags.ungreedy = on,
                '-' if on => {
                    (on, seen) = (false, false);
                    continue;
                }
                ':' | ')' if on || seen => {
                    self.flags = flags;
                    return Ok(c == ':');
                }
                _ => break,
            }
            seen = true;
        }
        Err(Error { what: "invalid or unsupported Perl syntax", at: self.since(here) })
    }

    fn close(&mut self) -> Result<(), Error<'p>> {
        let Some(outer) = self.stack.pop() else { return Err(Error { what: "unexpected )", at: self.whole }) };
        let group = std::mem::replace(&mut self.current, outer);
        self.flags = group.outer;
        self.current.items.push(group.finish());
        Ok(())
    }

    /// `\Q…\E`: everything up to `\E`, or the end, as it stands.
    fn quoted(&mut self) {
        self.advance(1);
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        for c in text.chars() {
            let literal = self.literal(u32::from(c));
            self.push(literal);
        }
    }

    /// Reads what follows a backslash outside of a class.
    fn escape(&mut self, here: &'p str) -> Result<Hir, Error<'p>> {
        let look = match self.rest.chars().next() {
            Some('A') => Look::Start,
            Some('z') => Look::End,
            Some('b') => Look::WordAscii,
            Some('B') => Look::WordAsciiNegate,
            Some('C') => return Err(Error { what: "invalid escape sequence", at: &here[..2] }),
            _ => {
                return Ok(match self.class_escape(here)? {
                    Some(class) => set(class),
                    None => {
                        let code = self.character_escape(here)?;
                        self.literal(code)
                    }
                });
            }
        };
        self.advance(1);
        Ok(Hir::look(look))
    }

    /// `\d` and its like, `\pL`, `\p{Greek}`; the backslash has been read.
    fn class_escape(&mut self, here: &'p str) -> Result<Option<regex_syntax::hir::ClassUnicode>, Error<'p>> {
        let Some(letter) = self.rest.chars().next() else { return Ok(None) };
        if let Some(class) = class::perl(letter, self.flags.fold) {
            self.advance(1);
            return Ok(Some(class));
        }
        if !matches!(letter, 'p' | 'P') {
            return Ok(None);
        }
        self.advance(1);
        let name = match self.next() {
            Some('{') => {
                let Some((name, rest)) = self.rest.split_once('}') else {
                    return Err(Error { what: "invalid character class range", at: here });
                };
                self.rest = rest;
                name
            }
            Some(c) => &here[2..2 + c.len_utf8()],
            None => return Err(Error { what: "invalid escape sequence", at: here }),
        };
        let class = class::unicode(name, self.flags.fold, letter == 'P');
        class.map(Some).ok_or_else(|| Error { what: "invalid character class range", at: self.since(here) })
    }

    /// An escape that stands for one character; the backslash has been read.
    fn character_escape(&mut self, here: &'p str) -> Result<u32, Error<'p>> {
        let Some(c) = self.next() else { return Err(Error { what: "trailing backslash at end of expression", at: "" }) };
        let octal = |rest: &str| rest.starts_with(|c: char| c.is_digit(8));
        let code = match c {
            'a' => Some(7),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            'x' => self.hexadecimal(),
            // A single digit from 1 to 7 would be a back reference.
            '0'..='7' if c == '0' || octal(self.rest) => {
                let mut value = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
                    self.advance(1);
                    value = value * 8 + digit;
                }
                Some(value)
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
            _ => None,
        };
        code.ok_or_else(|| Error { what: "invalid escape sequence", at: self.since(here) })
    }

    /// `41` or `{1F600}`.
    fn hexadecimal(&mut self) -> Option<u32> {
        let first = self.next()?;
        if first != '{' {
            let high = first.to_digit(16);
            let low = self.next()?.to_digit(16);
            return Some(high? * 16 + low?);
        }
        let (mut value, mut digits) = (0_u32, 0);
        loop {
            match self.next()? {
                '}' => return (digits > 0).then_some(value),
                c => value = value.checked_mul(16)?.checked_add(c.to_digit(16)?).filter(|value| *value <= 0x10_FFFF)?,
            }
            digits += 1;
        }
    }

    /// A class in brackets, of which the first has been read.
    fn class(&mut self, here: &'p str) -> Result<Hir, Error<'p>> {
        let negated = self.rest.starts_with('^');
        if negated {
            self.advance(1);
        }
        let mut class = regex_syntax::hir::ClassUnicode::empty();
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            let start = self.rest;
            if let Some(name) = start.strip_prefix("[:").and_then(|rest| rest.split_once(":]")).map(|(name, _)| name) {
                self.advance(name.len() + 4);
                let named = class::posix(name, self.flags.fold);
                class.union(&named.ok_or_else(|| Error { what: "invalid character class range", at: self.since(start) })?);
                continue;
            }
            if start.starts_with('\\') {
                self.advance(1);
                if let Some(escaped) = self.class_escape(start)? {
                    class.union(&escaped);
                    continue;
                }
                self.rest = start;
            }
            let low = self.class_character(here)?;
            let mut high = low;
            if self.rest.starts_with('-') && self.rest.len() >= 2 && !self.rest.starts_with("-]") {
                self.advance(1);
                high = self.class_character(here)?;
                if high < low {
                    return Err(Error { what: "invalid character class range", at: self.since(start) });
                }
            }
            class.union(&class::finish(class::range(low, high), self.flags.fold, false));
        }
        self.advance(1);
        Ok(set(class::finish(class, false, negated)))
    }

    fn class_character(&mut self, whole: &'p str) -> Result<u32, Error<'p>> {
        let start = self.rest;
        match self.next() {
            None => Err(Error { what: "missing closing ]", at: whole }),
            Some('\\') => self.character_escape(start),
            Some(c) => Ok(u32::from(c)),
        }
    }
}

fn set(class: regex_syntax::hir::ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(class))
}

/// Reads `n}`, `n,}` or `n,m}`: the counts and what follows. Numbers that are too large stay too large.
fn counted(text: &str) -> Option<Count<'_>> {
    let (low, rest) = count(text)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((low, Some(low), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((low, None, rest));
    }
    let (high, rest) = count(rest)?;
    Some((low, Some(high), rest.strip_prefix('}')?))
}

fn count(text: &str) -> Option<(u32, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() || number.len() > 1 && number.starts_with('0') {
        return None;
    }
    Some((number.parse().unwrap_or(u32::MAX), rest))
}
