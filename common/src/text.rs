//! Text of others on its way to a terminal or a log: nothing in it may end a line, move a cursor or turn the direction of reading.
//!
//! In goes any text; out comes the same with such characters written as escapes. What receivers get is not changed by this.

use std::{borrow::Cow, fmt::Write as _, io};

/// Tells whether a character does something instead of showing something.
fn acts(c: char) -> bool {
    // Line and paragraph separators, and what turns the direction of text.
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shows what acts as `\n` or `\u{1b}`.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |out, c| out.extend(c.escape_default()))
}

/// Shows what acts as `\u001b`, which in a string of JSON means the same.
#[must_use]
pub fn json_line(text: &str) -> Cow<'_, str> {
    escaped(text, |out, c| {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{:04x}", c as u32);
    })
}

fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { escape(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Writes lines of JSON, each in one piece, with [`json_line`] applied.
pub(crate) struct JsonLines<W>(pub(crate) W);

impl<W: io::Write> io::Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        self.0.write_all(json_line(body).as_bytes())?;
        self.0.write_all(&text.as_bytes()[body.len()..])?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_shown() {
        assert_eq!(one_line("a\nb\r\t\u{1b}[2J\u{9b}31m\u{7f}"), r"a\nb\r\t\u{1b}[2J\u{9b}31m\u{7f}");
        assert_eq!(one_line("\u{202e}abc\u{2066}\u{2028}"), r"\u{202e}abc\u{2066}\u{2028}");
        assert!(matches!(one_line("ü 漢字 👍 \u{a0}"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"message": "a\n\u{1b}\u{9b}\u{7f}\u{202e}\u{2028}ü"});
        let line = value.to_string();
        let shown = json_line(&line);
        assert!(shown.contains(r"\u009b\u007f\u202e\u2028") && !shown.contains(acts), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}
