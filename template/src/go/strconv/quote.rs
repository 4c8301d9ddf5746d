//! Quoted strings, characters and raw strings.

use crate::go::unicode::{decode, is_print};

/// Quotes as Go's `Quote` (or `QuoteToASCII`) does; `mark` is the quotation mark to use and to escape.
#[must_use]
pub fn quote(bytes: &[u8], mark: u8, ascii_only: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(char::from(mark));
    let mut rest = bytes;
    while let (c, width @ 1..) = decode(rest) {
        match c {
            Some(c) => escape(&mut out, c, mark, ascii_only),
            None => out.push_str(&format!("\\x{:02x}", rest[0])),
        }
        rest = &rest[width..];
    }
    out.push(char::from(mark));
    out
}

/// Quotes one character as Go's `QuoteRune` (or `QuoteRuneToASCII`) does; what is no character becomes U+FFFD.
#[must_use]
pub fn quote_rune(rune: i64, ascii_only: bool) -> String {
    let c = u32::try_from(rune).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut out = String::from("'");
    escape(&mut out, c, b'\'', ascii_only);
    out.push('\'');
    out
}

fn escape(out: &mut String, c: char, mark: u8, ascii_only: bool) {
    if c == char::from(mark) || c == '\\' {
        out.push('\\');
        out.push(c);
        return;
    }
    if (c.is_ascii() || !ascii_only) && is_print(c) {
        out.push(c);
        return;
    }
    match c {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ => {
            let code = u32::from(c);
            out.push_str(&match code {
                ..0x20 | 0x7F => format!("\\x{code:02x}"),
                ..0x1_0000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
        }
    }
}

/// Reads a Go string literal of any kind (`"…"`, `` `…` ``) or a character literal (`'…'`); `None` when it is none.
#[must_use]
pub fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let (mark, rest) = literal.split_first()?;
    let (last, inside) = rest.split_last()?;
    if mark != last {
        return None;
    }
    match mark {
        b'`' if !inside.contains(&b'`') => Some(inside.iter().copied().filter(|c| *c != b'\r').collect()),
        b'"' | b'\'' => {
            let (mut out, mut rest, mut count) = (Vec::with_capacity(inside.len()), inside, 0);
            while !rest.is_empty() {
                if matches!(rest[0], b'\n') || rest[0] == *mark {
                    return None;
                }
                let (piece, after) = unquote_char(rest, *mark)?;
                out.extend_from_slice(&piece);
                rest = after;
                count += 1;
            }
            (*mark == b'"' || count == 1).then_some(out)
        }
        _ => None,
    }
}

/// Reads the first character or escape of a literal's inside: the bytes that it stands for, and what follows it.
#[must_use]
pub fn unquote_char(text: &[u8], mark: u8) -> Option<(Vec<u8>, &[u8])> {
    let first = *text.first()?;
    if first == mark && matches!(mark, b'\'' | b'"') {
        return None;
    }
    if first != b'\\' {
        let (c, width) = decode(text);
        // A byte that is no UTF-8 is a character of its own in Go, written U+FFFD in a character literal and as it is in a string.
        let piece = if c.is_none() && mark == b'\'' { "\u{fffd}".as_bytes().to_vec() } else { text[..width].to_vec() };
        return Some((piece, &text[width..]));
    }
    let letter = *text.get(1)?;
    let rest = &text[2..];
    let byte = |value: u8| Some((vec![value], rest));
    match letter {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'n' => byte(10),
        b'r' => byte(13),
        b't' => byte(9),
        b'v' => byte(11),
        b'\\' => byte(b'\\'),
        b'\'' | b'"' if letter == mark => byte(letter),
        b'x' | b'u' | b'U' => {
            let count = match letter {
                b'x' => 2,
                b'u' => 4,
                _ => 8,
            };
            let value = number(rest.get(..count)?, 16)?;
            let rest = &rest[count..];
            if letter == b'x' {
                return Some((single(value, mark)?, rest));
            }
            Some((char::from_u32(value)?.to_string().into_bytes(), rest))
        }
        b'0'..=b'7' => {
            let value = number(text.get(1..4)?, 8)?;
            Some((single(value, mark)?, &text[4..]))
        }
        _ => None,
    }
}

/// `\xff` is a byte in a string and the character U+00FF in a character literal.
fn single(value: u32, mark: u8) -> Option<Vec<u8>> {
    let byte = u8::try_from(value).ok()?;
    Some(if mark == b'\'' { char::from(byte).to_string().into_bytes() } else { vec![byte] })
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, c| value.checked_mul(radix)?.checked_add(char::from(*c).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        let text = "a\"'\\\n\x01\x7f\u{a0}é\u{2028}🚀\u{e000}\u{10ffff}";
        assert_eq!(quote(text.as_bytes(), b'"', false), r#""a\"'\\\n\x01\x7f\u00a0é\u2028🚀\ue000\U0010ffff""#);
        assert_eq!(quote(text.as_bytes(), b'"', true), r#""a\"'\\\n\x01\x7f\u00a0\u00e9\u2028\U0001f680\ue000\U0010ffff""#);
        assert_eq!(quote(b"\xff\xc3", b'"', false), r#""\xff\xc3""#);
        assert_eq!(
            (quote_rune(39, false), quote_rune(0xe9, true), quote_rune(-1, false)),
            (r"'\''".into(), r"'\u00e9'".into(), "'\u{fffd}'".into())
        );
    }

    #[test]
    fn unquotes_what_go_unquotes() {
        let get = |text: &str| unquote(text.as_bytes());
        assert_eq!(get(r#""a\t\"\x41\101\u00e9\U0001F680""#), Some("a\t\"AAé🚀".as_bytes().to_vec()));
        assert_eq!(get(r#""\xff\377""#), Some(vec![255, 255]));
        assert_eq!(get("`a\r\\n`"), Some(b"a\\n".to_vec()));
        assert_eq!(get(r"'\''"), Some(b"'".to_vec()));
        assert_eq!(get(r"'\xff'"), Some("ÿ".as_bytes().to_vec()));
        for bad in [r#""\'""#, "\"a\nb\"", r#""\q""#, r#""\ud800""#, r#""\400""#, "''", "'ab'", "\"", "", "a", "`a", r#""\x4""#, r#"""""#] {
            assert_eq!(get(bad), None, "{bad}");
        }
    }
}
