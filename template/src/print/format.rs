//! `printf`: reads the format and prints each argument as its verb asks.

use super::{Flags, Printer};
use crate::go::unicode::decode;
use crate::value::Value;

/// Larger widths and precisions are refused.
const TOO_LARGE: i64 = 1_000_000;

/// Go's `fmt.Sprintf`. Past the limit it stops where it is.
pub fn sprintf(format: &[u8], values: &[Value<'_>], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16);
    let printer = Printer::new(&mut out, limit);
    Format { format, values, at: 0, next: 0, reordered: false, good_index: true, after_index: false, printer }.run();
    out
}

struct Format<'f, 'v, 'o> {
    format: &'f [u8],
    values: &'f [Value<'v>],
    at: usize,
    /// The next argument.
    next: usize,
    /// Whether an index was given somewhere, after which extra arguments are not complained of.
    reordered: bool,
    good_index: bool,
    after_index: bool,
    printer: Printer<'o>,
}

impl Format<'_, '_, '_> {
    fn run(mut self) {
        while self.at < self.format.len() && !self.printer.full() {
            let rest = &self.format[self.at..];
            let text = rest.iter().position(|c| *c == b'%').unwrap_or(rest.len());
            self.printer.out.extend_from_slice(&rest[..text]);
            self.at += text;
            if self.at < self.format.len() {
                self.at += 1;
                self.directive();
            }
        }
        self.extra();
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn directive(&mut self) {
        self.printer.flags = Flags::default();
        (self.good_index, self.after_index) = (true, false);
        self.flags();
        self.index();
        self.width();
        if self.peek() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            self.precision();
        }
        if !self.after_index {
            self.index();
        }
        let (verb, width) = decode(&self.format[self.at.min(self.format.len())..]);
        if width == 0 {
            return self.printer.raw("%!(NOVERB)");
        }
        self.at += width;
        self.verb(verb.unwrap_or(char::REPLACEMENT_CHARACTER));
    }

    fn flags(&mut self) {
        while let Some(c) = self.peek() {
            let flags = &mut self.printer.flags;
            match c {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    fn width(&mut self) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.integer_argument() {
                Some(width) => {
                    let flags = &mut self.printer.flags;
                    if width < 0 {
                        (flags.minus, flags.zero) = (true, false);
                    }
                    flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.printer.raw("%!(BADWIDTH)"),
            }
            self.after_index = false;
            return;
        }
        self.printer.flags.width = self.number();
        if self.after_index && self.printer.flags.width.is_some() {
            self.good_index = false;
        }
    }

    fn precision(&mut self) {
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            self.printer.flags.precision = self.integer_argument().and_then(|precision| usize::try_from(precision).ok());
            if self.printer.flags.precision.is_none() {
                self.printer.raw("%!(BADPREC)");
            }
            self.after_index = false;
            return;
        }
        self.printer.flags.precision = Some(self.number().unwrap_or(0));
    }

    /// Reads digits; a number too large skips the rest of the format, as in Go.
    fn number(&mut self) -> Option<usize> {
        let (value, end) = parse_number(self.format, self.at, self.format.len());
        self.at = end;
        value
    }

    fn integer_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let value = match value {
            Value::Int(value, _) => *value,
            Value::Uint(value, _) => i64::try_from(*value).ok()?,
            _ => return None,
        };
        (-TOO_LARGE..=TOO_LARGE).contains(&value).then_some(value)
    }

    /// Reads `[3]`, if there.
    fn index(&mut self) {
        if self.peek() != Some(b'[') {
            self.after_index = false;
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(close) = rest.iter().position(|c| *c == b']').filter(|_| rest.len() >= 3) else {
            self.at += 1;
            (self.good_index, self.after_index) = (false, false);
            return;
        };
        let (index, end) = parse_number(rest, 1, close);
        self.at += close + 1;
        let index = index.filter(|_| end == close);
        self.after_index = index.is_some();
        match index.and_then(|index| index.checked_sub(1)).filter(|index| *index < self.values.len()) {
            Some(index) => self.next = index,
            None => self.good_index = false,
        }
    }

    fn verb(&mut self, verb: char) {
        if verb == '%' {
            self.printer.out.push(b'%');
            return;
        }
        if !self.good_index {
            return self.printer.raw(&format!("%!{verb}(BADINDEX)"));
        }
        let Some(value) = self.values.get(self.next) else {
            return self.printer.raw(&format!("%!{verb}(MISSING)"));
        };
        self.next += 1;
        let flags = &mut self.printer.flags;
        if matches!(verb, 'v' | 'w') {
            flags.sharp_v = std::mem::take(&mut flags.sharp);
            flags.plus_v = std::mem::take(&mut flags.plus);
        }
        self.printer.argument(value, verb);
    }

    /// Complains of arguments that no verb asked for.
    fn extra(mut self) {
        if self.reordered || self.next >= self.values.len() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.raw("%!(EXTRA ");
        for (i, value) in self.values[self.next..].iter().enumerate() {
            self.printer.raw(if i > 0 { ", " } else { "" });
            if !matches!(value, Value::Nil) {
                self.printer.raw(&value.type_name());
                self.printer.out.push(b'=');
            }
            self.printer.argument(value, 'v');
            if self.printer.full() {
                return;
            }
        }
        self.printer.out.push(b')');
    }
}

/// Reads digits between two places: the number, if there is one, and where it ends.
fn parse_number(text: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let (mut value, mut at) = (None, start);
    while at < end && text[at].is_ascii_digit() {
        let so_far: usize = value.unwrap_or(0);
        if so_far > 1_000_000 {
            return (None, end);
        }
        value = Some(so_far * 10 + usize::from(text[at] - b'0'));
        at += 1;
    }
    (value, if start < end { at } else { end })
}
