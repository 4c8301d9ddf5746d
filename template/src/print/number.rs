//! Integers, floats and complex numbers.

use super::Printer;
use crate::go::strconv::format_float;
use crate::go::unicode::is_print;

impl Printer<'_> {
    /// Writes an integer by its magnitude and sign; false for a verb that integers do not have. `bits` is what Go would
    /// see of it as unsigned, for the verbs that write a character.
    pub(super) fn integer(&mut self, magnitude: u64, negative: bool, signed: bool, verb: char) -> bool {
        let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
        match verb {
            'v' if self.flags.sharp_v && !signed => self.prefixed_hex(magnitude, true),
            'v' | 'd' => self.digits(magnitude, negative, 10, verb),
            'b' => self.digits(magnitude, negative, 2, verb),
            'o' | 'O' => self.digits(magnitude, negative, 8, verb),
            'x' | 'X' => self.digits(magnitude, negative, 16, verb),
            'c' => self.character(bits),
            'q' => self.quoted_character(bits),
            'U' => self.unicode(bits),
            _ => return false,
        }
        true
    }

    pub(super) fn prefixed_hex(&mut self, value: u64, prefix: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, prefix);
        self.digits(value, false, 16, 'v');
        self.flags.sharp = sharp;
    }

    pub(super) fn digits(&mut self, magnitude: u64, negative: bool, base: u32, verb: char) {
        if base == 10 && self.flags.width.is_none() && self.flags.precision.is_none() && !self.flags.plus && !self.flags.space {
            return self.plain(magnitude, negative);
        }
        let mut digits = match base {
            2 => format!("{magnitude:b}"),
            8 => format!("{magnitude:o}"),
            16 if verb == 'X' => format!("{magnitude:X}"),
            16 => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        let flags = self.flags;
        let mut wanted = 0;
        match (flags.precision, flags.width) {
            (Some(0), width) if magnitude == 0 => {
                self.flags.zero = false;
                self.fill(width.unwrap_or(0));
                self.flags.zero = flags.zero;
                return;
            }
            (Some(precision), _) => wanted = precision,
            (None, Some(width)) if flags.zero && !flags.minus => {
                wanted = width.saturating_sub(usize::from(negative || flags.plus || flags.space));
            }
            _ => {}
        }
        if digits.len() < wanted {
            digits.insert_str(0, &"0".repeat(wanted - digits.len()));
        }
        if flags.sharp {
            match base {
                2 => digits.insert_str(0, "0b"),
                8 if !digits.starts_with('0') => digits.insert(0, '0'),
                16 => digits.insert_str(0, if verb == 'X' { "0X" } else { "0x" }),
                _ => {}
            }
        }
        if verb == 'O' {
            digits.insert_str(0, "0o");
        }
        match (negative, flags.plus, flags.space) {
            (true, ..) => digits.insert(0, '-'),
            (_, true, _) => digits.insert(0, '+'),
            (_, _, true) => digits.insert(0, ' '),
            _ => {}
        }
        self.flags.zero = false;
        self.padded(digits.as_bytes());
        self.flags.zero = flags.zero;
    }

    /// Writes a decimal number without allocating.
    fn plain(&mut self, mut magnitude: u64, negative: bool) {
        let mut buffer = [0_u8; 20];
        let mut at = buffer.len();
        loop {
            at -= 1;
            buffer[at] = b'0' + (magnitude % 10) as u8;
            magnitude /= 10;
            if magnitude == 0 {
                break;
            }
        }
        if negative {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(&buffer[at..]);
    }

    fn unicode(&mut self, code: u64) {
        let width = self.flags.precision.unwrap_or(0).max(4);
        let mut text = format!("U+{code:0width$X}");
        if self.flags.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32)
            && is_print(c)
        {
            text.push_str(&format!(" '{c}'"));
        }
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.padded(text.as_bytes());
        self.flags.zero = zero;
    }

    /// Writes a float; false for a verb that floats do not have.
    pub(super) fn float(&mut self, value: f64, bits: u32, verb: char) -> bool {
        match verb {
            'v' => self.float_as(value, bits, b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float_as(value, bits, verb as u8, None),
            'f' | 'e' | 'E' => self.float_as(value, bits, verb as u8, Some(6)),
            'F' => self.float_as(value, bits, b'f', Some(6)),
            _ => return false,
        }
        true
    }

    fn float_as(&mut self, value: f64, bits: u32, verb: u8, precision: Option<usize>) {
        let flags = self.flags;
        let precision = flags.precision.or(precision);
        let text = format_float(value, verb, precision, bits);
        let (mut sign, mut number) = match text.as_bytes() {
            [b'-', rest @ ..] => (b'-', rest.to_vec()),
            [b'+', rest @ ..] => (b'+', rest.to_vec()),
            rest => (b'+', rest.to_vec()),
        };
        if flags.space && sign == b'+' && !flags.plus {
            sign = b' ';
        }
        if matches!(number.first(), Some(b'I' | b'N')) {
            let bare = number[0] == b'N' && !flags.space && !flags.plus;
            let text = if bare { number } else { [&[sign], number.as_slice()].concat() };
            self.flags.zero = false;
            self.padded(&text);
            self.flags.zero = flags.zero;
            return;
        }
        if flags.sharp && verb != b'b' {
            keep_point(&mut number, verb, precision);
        }
        if !flags.plus && sign == b'+' {
            return self.padded(&number);
        }
        let width = flags.width.unwrap_or(0);
        if flags.zero && !flags.minus && width > number.len() + 1 {
            self.out.push(sign);
            self.fill(width - number.len() - 1);
            self.out.extend_from_slice(&number);
            return;
        }
        self.padded(&[&[sign], number.as_slice()].concat());
    }

    /// Writes a complex number; false for a verb that floats do not have.
    pub(super) fn complex(&mut self, re: f64, im: f64, verb: char) -> bool {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return false;
        }
        self.out.push(b'(');
        self.float(re, 64, verb);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(im, 64, verb);
        self.flags.plus = plus;
        self.raw("i)");
        true
    }
}

/// `%#g` and the like keep the point and trailing zeros.
fn keep_point(number: &mut Vec<u8>, verb: u8, precision: Option<usize>) {
    let mut digits = match verb {
        b'g' | b'G' | b'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let hex = matches!(verb, b'x' | b'X');
    let tail_at = number.iter().position(|c| matches!(c, b'p' | b'P') || (!hex && matches!(c, b'e' | b'E'))).unwrap_or(number.len());
    let tail = number.split_off(tail_at);
    let mut seen = false;
    for c in number.iter().filter(|c| **c != b'.') {
        seen |= *c != b'0';
        if seen {
            digits = digits.saturating_sub(1);
        }
    }
    if !number.contains(&b'.') {
        if number.as_slice() == b"0" {
            digits = digits.saturating_sub(1);
        }
        number.push(b'.');
    }
    number.extend(std::iter::repeat_n(b'0', digits));
    number.extend_from_slice(&tail);
}
