//! Strings, bytes, characters, and padding.

use super::Printer;
use crate::go::strconv::{quote, quote_rune};
use crate::go::unicode::{decode, rune_count};

impl Printer<'_> {
    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn fill(&mut self, count: usize) {
        let byte = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        self.out.extend(std::iter::repeat_n(byte, count));
    }

    /// Writes with the width asked for, counted in characters.
    pub(super) fn padded(&mut self, text: &[u8]) {
        let missing = self.flags.width.map_or(0, |width| width.saturating_sub(rune_count(text)));
        if !self.flags.minus {
            self.fill(missing);
        }
        self.out.extend_from_slice(text);
        if self.flags.minus {
            self.fill(missing);
        }
    }

    pub(super) fn bool(&mut self, value: bool, verb: char) -> bool {
        if !matches!(verb, 't' | 'v') {
            return false;
        }
        self.padded(if value { b"true" } else { b"false" });
        true
    }

    /// Writes a string; false for a verb that strings do not have.
    pub(super) fn string_verb(&mut self, text: &[u8], verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => {
                let cut = self.truncated(text);
                self.padded(cut);
            }
            'x' | 'X' => self.hex(text, verb),
            'q' => self.quoted(text),
            _ => return false,
        }
        true
    }

    /// Cuts to the precision, counted in characters.
    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else { return text };
        let mut end = 0;
        for _ in 0..precision {
            match decode(&text[end..]) {
                (_, 0) => break,
                (_, width) => end += width,
            }
        }
        &text[..end]
    }

    pub(super) fn quoted(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        if self.flags.sharp && can_backquote(text) {
            let quoted = [b"`", text, b"`"].concat();
            self.padded(&quoted);
        } else {
            let quoted = quote(text, b'"', self.flags.plus);
            self.padded(quoted.as_bytes());
        }
    }

    fn hex(&mut self, bytes: &[u8], verb: char) {
        let (digits, prefix) = if verb == 'X' { (b"0123456789ABCDEF", "0X") } else { (b"0123456789abcdef", "0x") };
        let bytes = &bytes[..self.flags.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()))];
        let mut text = Vec::with_capacity(bytes.len() * 2);
        for (i, byte) in bytes.iter().enumerate() {
            if self.flags.space && i > 0 {
                text.push(b' ');
            }
            if self.flags.sharp && (self.flags.space || i == 0) {
                text.extend_from_slice(prefix.as_bytes());
            }
            text.push(digits[usize::from(byte >> 4)]);
            text.push(digits[usize::from(byte & 15)]);
        }
        self.padded(&text);
    }

    pub(super) fn character(&mut self, code: u64) {
        let c = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.padded(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    pub(super) fn quoted_character(&mut self, code: u64) {
        let text = quote_rune(i64::try_from(code).unwrap_or(-1), self.flags.plus);
        self.padded(text.as_bytes());
    }
}

/// Tells whether a raw string literal can hold the text.
fn can_backquote(mut text: &[u8]) -> bool {
    while let (c, width @ 1..) = decode(text) {
        match c {
            None | Some('\u{feff}' | '`' | '\u{7f}') => return false,
            Some(c) if c < ' ' && c != '\t' => return false,
            Some(_) => text = &text[width..],
        }
    }
    true
}
