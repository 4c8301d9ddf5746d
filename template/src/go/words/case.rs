//! `camelCase`, `snake_case` and `kebab-case` as `xstrings` 1.4 makes them.

use super::encode;
use crate::go::unicode::{self, decode, is_letter, is_upper, to_lower, to_runes, to_upper};

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || unicode::is_space(c)
}

/// Letters but for the Chinese characters, which are words of their own kind.
fn is_alphabetic(c: char) -> bool {
    is_letter(c) && !matches!(c, '\u{4E00}'..='\u{9FCC}' | '\u{3400}'..='\u{4D85}' | '\u{20000}'..='\u{2B81D}')
}

/// Joins words that spaces, underscores and hyphens separate, each with a capital; connectors at the start stay.
#[must_use]
pub fn camel(text: &[u8]) -> Vec<u8> {
    let runes = to_runes(text);
    let leading = runes.iter().take_while(|c| is_connector(**c)).count();
    // Connectors alone come out with the last one doubled.
    let Some((first, rest)) = runes[leading..].split_first() else { return encode(runes.iter().chain(runes.last()).copied()) };
    let mut out = runes[..leading].to_vec();
    let mut previous = to_upper(*first);
    for c in rest.iter().copied() {
        let word_begins = is_connector(previous) && !is_connector(c);
        if !word_begins {
            out.push(previous);
        }
        previous = if word_begins { to_upper(c) } else { c };
    }
    out.push(previous);
    encode(out)
}

/// Puts underscores between words, all in lower case.
#[must_use]
pub fn snake(text: &[u8]) -> Vec<u8> {
    split_words(text, b'_')
}

/// Puts hyphens between words, all in lower case.
#[must_use]
pub fn kebab(text: &[u8]) -> Vec<u8> {
    split_words(text, b'-')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing is left, or nothing that is UTF-8.
    None,
    Number,
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

impl Kind {
    /// Whether the next word is to be set off from the one before it.
    fn separates(self) -> bool {
        !matches!(self, Self::Connector | Self::Punctuation)
    }
}

fn split_words(text: &[u8], connector: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Kind::Connector {
            write(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Kind::Number => {
                (kind, word, rest) = swallow(&mut out, (kind, word, rest), connector);
                if kind != Kind::None && kind.separates() {
                    out.push(connector);
                }
            }
            Kind::Connector => write(&mut out, previous, last, connector),
            Kind::Punctuation => {}
            _ if kind != Kind::Number => {
                if kind.separates() {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Kind::Letters {
                    // Letters after a number make the number begin a word: `http2xx` is `http_2xx`.
                    out.push(connector);
                    write(&mut out, Kind::Number, number, connector);
                    (kind, word, rest) = swallow(&mut out, (kind, word, rest), connector);
                    if kind != Kind::None && kind.separates() {
                        out.push(connector);
                    }
                } else {
                    // Otherwise it ends one: `Bld4Floor` is `bld4_floor`.
                    write(&mut out, Kind::Number, number, connector);
                    if kind.separates() {
                        out.push(connector);
                    }
                }
            }
        }
    }
    write(&mut out, kind, word, connector);
    out
}

/// Writes letters and digits as one word; gives the word after them.
fn swallow<'t>(out: &mut Vec<u8>, mut next: (Kind, &'t [u8], &'t [u8]), connector: u8) -> (Kind, &'t [u8], &'t [u8]) {
    while matches!(next.0, Kind::Letters | Kind::Number) {
        write(out, next.0, next.1, connector);
        next = next_word(next.2);
    }
    next
}

fn write(out: &mut Vec<u8>, kind: Kind, word: &[u8], connector: u8) {
    if !matches!(kind, Kind::Upper | Kind::Connector) {
        out.extend_from_slice(word);
        return;
    }
    let mut buffer = [0; 4];
    for c in to_runes(word) {
        let c = if is_connector(c) { char::from(connector) } else { c };
        let c = if is_upper(c) { to_lower(c) } else { c };
        out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
    }
}

/// The next character that is UTF-8, and the width up to its end.
fn next_valid(text: &[u8]) -> (Option<char>, usize) {
    let mut at = 0;
    loop {
        match decode(&text[at..]) {
            (_, 0) => return (None, at),
            (Some(c), width) if c != char::REPLACEMENT_CHARACTER => return (Some(c), at + width),
            (_, width) => at += width,
        }
    }
}

/// Splits the first word off: its kind, itself, and what follows.
fn next_word(text: &[u8]) -> (Kind, &[u8], &[u8]) {
    let (Some(first), width) = next_valid(text) else { return (Kind::None, text, &[]) };
    // How far characters of a kind go; bytes that are not UTF-8 belong to what is before them.
    let run = |mut previous: char, mut end: usize, belongs: &dyn Fn(char) -> bool| {
        while end < text.len() {
            let (c, width) = next_valid(&text[end..]);
            previous = c.unwrap_or(previous);
            if width == 0 || !belongs(previous) {
                break;
            }
            end += width;
        }
        end
    };
    let lower = |c: char| is_alphabetic(c) && !is_upper(c);
    let (kind, end) = if is_connector(first) {
        (Kind::Connector, run(first, width, &is_connector))
    } else if unicode::is_punct(first) {
        (Kind::Punctuation, run(first, width, &unicode::is_punct))
    } else if is_upper(first) {
        (Kind::Upper, upper_word(text, width, &run))
    } else if is_alphabetic(first) {
        (Kind::Letters, run(first, width, &lower))
    } else if unicode::is_number(first) {
        (Kind::Number, run(first, width, &unicode::is_number))
    } else {
        let other = |c: char| !(is_connector(c) || is_alphabetic(c) || unicode::is_number(c) || unicode::is_punct(c));
        (Kind::Other, run(first, width, &other))
    };
    (kind, &text[..end], &text[end..])
}

/// Finds where characters of a kind end, from a character and an offset on.
type Run<'r> = dyn Fn(char, usize, &dyn Fn(char) -> bool) -> usize + 'r;

/// The end of a word that begins with a capital: `HTTP` of `HTTPStatus`, or `Status`.
fn upper_word(text: &[u8], width: usize, run: &Run<'_>) -> usize {
    let (Some(second), second_width) = next_valid(&text[width..]) else { return text.len().max(width) };
    if is_upper(second) {
        let end = run(second, width + second_width, &is_upper);
        let follows = next_valid(&text[end..]).0.is_some_and(is_alphabetic);
        if !follows {
            return end;
        }
        // The last capital begins the next word.
        let (mut at, mut before) = (width, width);
        while at < end {
            before = at;
            at += next_valid(&text[at..]).1;
        }
        return before;
    }
    if is_alphabetic(second) {
        return run(second, width + second_width, &|c| is_alphabetic(c) && !is_upper(c));
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn camel_case_keeps_leading_connectors() {
        for (from, want) in [
            ("http_server", "HttpServer"),
            ("_complex__case_", "_Complex_Case_"),
            ("first-name x", "FirstNameX"),
            ("aBC", "ABC"),
            ("__", "___"),
            ("x-", "X-"),
            ("", ""),
            ("a", "A"),
        ] {
            assert_eq!(text(camel(from.as_bytes())), want, "{from}");
        }
    }

    #[test]
    fn snake_case_cuts_at_capitals_and_numbers() {
        for (from, want) in [
            ("FirstName", "first_name"),
            ("HTTPServer", "http_server"),
            ("NoHTTPS", "no_https"),
            ("GO_PATH", "go_path"),
            ("GO PATH", "go_path"),
            ("http2xx", "http_2xx"),
            ("HTTP20xOK", "http_20x_ok"),
            ("Duration2m3s", "duration_2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd"),
        ] {
            assert_eq!(text(snake(from.as_bytes())), want, "{from}");
        }
        assert_eq!(text(kebab(b"a_b c")), "a-b-c");
    }
}
