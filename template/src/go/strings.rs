//! Go's `strings`: searching, splitting, trimming and case over bytes that are usually UTF-8.
//!
//! Functions that map characters write U+FFFD for bytes that are no UTF-8, as Go's do; the others leave them alone.

use super::unicode::{self, REPLACEMENT, decode, decode_last, runes};

/// Maps every character.
pub fn map(text: &[u8], mut change: impl FnMut(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for (_, c) in runes(text) {
        out.extend_from_slice(change(c.unwrap_or(REPLACEMENT)).encode_utf8(&mut buffer).as_bytes());
    }
    out
}

/// Maps to upper case.
#[must_use]
pub fn to_upper(text: &[u8]) -> Vec<u8> {
    map(text, unicode::to_upper)
}

/// Maps to lower case.
#[must_use]
pub fn to_lower(text: &[u8]) -> Vec<u8> {
    map(text, unicode::to_lower)
}

/// Puts the first letter of every word into title case, as Go's deprecated `Title` does.
#[must_use]
pub fn title(text: &[u8]) -> Vec<u8> {
    let mut previous = ' ';
    map(text, |c| {
        let starts = is_separator(previous);
        previous = c;
        if starts { unicode::to_title(c) } else { c }
    })
}

fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric() && c != '_';
    }
    !unicode::is_letter(c) && !unicode::is_digit(c) && unicode::is_space(c)
}

/// Tells whether both are the same but for case.
#[must_use]
pub fn equal_fold(a: &[u8], b: &[u8]) -> bool {
    let fold = |(_, c): (usize, Option<char>)| unicode::to_lower(unicode::to_upper(c.unwrap_or(REPLACEMENT)));
    runes(a).map(fold).eq(runes(b).map(fold))
}

/// Trims white space.
#[must_use]
pub fn trim_space(text: &[u8]) -> &[u8] {
    trim_where(text, |c| c.is_some_and(unicode::is_space))
}

/// Trims every character that is in the set.
#[must_use]
pub fn trim<'a>(text: &'a [u8], set: &[u8]) -> &'a [u8] {
    let mut set = unicode::to_runes(set);
    set.sort_unstable();
    trim_where(text, |c| set.binary_search(&c.unwrap_or(REPLACEMENT)).is_ok())
}

fn trim_where(mut text: &[u8], drop: impl Fn(Option<char>) -> bool) -> &[u8] {
    while let (c, width @ 1..) = decode(text)
        && drop(c)
    {
        text = &text[width..];
    }
    while let (c, width @ 1..) = decode_last(text)
        && drop(c)
    {
        text = &text[..text.len() - width];
    }
    text
}

/// Splits at runs of white space.
#[must_use]
pub fn fields(text: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, c) in runes(text) {
        match (c.is_some_and(unicode::is_space), start) {
            (true, Some(from)) => {
                out.push(&text[from..at]);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    out.extend(start.map(|from| &text[from..]));
    out
}

/// Finds the first occurrence.
#[must_use]
pub fn index(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

/// Tells whether the text occurs.
#[must_use]
pub fn contains(text: &[u8], wanted: &[u8]) -> bool {
    index(text, wanted).is_some()
}

/// Counts the occurrences that do not overlap; an empty text occurs around every character.
#[must_use]
pub fn count(text: &[u8], wanted: &[u8]) -> usize {
    if wanted.is_empty() { unicode::rune_count(text) + 1 } else { memchr::memmem::find_iter(text, wanted).count() }
}

/// Replaces every occurrence; the result's length is the text's plus [`count`] times the difference.
#[must_use]
pub fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    if old.is_empty() {
        let mut rest = text;
        loop {
            out.extend_from_slice(new);
            let (_, width) = decode(rest);
            if width == 0 {
                return out;
            }
            out.extend_from_slice(&rest[..width]);
            rest = &rest[width..];
        }
    }
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, old) {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&text[from..]);
    out
}

/// Splits into at most `limit` parts, as Go's `SplitN`: none for 0, all for less.
#[must_use]
pub fn split_n<'a>(text: &'a [u8], separator: &[u8], limit: i64) -> Vec<&'a [u8]> {
    let limit = if limit < 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let mut out = Vec::new();
    if limit == 0 {
        return out;
    }
    let mut rest = text;
    if separator.is_empty() {
        while !rest.is_empty() {
            let (_, width) = if out.len() + 1 == limit { (None, rest.len()) } else { decode(rest) };
            let (part, after) = rest.split_at(width);
            out.push(part);
            rest = after;
        }
        return out;
    }
    while out.len() + 1 < limit
        && let Some(at) = index(rest, separator)
    {
        out.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    out.push(rest);
    out
}

/// Splits at every occurrence; an empty separator splits into characters.
#[must_use]
pub fn split<'a>(text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    split_n(text, separator, -1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn title_keeps_the_rest_of_a_word() {
        assert_eq!(text(&title("hello wORLD foo-bar it's é x_y\u{a0}ǆ".as_bytes())), "Hello WORLD Foo-Bar It'S É X_y\u{a0}ǅ");
        assert_eq!(text(&to_upper(b"a\xffb")), "A\u{fffd}B");
        assert!(equal_fold("Straßeſ".as_bytes(), "sTRAßES".as_bytes()) && !equal_fold(b"a", b"ab"));
    }

    #[test]
    fn trims_and_splits_by_characters() {
        assert_eq!(trim_space("\u{a0} a b\u{2003}\n".as_bytes()), b"a b");
        assert_eq!(text(trim("éaébé".as_bytes(), "éb".as_bytes())), "a");
        assert_eq!(fields("  a\u{2003}b c ".as_bytes()), [b"a", b"b", b"c"]);
        assert_eq!(split(b"a,b,,c", b","), [&b"a"[..], b"b", b"", b"c"]);
        assert_eq!(split_n(b"a,b,c", b",", 2), [&b"a"[..], b"b,c"]);
        assert_eq!(split_n(b"abc", b"", 2), [&b"a"[..], b"bc"]);
        assert_eq!(split("aé".as_bytes(), b""), [&b"a"[..], "é".as_bytes()]);
        assert!(split(b"", b"").is_empty() && split_n(b"a", b",", 0).is_empty() && split(b"", b",") == [b""]);
    }

    #[test]
    fn replaces_around_characters_when_nothing_is_old() {
        assert_eq!(text(&replace("aé".as_bytes(), b"", b"-")), "-a-é-");
        assert_eq!(text(&replace(b"banana", b"an", b"<>")), "b<><>a");
        assert_eq!((count("aé".as_bytes(), b""), count(b"aaaa", b"aa")), (3, 2));
    }
}
