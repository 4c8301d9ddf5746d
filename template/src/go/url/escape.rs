//! Percent signs: which bytes a part of a URL may hold as they are.

use crate::go::strconv::quote;

/// A part of a URL, with its own set of plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Path,
    PathSegment,
    Host,
    Zone,
    UserInfo,
    Query,
    Fragment,
}

impl Part {
    fn keeps(self, byte: u8) -> bool {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            return true;
        }
        match self {
            Self::Host | Self::Zone => b"!$&'()*+,;=:[]<>\"".contains(&byte),
            Self::Path => b"$&+,/:;=@".contains(&byte),
            Self::PathSegment => b"$&+:=@".contains(&byte),
            Self::UserInfo => b"$&+,;=".contains(&byte),
            Self::Query => false,
            Self::Fragment => b"$&+,/:;=?@!()*".contains(&byte),
        }
    }
}

/// Encodes for the query, a space as `+`.
#[must_use]
pub fn query_escape(text: &[u8]) -> Vec<u8> {
    escape(text, Part::Query)
}

/// Encodes for one segment of a path.
#[must_use]
pub fn path_escape(text: &[u8]) -> Vec<u8> {
    escape(text, Part::PathSegment)
}

pub(super) fn escape(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' if part == Part::Query => out.push(b'+'),
            byte if part.keeps(*byte) => out.push(*byte),
            byte => out.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    out
}

/// Tells whether a text holds only what may stand in an encoded part.
pub(super) fn is_encoded(text: &[u8], part: Part) -> bool {
    text.iter().all(|c| b"!$&'()*+,;=:@[]%".contains(c) || part.keeps(*c))
}

/// Decodes a part, or says what is wrong with it in Go's words.
pub(super) fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'%' => {
                let bad = || format!("invalid URL escape {}", quote(&rest[..rest.len().min(3)], b'"', false));
                let digits =
                    after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).filter(|d| d.bytes().all(|c| c.is_ascii_hexdigit()));
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(bad)?;
                let refused = match part {
                    // Only bytes beyond ASCII may be encoded in a host, and the percent sign itself.
                    Part::Host => value < 0x80 && value != b'%',
                    Part::Zone => value != b'%' && value != b' ' && !Part::Host.keeps(value),
                    _ => false,
                };
                if refused {
                    return Err(bad());
                }
                out.push(value);
                rest = &after[2..];
                continue;
            }
            b'+' if part == Part::Query => out.push(b' '),
            byte if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && !part.keeps(*byte) => {
                return Err(format!("invalid character {} in host name", quote(&[*byte], b'"', false)));
            }
            byte => out.push(*byte),
        }
        rest = after;
    }
    Ok(out)
}
