//! Words and casing as the libraries behind Sprig understand them: Masterminds' `goutils` and Huandu's `xstrings`.
//!
//! In: bytes and numbers. Out: bytes, never longer than a small multiple of the input but for [`wrap`], whose separator the caller chooses. Where
//! those libraries look at bytes instead of characters, so does this.

mod case;

use super::unicode::{self, to_runes};

pub use case::{camel, kebab, snake};

fn encode(runes: impl IntoIterator<Item = char>) -> Vec<u8> {
    runes.into_iter().collect::<String>().into_bytes()
}

/// A byte taken for the character of its number, as `goutils` does.
fn latin1(byte: u8) -> char {
    char::from(byte)
}

/// Shortens to `width` bytes with an ellipsis in front, behind or both; `offset` is where the part to be kept begins.
#[must_use]
pub fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let (Ok(width), length) = (usize::try_from(width), text.len()) else { return Vec::new() };
    if text.is_empty() || width < 4 {
        return Vec::new();
    }
    if length <= width {
        return text.to_vec();
    }
    // A negative offset counts as none, as any up to 4 does.
    let offset = usize::try_from(offset).unwrap_or(0).min(length).min(length - (width - 3));
    if offset <= 4 {
        return [&text[..width - 3], b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < length {
        return [b"...".to_vec(), abbreviate(&text[offset..], 0, i64::try_from(width - 3).unwrap_or(4))].concat();
    }
    [b"...", &text[length - (width - 3)..]].concat()
}

/// Removes white space, byte by byte: a byte that is not ASCII comes out as the character of its number.
#[must_use]
pub fn delete_white_space(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|byte| unicode::is_space(latin1(*byte))) {
        return text.to_vec();
    }
    encode(text.iter().map(|byte| latin1(*byte)).filter(|c| !unicode::is_space(*c)))
}

/// Takes the first byte of every word, as the character of its number.
#[must_use]
pub fn initials(text: &[u8]) -> Vec<u8> {
    let mut gap = true;
    encode(text.iter().filter_map(|byte| {
        let c = latin1(*byte);
        let first = gap && !unicode::is_space(c);
        gap = unicode::is_space(c);
        first.then_some(c)
    }))
}

/// Puts the first letter of every word into lower case.
#[must_use]
pub fn uncapitalize(text: &[u8]) -> Vec<u8> {
    let mut first = true;
    encode(to_runes(text).into_iter().map(|c| {
        let mapped = if first && !unicode::is_space(c) { unicode::to_lower(c) } else { c };
        first = unicode::is_space(c);
        mapped
    }))
}

/// Swaps upper and lower case; a lower case letter at the start of a word becomes title case.
#[must_use]
pub fn swap_case(text: &[u8]) -> Vec<u8> {
    let mut after_space = true;
    encode(to_runes(text).into_iter().map(|c| {
        if unicode::is_upper(c) || unicode::is_title(c) {
            after_space = false;
            unicode::to_lower(c)
        } else if unicode::is_lower(c) {
            let first = std::mem::replace(&mut after_space, false);
            if first { unicode::to_title(c) } else { unicode::to_upper(c) }
        } else {
            after_space = unicode::is_space(c);
            c
        }
    }))
}

/// Puts the characters into a random order; `below(n)` gives a random number below `n`.
pub fn shuffle(text: &[u8], mut below: impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut runes = to_runes(text);
    for last in (1..runes.len()).rev() {
        let other = below(last + 1).min(last);
        runes.swap(last, other);
    }
    encode(runes)
}

/// Breaks a text into lines of at most `width` bytes at its spaces; words that are longer stay whole unless `break_words`.
///
/// Gives nothing when the result would be longer than `limit`.
#[must_use]
pub fn wrap(text: &[u8], width: i64, separator: &[u8], break_words: bool, limit: usize) -> Option<Vec<u8>> {
    let separator = if separator.is_empty() { b"\n" } else { separator };
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while rest.len() > width {
        if rest[0] == b' ' {
            rest = &rest[1..];
            continue;
        }
        let space = rest[..=width].iter().rposition(|c| *c == b' ');
        let (line, skipped) = match space {
            Some(space) => (space, 1),
            None if break_words => (width, 0),
            None => match rest[width..].iter().position(|c| *c == b' ') {
                Some(space) => (width + space, 1),
                None => {
                    out.extend_from_slice(rest);
                    rest = &[];
                    break;
                }
            },
        };
        out.extend_from_slice(&rest[..line]);
        out.extend_from_slice(separator);
        rest = &rest[line + skipped..];
        if out.len() > limit {
            return None;
        }
    }
    out.extend_from_slice(rest);
    (out.len() <= limit).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn abbreviating_counts_the_ellipsis() {
        assert_eq!(text(abbreviate(b"hello world", 0, 5)), "he...");
        assert_eq!(text(abbreviate(b"hello", 0, 5)), "hello");
        assert_eq!(text(abbreviate(b"1234 5678 9123", 5, 10)), "...5678...");
        assert_eq!(text(abbreviate(b"1234 5678 9123", 20, 10)), "...78 9123");
        assert_eq!(text(abbreviate(b"1234 5678 9123", -3, 10)), "1234 56...");
        assert_eq!(text(abbreviate(b"1234 5678 9123", 9, i64::MAX)), "1234 5678 9123");
    }

    #[test]
    fn words_change_their_case() {
        assert_eq!(text(swap_case("hello World éÀ ǆ".as_bytes())), "HELLO wORLD Éà ǅ");
        assert_eq!(text(uncapitalize("ÉCOLE Bon".as_bytes())), "éCOLE bon");
        assert_eq!(text(initials("Liveness é x\u{85}y".as_bytes())), "LÃxy");
        assert_eq!(text(delete_white_space(" \u{a0}x".as_bytes())), "Âx");
        assert_eq!(text(delete_white_space("é".as_bytes())), "é");
        assert_eq!(text(shuffle("aéb".as_bytes(), |_| 0)), "éba");
    }

    #[test]
    fn lines_break_at_spaces() {
        let wrapped =
            |line: &str, width, separator: &str, hard| text(wrap(line.as_bytes(), width, separator.as_bytes(), hard, 1000).unwrap());
        assert_eq!(wrapped("the quick brown fox jumps", 10, "", false), "the quick\nbrown fox\njumps");
        assert_eq!(wrapped("abcdefghijkl", 5, "", false), "abcdefghijkl");
        assert_eq!(wrapped("ab cd", 0, "", false), "ab\ncd");
        assert_eq!(wrapped("abcdefghijkl mno", 5, "-", true), "abcde-fghij-kl-mno");
        assert_eq!(wrapped("aaa bbb", 3, "", true), "aaa\nbbb");
        assert_eq!(wrapped("  abcdefgh  ij kl ", 5, "", false), "abcdefgh\nij kl\n");
        assert_eq!(wrap(&[b'a'; 100], 1, &[b'-'; 100], true, 1000), None);
    }
}
