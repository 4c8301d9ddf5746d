//! Text, actions, and the actions that control others.

use super::{Item, ParseError, Parser, Stop};
use crate::lex::{Kind, Token};
use crate::node::{Branch, Invocation, Node};

impl<'t> Parser<'t> {
    /// Reads a whole text, which alone may hold `define`.
    pub(super) fn root(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut list = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delimiter = self.next();
                if self.next_word().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.back2(delimiter);
            }
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Stop(stop) => return Err(self.error(format!("unexpected {stop}"))),
            }
        }
        Ok(list)
    }

    fn definition(&mut self) -> Result<(), ParseError> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.state);
        let token = self.next_word();
        if !matches!(token.kind, Kind::Str | Kind::RawString) {
            return Err(self.unexpected(&token, CONTEXT));
        }
        let name = self.unquote(&token)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body(name, CONTEXT)?;
        self.state = outer;
        Ok(())
    }

    /// Reads a definition up to its `end`.
    fn body(&mut self, name: Box<[u8]>, context: &str) -> Result<(), ParseError> {
        let (list, stop) = self.list()?;
        if !matches!(stop, Stop::End) {
            return Err(self.error(format!("unexpected {stop} in {context}")));
        }
        self.define(name, list)
    }

    /// Reads nodes up to what closes them.
    fn list(&mut self) -> Result<(Vec<Node>, Stop), ParseError> {
        let mut list = Vec::new();
        while self.peek_word().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Stop(stop) => return Ok((list, stop)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Result<Item, ParseError> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text.as_bytes().into()))),
            Kind::LeftDelim => {
                self.state.action_line = token.line;
                let item = self.action()?;
                self.state.action_line = 0;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Result<Item, ParseError> {
        let token = self.next_word();
        Ok(Item::Node(match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.jump("{{break}}", Node::Break)?,
            Kind::Continue => self.jump("{{continue}}", Node::Continue)?,
            Kind::Else => return self.otherwise(),
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Stop(Stop::End));
            }
            Kind::If => Node::If(self.branch("if")?),
            Kind::Range => Node::Range(self.branch("range")?),
            Kind::With => Node::With(self.branch("with")?),
            Kind::Template => self.template()?,
            _ => {
                self.back();
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        }))
    }

    fn jump(&mut self, text: &str, node: Node) -> Result<Node, ParseError> {
        let token = self.next_word();
        if token.kind != Kind::RightDelim {
            return Err(self.unexpected(&token, text));
        }
        if self.state.ranges == 0 {
            return Err(self.error(format!("{text} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    fn otherwise(&mut self) -> Result<Item, ParseError> {
        if !matches!(self.peek_word().kind, Kind::If | Kind::With) {
            self.expect(Kind::RightDelim, "else")?;
        }
        Ok(Item::Stop(Stop::Else))
    }

    /// Reads `if`, `with` or `range` up to its `end`.
    fn branch(&mut self, context: &str) -> Result<Branch, ParseError> {
        self.enter()?;
        let variables = self.state.variables.len();
        let is_range = context == "range";
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        self.state.ranges += usize::from(is_range);
        let (list, stop) = self.list()?;
        self.state.ranges -= usize::from(is_range);
        let otherwise = match stop {
            Stop::End => None,
            Stop::Else => Some(self.else_list(context)?),
        };
        self.state.variables.truncate(variables);
        self.leave();
        Ok(Branch { pipe, list, otherwise })
    }

    /// Reads what follows `else`; one `end` closes both an `else if` and the `if` it belongs to.
    fn else_list(&mut self, context: &str) -> Result<Vec<Node>, ParseError> {
        let next = self.peek().kind;
        if context == "if" && next == Kind::If {
            self.next();
            return Ok(vec![Node::If(self.branch("if")?)]);
        }
        if context == "with" && next == Kind::With {
            self.next();
            return Ok(vec![Node::With(self.branch("with")?)]);
        }
        let (list, stop) = self.list()?;
        match stop {
            Stop::End => Ok(list),
            Stop::Else => Err(self.error(format!("expected end; found {stop}"))),
        }
    }

    fn block(&mut self) -> Result<Node, ParseError> {
        const CONTEXT: &str = "block clause";
        self.enter()?;
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outer = std::mem::take(&mut self.state);
        let (list, stop) = self.list()?;
        if matches!(stop, Stop::Else) {
            // Go reports this one at the place the block began.
            self.state = outer;
            return Err(self.error(format!("unexpected {stop} in {CONTEXT}")));
        }
        self.define(name.clone(), list)?;
        self.state = outer;
        self.leave();
        Ok(Node::Template(Invocation { pos: token.pos, name, pipe: Some(pipe) }))
    }

    fn template(&mut self) -> Result<Node, ParseError> {
        const CONTEXT: &str = "template clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_word().kind != Kind::RightDelim {
            self.back();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template(Invocation { pos: token.pos, name, pipe }))
    }

    fn template_name(&mut self, token: &Token<'t>, context: &str) -> Result<Box<[u8]>, ParseError> {
        match token.kind {
            Kind::Str | Kind::RawString => self.unquote(token),
            _ => Err(self.unexpected(token, context)),
        }
    }
}
