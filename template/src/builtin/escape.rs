//! `html` and `js`.

use crate::go::unicode::{decode, is_print};

/// Escapes for HTML text and attributes.
pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(*other),
        }
    }
    out
}

/// Escapes for a JavaScript string.
pub(super) fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let (c, width @ 1..) = decode(rest) {
        match c {
            Some('\\') => out.extend_from_slice(b"\\\\"),
            Some('\'') => out.extend_from_slice(b"\\'"),
            Some('"') => out.extend_from_slice(b"\\\""),
            Some(c @ ('<' | '>' | '&' | '=')) => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            Some(c) if c < ' ' => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            Some(c) if c.is_ascii() || is_print(c) => out.extend_from_slice(&rest[..width]),
            Some(c) => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            // What is not UTF-8 is copied, since its replacement character is printable.
            None => out.extend_from_slice(&rest[..width]),
        }
        rest = &rest[width..];
    }
    out
}
