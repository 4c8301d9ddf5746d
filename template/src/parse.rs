//! Reads a template's text into a tree.
//!
//! In: a name, the text, the functions that may be called. Out: the definitions the text holds, or the first error with
//! Go's text. Nesting is limited, so that no template can exhaust the stack.

use std::fmt;

use crate::builtin::Builtin;
use crate::func::Functions;
use crate::go::strconv::unquote;
use crate::lex::{Kind, Lexer, Token};
use crate::node::{Callee, Node, ROOT, VariableId};

mod control;
mod pipeline;

/// How deep `if`, `with`, `range` and `block` may nest, each `else if` counting for one more.
const MAX_CONTROLS: usize = 200;
/// How deep parentheses may nest.
const MAX_PARENS: usize = 100;

/// Why a template does not parse. Prints as Go does: `template: NAME:LINE: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The template's name.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1; Go does not tell it.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    /// The function that is not defined, if that is what is wrong.
    pub fn undefined(&self) -> Option<&str> {
        let (name, rest) = self.message.strip_prefix("function \"")?.split_once('"')?;
        rest.starts_with(" not defined").then_some(name)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template: {}:{}: {}", self.name, self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

/// A template defined in a text: the text itself, a `define` or a `block`.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: Box<[u8]>,
    pub(crate) list: Vec<Node>,
}

/// Everything a text holds.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) definitions: Vec<Definition>,
}

/// Reads a text.
pub(crate) fn parse(name: &str, text: &str, functions: &Functions) -> Result<Parsed, ParseError> {
    let lexer = Lexer::new(text, functions.get("break").is_some(), functions.get("continue").is_some());
    let mut parser = Parser {
        name,
        text,
        functions,
        lexer,
        state: State::default(),
        names: vec!["$".into()],
        definitions: Vec::new(),
        controls: 0,
        parens: 0,
    };
    let list = parser.root()?;
    parser.define(name.as_bytes().into(), list)?;
    Ok(Parsed { definitions: parser.definitions })
}

/// What closes a list of nodes.
enum Stop {
    End,
    /// `{{else}}`, where a following `if` or `with` is still to be read.
    Else,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        })
    }
}

/// A node, or what closes the list it would have been in.
enum Item {
    Node(Node),
    Stop(Stop),
}

/// What is particular to one definition while it is read.
struct State<'t> {
    /// Tokens read ahead, the latest at the front.
    tokens: [Token<'t>; 3],
    ahead: usize,
    /// The variables in scope.
    variables: Vec<VariableId>,
    /// The line where the current action began; 0 outside.
    action_line: usize,
    ranges: usize,
}

impl Default for State<'_> {
    fn default() -> Self {
        let none = Token { kind: Kind::Error, pos: 0, text: "".into(), line: 0 };
        Self { tokens: [none.clone(), none.clone(), none], ahead: 0, variables: vec![ROOT], action_line: 0, ranges: 0 }
    }
}

struct Parser<'t> {
    name: &'t str,
    text: &'t str,
    functions: &'t Functions,
    lexer: Lexer<'t>,
    state: State<'t>,
    /// All names of variables; their indexes are the [`VariableId`]s.
    names: Vec<Box<str>>,
    definitions: Vec<Definition>,
    controls: usize,
    parens: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Token<'t> {
        if self.state.ahead > 0 {
            self.state.ahead -= 1;
        } else {
            self.state.tokens[0] = self.lexer.token();
        }
        self.state.tokens[self.state.ahead].clone()
    }

    fn back(&mut self) {
        self.state.ahead += 1;
    }

    /// Goes back two tokens; the second of them is the one read last.
    fn back2(&mut self, first: Token<'t>) {
        self.state.tokens[1] = first;
        self.state.ahead = 2;
    }

    /// Goes back three tokens; the third of them is the one read last.
    fn back3(&mut self, first: Token<'t>, second: Token<'t>) {
        self.state.tokens[1] = second;
        self.state.tokens[2] = first;
        self.state.ahead = 3;
    }

    fn peek(&mut self) -> Token<'t> {
        if self.state.ahead == 0 {
            self.state.ahead = 1;
            self.state.tokens[0] = self.lexer.token();
        }
        self.state.tokens[self.state.ahead - 1].clone()
    }

    fn next_word(&mut self) -> Token<'t> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self) -> Token<'t> {
        let token = self.next_word();
        self.back();
        token
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        let token = &self.state.tokens[0];
        let before = self.text.get(..token.pos).unwrap_or_default();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        ParseError { name: self.name.to_owned(), line: token.line, column, message: message.into() }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'t>, ParseError> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    fn unexpected(&self, token: &Token<'t>, context: &str) -> ParseError {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {token} in {context}"));
        }
        if self.state.action_line == 0 || self.state.action_line == token.line {
            return self.error(token.to_string());
        }
        let action = if token.text.ends_with(" action") { "" } else { " in action" };
        self.error(format!("{token}{action} started at {}:{}", self.name, self.state.action_line))
    }

    /// Reads a string literal's content.
    fn unquote(&self, token: &Token<'t>) -> Result<Box<[u8]>, ParseError> {
        unquote(token.text.as_bytes()).map(Into::into).ok_or_else(|| self.error("invalid syntax"))
    }

    fn callee(&self, name: &str) -> Option<Callee> {
        match self.functions.get(name) {
            Some(function) => Some(Callee::Function(function)),
            None => Builtin::find(name).map(Callee::Builtin),
        }
    }

    /// Gives the number of a variable's name, a new one for a name not met before.
    fn variable(&mut self, name: &str) -> VariableId {
        let known = self.names.iter().position(|known| **known == *name);
        let index = known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        VariableId::try_from(index).unwrap_or(VariableId::MAX)
    }

    /// Counts one more level of control structures.
    fn enter(&mut self) -> Result<(), ParseError> {
        self.controls += 1;
        if self.controls > MAX_CONTROLS { Err(self.error("max expression depth exceeded")) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.controls -= 1;
    }

    /// Counts one more level of parentheses.
    fn open(&mut self) -> Result<(), ParseError> {
        self.parens += 1;
        if self.parens > MAX_PARENS { Err(self.error("max expression depth exceeded")) } else { Ok(()) }
    }

    fn close(&mut self) {
        self.parens -= 1;
    }

    /// Adds a definition. One that is empty but for spaces may be defined again, and does not replace another.
    fn define(&mut self, name: Box<[u8]>, list: Vec<Node>) -> Result<(), ParseError> {
        let Some(known) = self.definitions.iter_mut().find(|known| known.name == name) else {
            self.definitions.push(Definition { name, list });
            return Ok(());
        };
        if is_empty(&known.list) {
            known.list = list;
        } else if !is_empty(&list) {
            let quoted = crate::go::strconv::quote(&name, b'"', false);
            return Err(self.error(format!("template: multiple definition of template {quoted}")));
        }
        Ok(())
    }
}

/// Tells whether nodes hold nothing but spaces.
pub(crate) fn is_empty(list: &[Node]) -> bool {
    list.iter().all(|node| matches!(node, Node::Text(text) if String::from_utf8_lossy(text).trim().is_empty()))
}
