//! `${NAME}`, `${NAME:-default}`, `${file:/path}` and the literal `$${NAME}`, wherever a value or key of the file holds them.
//!
//! A value is put in after the YAML was read, so quotes, line breaks and `#` in it arrive as they are. For that each `${…}` is first replaced by
//! characters from Unicode's private use area, as many as it had, so that lines and columns stay; [`Variables::resolve`] puts the values where the
//! marks ended up. What only a comment holds is never looked at. Every other dollar stays a dollar. Control characters, which people's files hold and YAML
//! 1.2 refuses, take the same way.

use std::{iter::Peekable, path::Path, str::Chars};

use super::Problem;
use crate::small_file;

/// First mark of a replaced `${…}`; the next character tells which it is, others fill up its length.
const MARK: char = '\u{F0000}';
const FILL: char = '\u{F0001}';
/// The mark of the control character 0.
const FIRST_CONTROL: u32 = 0xF_0010;
/// The mark that says "variable number 0".
const FIRST_INDEX: u32 = 0xF_0100;
/// More variables than a file can sensibly hold, and still inside the private use area.
const MAX_VARIABLES: usize = 0xF000;

/// The `${…}` of one file.
pub(super) struct Variables<'a> {
    found: Vec<Reference>,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

struct Reference {
    what: What,
    line: u32,
    column: u32,
}

enum What {
    Variable { name: String, default: Option<String> },
    File(String),
    Literal(String),
}

/// A text with its variables put in.
pub(super) struct Resolved {
    pub(super) text: String,
    /// Whether a variable or file was put in: the value must not be shown.
    pub(super) hidden: bool,
}

impl<'a> Variables<'a> {
    /// Takes the variables out of a text; returns them and the text with marks in their places.
    pub(super) fn take(text: &str, lookup: &'a dyn Fn(&str) -> Option<String>) -> Result<(Self, String), Problem> {
        let mut variables = Self { found: Vec::new(), lookup };
        let mut marked = String::with_capacity(text.len());
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let line_number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let mut rest = line;
            while let Some(dollar) = rest.find('$') {
                marked.extend(rest[..dollar].chars().map(mark_control));
                rest = &rest[dollar..];
                let Some((what, length)) = reference(rest) else {
                    marked.push('$');
                    rest = &rest[1..];
                    continue;
                };
                let column = u32::try_from(line[..line.len() - rest.len()].chars().count() + 1).unwrap_or(u32::MAX);
                if variables.found.len() >= MAX_VARIABLES {
                    return Err(Problem {
                        line: line_number,
                        column,
                        path: String::new(),
                        message: format!("more than {MAX_VARIABLES} variables in one file"),
                    });
                }
                marked.push(MARK);
                marked.push(index_mark(variables.found.len()));
                marked.extend(std::iter::repeat_n(FILL, rest[..length].chars().count().saturating_sub(2)));
                variables.found.push(Reference { what, line: line_number, column });
                rest = &rest[length..];
            }
            marked.extend(rest.chars().map(mark_control));
        }
        Ok((variables, marked))
    }

    /// Puts the values back into a text taken from the marked one.
    pub(super) fn resolve(&self, text: &str) -> Result<Resolved, Problem> {
        let mut resolved = Resolved { text: String::with_capacity(text.len()), hidden: false };
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            if character != MARK {
                resolved.text.push(unmark_control(character));
                continue;
            }
            if let Some(reference) = self.marked(&mut characters) {
                let (value, hidden) = self.value(reference)?;
                resolved.text.push_str(&value);
                resolved.hidden |= hidden;
            }
        }
        Ok(resolved)
    }

    /// Puts the names of variables and files back into a text taken from the marked one: what of it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            if character != MARK {
                shown.push(unmark_control(character));
                continue;
            }
            match self.marked(&mut characters).map(|reference| &reference.what) {
                Some(What::Variable { name, .. }) => shown.push_str(&format!("${{{name}}}")),
                Some(What::File(path)) => shown.push_str(&format!("${{file:{path}}}")),
                Some(What::Literal(text)) => shown.push_str(text),
                None => {}
            }
        }
        shown
    }

    /// Reads the rest of a mark.
    fn marked(&self, characters: &mut Peekable<Chars<'_>>) -> Option<&Reference> {
        let index = characters.next().map_or(usize::MAX, |mark| (mark as usize).wrapping_sub(FIRST_INDEX as usize));
        while characters.next_if_eq(&FILL).is_some() {}
        self.found.get(index)
    }

    fn value(&self, reference: &Reference) -> Result<(String, bool), Problem> {
        let problem = |message: String| Problem { line: reference.line, column: reference.column, path: String::new(), message };
        match &reference.what {
            What::Literal(text) => Ok((text.clone(), false)),
            What::Variable { name, default } => (self.lookup)(name).or_else(|| default.clone()).map(|value| (value, true)).ok_or_else(|| {
                problem(format!("the environment variable {name} is not set; set it, give a default with ${{{name}:-default}}, or write $${{{name}}} for the text itself"))
            }),
            What::File(path) => match small_file::read_text(Path::new(path)) {
                Ok(content) => Ok((content.trim_end_matches(['\n', '\r']).to_owned(), true)),
                Err(error) => Err(problem(format!("cannot read {path}: {error}; put the secret there, or name another file"))),
            },
        }
    }
}

/// Control characters that YAML takes stay as they are.
fn mark_control(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' => character,
        c if c.is_control() => char::from_u32(FIRST_CONTROL + c as u32).unwrap_or(c),
        c => c,
    }
}

fn unmark_control(character: char) -> char {
    let control = (character as u32).checked_sub(FIRST_CONTROL).filter(|code| *code < 0xA0).and_then(char::from_u32);
    control.filter(|c| c.is_control()).unwrap_or(character)
}

fn index_mark(index: usize) -> char {
    u32::try_from(index).ok().and_then(|index| char::from_u32(FIRST_INDEX + index)).unwrap_or(FILL)
}

/// Reads a reference at the start of `text`, which begins with a dollar; returns it and its length in bytes.
fn reference(text: &str) -> Option<(What, usize)> {
    if text.starts_with("$${") {
        let (_, length) = reference(&text[1..])?;
        return Some((What::Literal(text[1..=length].to_owned()), length + 1));
    }
    let body = text.strip_prefix("${")?;
    let end = body.find(['}', '\n'])?;
    if !body[end..].starts_with('}') {
        return None;
    }
    let (inside, length) = (&body[..end], end + 3);
    if let Some(path) = inside.strip_prefix("file:") {
        return (!path.is_empty()).then(|| (What::File(path.to_owned()), length));
    }
    let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default.to_owned())));
    let is_name =
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (What::Variable { name: name.to_owned(), default }, length))
}
