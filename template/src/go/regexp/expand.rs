//! Replacement templates: `$1`, `${1}`, `$name`, `${name}`, `$$`.

use crate::go::unicode::{decode, is_digit, is_letter};

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t [u8]),
    /// A group by its number; one that does not exist is empty.
    Group(usize),
}

/// Takes a template apart; a dollar that begins no name stands for itself.
pub(super) fn parse<'t>(template: &'t [u8], names: &[Option<String>]) -> Vec<Piece<'t>> {
    let (mut out, mut rest) = (Vec::new(), template);
    while let Some(at) = rest.iter().position(|c| *c == b'$') {
        out.push(Piece::Text(&rest[..at]));
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix(b"$") {
            out.push(Piece::Text(b"$"));
            rest = after;
        } else if let Some((name, after)) = reference(after) {
            out.extend(group(name, names).map(Piece::Group));
            rest = after;
        } else {
            out.push(Piece::Text(b"$"));
            rest = after;
        }
    }
    out.push(Piece::Text(rest));
    out
}

/// The name at the start, in braces or as long as it goes, and what follows.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (braced, text) = text.strip_prefix(b"{").map_or((false, text), |text| (true, text));
    let mut end = 0;
    while let (Some(c), width) = decode(&text[end..])
        && (is_letter(c) || is_digit(c) || c == '_')
    {
        end += width;
    }
    if end == 0 {
        return None;
    }
    let rest = if braced { text[end..].strip_prefix(b"}")? } else { &text[end..] };
    Some((&text[..end], rest))
}

fn group(name: &[u8], names: &[Option<String>]) -> Option<usize> {
    let number = name.iter().all(u8::is_ascii_digit) && (name.len() == 1 || name.first() != Some(&b'0'));
    if number {
        return std::str::from_utf8(name).ok()?.parse().ok().filter(|index| *index < names.len());
    }
    names.iter().position(|known| known.as_deref().is_some_and(|known| known.as_bytes() == name))
}
