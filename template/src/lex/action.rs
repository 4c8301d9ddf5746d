//! The tokens between `{{` and `}}`.

use super::{Kind, Lexer, MARKER, RIGHT, Token, code_point, is_space, is_word, trims_right};
use crate::go::strconv::quote;

impl<'t> Lexer<'t> {
    /// Reads one token of an action.
    pub(super) fn action(&mut self) -> Token<'t> {
        if let Some(trims) = self.at_right_delimiter() {
            return if self.parens == 0 { self.right_delimiter(trims) } else { self.error("unclosed left paren") };
        }
        let Some(c) = self.next() else { return self.error("unclosed action") };
        match c {
            c if is_space(c) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' if self.next() != Some('=') => self.error("expected :="),
            ':' => self.emit(Kind::Declare),
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::Str, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw(),
            '$' => self.name(Kind::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) && !self.rest().is_empty() => self.name(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => {
                self.back();
                self.number()
            }
            c if is_word(c) => self.identifier(),
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.error("unexpected right paren"),
            ')' => {
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            c if c.is_ascii_graphic() => self.emit(Kind::Char),
            c => self.error(format!("unrecognized character in action: {}", code_point(Some(c)))),
        }
    }

    /// Reads a run of spaces, of which the first is read already; the last may belong to ` -}}`.
    fn space(&mut self) -> Token<'t> {
        let mut count = 1;
        while self.peek().is_some_and(is_space) {
            self.next();
            count += 1;
        }
        let from_last = &self.input[self.pos - 1..];
        if trims_right(from_last) && from_last[MARKER..].starts_with(RIGHT) {
            self.back();
            if count == 1 {
                return self.right_delimiter(true);
            }
        }
        self.emit(Kind::Space)
    }

    fn identifier(&mut self) -> Token<'t> {
        let stop = self.words();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", code_point(stop)));
        }
        let word = &self.input[self.start..self.pos];
        match Kind::keyword(word) {
            Some(Kind::Break) if self.break_is_function => self.emit(Kind::Identifier),
            Some(Kind::Continue) if self.continue_is_function => self.emit(Kind::Identifier),
            Some(kind) => self.emit(kind),
            None if word == "true" || word == "false" => self.emit(Kind::Bool),
            None => self.emit(Kind::Identifier),
        }
    }

    /// Reads `.name` or `$name`, whose first character is read already.
    fn name(&mut self, kind: Kind) -> Token<'t> {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Field { Kind::Dot } else { kind });
        }
        let stop = self.words();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", code_point(stop)));
        }
        self.emit(kind)
    }

    /// Passes over letters and digits; gives what stopped it.
    fn words(&mut self) -> Option<char> {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        self.peek()
    }

    /// Tells whether a name may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, mark: char, kind: Kind, error: &'static str) -> Token<'t> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.next(), None | Some('\n')) => {}
                Some('\\' | '\n') | None => return self.error(error),
                Some(c) if c == mark => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn raw(&mut self) -> Token<'t> {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.emit(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Token<'t> {
        let mut good = self.scan_number();
        let mut kind = Kind::Number;
        if good && matches!(self.peek(), Some('+' | '-')) {
            good = self.scan_number() && self.input[..self.pos].ends_with('i');
            kind = Kind::Complex;
        }
        if good {
            return self.emit(kind);
        }
        let text = &self.input[self.start..self.pos];
        self.error(format!("bad number syntax: {}", quote(text.as_bytes(), b'"', false)))
    }

    /// Passes over what may be a number; whether it is one, the parser finds out.
    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }

    fn accept(&mut self, valid: &str) -> bool {
        let fits = self.peek().is_some_and(|c| valid.contains(c));
        if fits {
            self.next();
        }
        fits
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }
}
