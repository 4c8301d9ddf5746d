//! Splits a template's text into tokens.
//!
//! In: the text. Out: one token at a time, each with its place; an error is a token too, after which nothing sensible
//! follows. Trim markers and comments are dealt with here: the parser never sees them.

use std::borrow::Cow;
use std::fmt;

use crate::go::strconv::quote;
use crate::go::unicode::{is_digit, is_letter, is_print};

mod action;

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// Length of a trim marker, `- ` or ` -`.
const MARKER: usize = 2;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    Str,
    Text,
    Variable,
    // Words with a meaning of their own, printed in angle brackets in errors.
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn keyword(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }

    fn is_keyword(self) -> bool {
        self as u8 >= Self::Block as u8
    }
}

/// A piece of a template's text.
#[derive(Clone, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    pub(crate) pos: usize,
    pub(crate) text: Cow<'t, str>,
    pub(crate) line: usize,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Eof => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
            kind if kind.is_keyword() => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let head: String = self.text.chars().take(10).collect();
                write!(f, "{}...", quote(head.as_bytes(), b'"', false))
            }
            _ => f.write_str(&quote(self.text.as_bytes(), b'"', false)),
        }
    }
}

/// Reads tokens from a template's text.
pub(crate) struct Lexer<'t> {
    input: &'t str,
    pos: usize,
    start: usize,
    line: usize,
    start_line: usize,
    at_eof: bool,
    inside_action: bool,
    parens: usize,
    /// `break` and `continue` are words of the language unless functions have these names.
    break_is_function: bool,
    continue_is_function: bool,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(input: &'t str, break_is_function: bool, continue_is_function: bool) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            line: 1,
            start_line: 1,
            at_eof: false,
            inside_action: false,
            parens: 0,
            break_is_function,
            continue_is_function,
        }
    }

    /// Reads the next token.
    pub(crate) fn token(&mut self) -> Token<'t> {
        if self.inside_action { self.action() } else { self.text() }
    }

    fn rest(&self) -> &'t str {
        &self.input[self.pos..]
    }

    fn next(&mut self) -> Option<char> {
        let Some(c) = self.rest().chars().next() else {
            self.at_eof = true;
            return None;
        };
        self.pos += c.len_utf8();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn back(&mut self) {
        if self.at_eof {
            return;
        }
        if let Some(c) = self.input[..self.pos].chars().next_back() {
            self.pos -= c.len_utf8();
            self.line -= usize::from(c == '\n');
        }
    }

    fn emit(&mut self, kind: Kind) -> Token<'t> {
        let token = Token { kind, pos: self.start, text: self.input[self.start..self.pos].into(), line: self.start_line };
        self.start = self.pos;
        self.start_line = self.line;
        token
    }

    fn error(&mut self, text: impl Into<Cow<'t, str>>) -> Token<'t> {
        let token = Token { kind: Kind::Error, pos: self.start, text: text.into(), line: self.start_line };
        (self.input, self.start, self.pos) = ("", 0, 0);
        token
    }

    fn skip(&mut self) {
        self.line += newlines(&self.input[self.start..self.pos]);
        self.start = self.pos;
        self.start_line = self.line;
    }

    /// Reads text up to an action; comments are passed over.
    fn text(&mut self) -> Token<'t> {
        loop {
            let Some(length) = self.rest().find(LEFT) else {
                self.pos = self.input.len();
                if self.pos == self.start {
                    return Token { kind: Kind::Eof, pos: self.start, text: "".into(), line: self.start_line };
                }
                self.line += newlines(&self.input[self.start..]);
                return self.emit(Kind::Text);
            };
            let delimiter = self.pos + length;
            let text = &self.input[self.start..delimiter];
            let kept = if trims_left(&self.input[delimiter + LEFT.len()..]) { text.trim_end_matches(SPACES) } else { text };
            self.pos = self.start + kept.len();
            self.line += newlines(kept);
            let token = self.emit(Kind::Text);
            self.pos = delimiter;
            self.skip();
            if !token.text.is_empty() {
                return token;
            }
            if let Some(token) = self.left_delimiter() {
                return token;
            }
        }
    }

    /// Reads `{{`, or a whole comment, which gives nothing unless it is broken.
    fn left_delimiter(&mut self) -> Option<Token<'t>> {
        self.pos += LEFT.len();
        let marker = if trims_left(self.rest()) { MARKER } else { 0 };
        if self.rest()[marker..].starts_with("/*") {
            self.pos += marker;
            self.skip();
            return self.comment();
        }
        let token = self.emit(Kind::LeftDelim);
        self.inside_action = true;
        self.pos += marker;
        self.skip();
        self.parens = 0;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token<'t>> {
        self.pos += 2;
        let Some(length) = self.rest().find("*/") else {
            return Some(self.error("unclosed comment"));
        };
        self.pos += length + 2;
        let Some(trims) = self.at_right_delimiter() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pos += RIGHT.len() + if trims { MARKER } else { 0 };
        if trims {
            self.skip_spaces();
        }
        self.skip();
        None
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start_matches(SPACES).len();
    }

    /// Tells whether `}}` follows, and if so whether a trim marker precedes it.
    fn at_right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        if trims_right(rest) && rest[MARKER..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn right_delimiter(&mut self, trims: bool) -> Token<'t> {
        if trims {
            self.pos += MARKER;
            self.skip();
        }
        self.pos += RIGHT.len();
        let token = self.emit(Kind::RightDelim);
        if trims {
            self.skip_spaces();
            self.skip();
        }
        self.inside_action = false;
        token
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|c| *c == b'\n').count()
}

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn is_word(c: char) -> bool {
    c == '_' || is_letter(c) || is_digit(c)
}

fn trims_left(after: &str) -> bool {
    after.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

fn trims_right(from: &str) -> bool {
    from.strip_prefix(SPACES).is_some_and(|rest| rest.starts_with('-'))
}

/// Writes a character as Go's `%#U` does.
fn code_point(c: Option<char>) -> String {
    match c {
        Some(c) if is_print(c) => format!("U+{:04X} '{c}'", u32::from(c)),
        Some(c) => format!("U+{:04X}", u32::from(c)),
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut lexer = Lexer::new(text, false, false);
        let mut out = Vec::new();
        loop {
            let token = lexer.token();
            out.push(format!("{:?}:{}:{}", token.kind, token.line, token.text));
            if matches!(token.kind, Kind::Eof | Kind::Error) {
                return out.join("|");
            }
        }
    }

    #[test]
    fn trim_markers_and_comments_vanish() {
        assert_eq!(tokens("a {{- 3 -}}\n b"), "Text:1:a|LeftDelim:1:{{|Number:1:3|RightDelim:1:}}|Text:2:b|Eof:2:");
        assert_eq!(tokens("a\n{{/* x\n*/}}b"), "Text:1:a\n|Text:3:b|Eof:3:");
        assert_eq!(tokens("{{-3}}"), "LeftDelim:1:{{|Number:1:-3|RightDelim:1:}}|Eof:1:");
    }

    #[test]
    fn errors_are_tokens() {
        assert_eq!(tokens("{{'a"), "LeftDelim:1:{{|Error:1:unterminated character constant");
        assert_eq!(tokens("{{\u{1}}}"), "LeftDelim:1:{{|Error:1:unrecognized character in action: U+0001");
        assert_eq!(tokens("{{.a-b}}"), "LeftDelim:1:{{|Error:1:bad character U+002D '-'");
        assert_eq!(tokens("{{(}}"), "LeftDelim:1:{{|LeftParen:1:(|Error:1:unclosed left paren");
        assert_eq!(tokens("{{\n"), "LeftDelim:1:{{|Space:1:\n|Error:2:unclosed action");
    }
}
