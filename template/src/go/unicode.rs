//! Go's `unicode` and `unicode/utf8`: one character at a time, simple case mappings only, and decoding that survives invalid UTF-8.
//!
//! Go maps a character to exactly one character (`ß` stays `ß` in upper case), where Rust maps to as many as the language wants.

use std::sync::LazyLock;

/// What stands for a byte that is not UTF-8, as in Go.
pub const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A set of characters as sorted, disjoint ranges.
struct Class(Vec<(char, char)>);

impl Class {
    /// Takes the set from the tables of the regex parser; a pattern it does not know gives the empty set.
    fn of(pattern: &str) -> Self {
        let ranges = match regex_syntax::parse(pattern).map(regex_syntax::hir::Hir::into_kind) {
            Ok(regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class))) => {
                class.ranges().iter().map(|range| (range.start(), range.end())).collect()
            }
            _ => Vec::new(),
        };
        Self(ranges)
    }

    fn contains(&self, c: char) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= c);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, end)| c <= *end)
    }
}

static LETTER: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{L}"));
static DIGIT: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{Nd}"));
static UPPER: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{Lu}"));
static LOWER: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{Ll}"));
static TITLE: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{Lt}"));
static PUNCTUATION: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{P}"));
static NUMBER: LazyLock<Class> = LazyLock::new(|| Class::of(r"\p{N}"));
static GRAPHIC: LazyLock<Class> = LazyLock::new(|| Class::of(r"[\p{L}\p{M}\p{N}\p{P}\p{S}]"));

/// Tells whether the character is a letter (category L).
#[must_use]
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { LETTER.contains(c) }
}

/// Tells whether the character is a decimal digit (category Nd).
#[must_use]
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { DIGIT.contains(c) }
}

/// Tells whether the character is an upper case letter (category Lu).
#[must_use]
pub fn is_upper(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_uppercase() } else { UPPER.contains(c) }
}

/// Tells whether the character is a lower case letter (category Ll).
#[must_use]
pub fn is_lower(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_lowercase() } else { LOWER.contains(c) }
}

/// Tells whether the character is a title case letter such as `ǅ` (category Lt).
#[must_use]
pub fn is_title(c: char) -> bool {
    !c.is_ascii() && TITLE.contains(c)
}

/// Tells whether the character is punctuation (category P).
#[must_use]
pub fn is_punct(c: char) -> bool {
    PUNCTUATION.contains(c)
}

/// Tells whether the character is a number of any kind (category N).
#[must_use]
pub fn is_number(c: char) -> bool {
    NUMBER.contains(c)
}

/// Tells whether the character is white space.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// Tells whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
#[must_use]
pub fn is_print(c: char) -> bool {
    if c.is_ascii() { (' '..='~').contains(&c) } else { GRAPHIC.contains(c) }
}

/// Maps to upper case, one character for one.
#[must_use]
pub fn to_upper(c: char) -> char {
    match u32::from(c) {
        code @ (0x1F80..=0x1F87 | 0x1F90..=0x1F97 | 0x1FA0..=0x1FA7) => char::from_u32(code + 8).unwrap_or(c),
        0x1FB3 => '\u{1FBC}',
        0x1FC3 => '\u{1FCC}',
        0x1FF3 => '\u{1FFC}',
        _ => only(c.to_uppercase(), c),
    }
}

/// Maps to lower case, one character for one.
#[must_use]
pub fn to_lower(c: char) -> char {
    if c == 'İ' { 'i' } else { only(c.to_lowercase(), c) }
}

/// Maps to title case, which is upper case but for the digraphs and Georgian.
#[must_use]
pub fn to_title(c: char) -> char {
    match u32::from(c) {
        0x1C4..=0x1C6 => '\u{1C5}',
        0x1C7..=0x1C9 => '\u{1C8}',
        0x1CA..=0x1CC => '\u{1CB}',
        0x1F1..=0x1F3 => '\u{1F2}',
        0x10D0..=0x10FA | 0x10FD..=0x10FF => c,
        _ => to_upper(c),
    }
}

/// The only character of a mapping; a mapping to several is none in Go.
fn only(mut mapped: impl Iterator<Item = char>, c: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Decodes the first character: itself and its width, or `None` and 1 when the bytes are not UTF-8. Empty input has the width 0.
#[must_use]
pub fn decode(bytes: &[u8]) -> (Option<char>, usize) {
    let Some(first) = bytes.first() else { return (None, 0) };
    if first.is_ascii() {
        return (Some(char::from(*first)), 1);
    }
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (None, 1),
    };
    match bytes.get(..width).and_then(|head| std::str::from_utf8(head).ok()).and_then(|text| text.chars().next()) {
        Some(c) => (Some(c), width),
        None => (None, 1),
    }
}

/// Decodes the last character, like [`decode`].
#[must_use]
pub fn decode_last(bytes: &[u8]) -> (Option<char>, usize) {
    for width in 1..=bytes.len().min(4) {
        let tail = &bytes[bytes.len() - width..];
        if let (Some(c), decoded) = decode(tail)
            && decoded == width
        {
            return (Some(c), width);
        }
    }
    (None, bytes.len().min(1))
}

/// Iterates the characters as Go's `range` does; every invalid byte gives `None`, with the offset of each.
pub fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, Option<char>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (c, width) = decode(bytes.get(at..).unwrap_or_default());
        (width > 0).then(|| {
            at += width;
            (at - width, c)
        })
    })
}

/// Converts to Go's `[]rune`: invalid bytes become U+FFFD.
#[must_use]
pub fn to_runes(bytes: &[u8]) -> Vec<char> {
    runes(bytes).map(|(_, c)| c.unwrap_or(REPLACEMENT)).collect()
}

/// Counts characters as Go does, each invalid byte for one.
#[must_use]
pub fn rune_count(bytes: &[u8]) -> usize {
    runes(bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_maps_one_character_to_one() {
        let upper: String = "straße éǆŉᾳ".chars().map(to_upper).collect();
        assert_eq!(upper, "STRAßE ÉǄŉᾼ");
        let lower: String = "ÀÉÎİẞK".chars().map(to_lower).collect();
        assert_eq!(lower, "àéîißk");
        let title: String = "aǆǳსßÿ".chars().map(to_title).collect();
        assert_eq!(title, "AǅǲსßŸ");
    }

    #[test]
    fn classes_are_those_of_go() {
        assert!(is_letter('é') && is_letter('日') && !is_letter('\u{345}') && !is_letter('Ⅷ'));
        assert!(is_digit('٣') && !is_digit('²') && is_upper('É') && is_lower('ß') && is_title('ǅ'));
        assert!(is_print('é') && is_print('\u{301}') && !is_print('\u{ad}') && !is_print('\u{a0}') && !is_print('\u{7f}'));
    }

    #[test]
    fn invalid_bytes_are_one_character_each() {
        assert_eq!(to_runes(b"a\xff\xe6\x97b"), ['a', REPLACEMENT, REPLACEMENT, REPLACEMENT, 'b']);
        assert_eq!(decode_last("aé".as_bytes()), (Some('é'), 2));
        assert_eq!(decode_last(b"\xa9"), (None, 1));
        assert_eq!(decode(b""), (None, 0));
        assert_eq!(rune_count("日本\u{fffd}".as_bytes()), 3);
    }
}
