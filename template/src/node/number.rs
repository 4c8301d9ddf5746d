//! Numeric constants: one text, and each of the types it can be a constant of.

use crate::go::strconv::{parse_float, parse_int, parse_uint, quote, unquote_char};
use crate::go::unicode::decode;

/// A constant, as each kind of number it can be without loss.
#[derive(Debug, Default)]
pub(crate) struct Number {
    pub(crate) text: Box<str>,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

impl Number {
    /// Reads a character constant with its quotes.
    pub(crate) fn from_char(text: &str) -> Result<Self, String> {
        let (bytes, tail) = unquote_char(&text.as_bytes()[1..], b'\'').ok_or("invalid syntax")?;
        if tail != b"'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = u32::from(decode(&bytes).0.unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(Self { text: text.into(), int: Some(code.into()), uint: Some(code.into()), float: Some(code.into()), complex: None })
    }

    /// Reads a complex constant of two parts.
    pub(crate) fn from_complex(text: &str) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let in_exponent = |before: &[u8]| matches!(before.last(), Some(b'e' | b'E' | b'p' | b'P')) && !is_hex_without_exponent(before);
        let sign = (1..bytes.len()).rev().find(|i| matches!(bytes[*i], b'+' | b'-') && !in_exponent(&bytes[..*i]));
        let (re, im) = text.split_at(sign.unwrap_or(0));
        let part = |text: &str| parse_float(text.as_bytes(), 64).map_err(|error| error.to_string());
        Ok(Self { text: text.into(), complex: Some((part(re)?, part(im.trim_end_matches('i'))?)), ..Self::default() }.simplified())
    }

    /// Reads any other constant.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(digits) = text.strip_suffix('i')
            && let Ok(im) = parse_float(digits.as_bytes(), 64)
        {
            return Ok(Self { text: text.into(), complex: Some((0.0, im)), ..Self::default() }.simplified());
        }
        let bytes = text.as_bytes();
        let mut number = Self { text: text.into(), ..Self::default() };
        number.uint = parse_uint(bytes, 0, 64).ok();
        number.int = parse_int(bytes, 0, 64).ok();
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        #[expect(clippy::cast_precision_loss, reason = "a constant too long for a float is rounded, as in Go")]
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Ok(float) = parse_float(bytes, 64) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(bytes, b'"', false)));
            }
            number.set_float(float);
        } else {
            return Err(format!("illegal number syntax: {}", quote(bytes, b'"', false)));
        }
        Ok(number)
    }

    /// Sets a float, and the integers that equal it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "compared after the cast")]
    fn set_float(&mut self, float: f64) {
        self.float = Some(float);
        let int = float as i64;
        if int as f64 == float && float < i64::MAX as f64 {
            self.int = Some(int);
        }
        let uint = float as u64;
        if uint as f64 == float && float < u64::MAX as f64 {
            self.uint = Some(uint);
        }
    }

    fn simplified(mut self) -> Self {
        if let Some((re, 0.0)) = self.complex {
            self.set_float(re);
        }
        self
    }

    /// Tells whether the text was written as a float, which then is its type where nothing else says so.
    pub(crate) fn looks_like_float(&self) -> bool {
        let hex_int =
            self.text.len() > 2 && (self.text.starts_with("0x") || self.text.starts_with("0X")) && !self.text.contains(['p', 'P']);
        !hex_int && !self.text.starts_with('\'') && self.text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

/// In `0xe+1i` the `e` is a digit.
fn is_hex_without_exponent(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    text.get(1).is_some_and(|c| matches!(c, b'x' | b'X')) && !text.last().is_some_and(|c| matches!(c, b'p' | b'P'))
}
