//! Pipelines, commands and operands.

use super::{ParseError, Parser};
use crate::go::strconv::quote;
use crate::lex::{Kind, Token};
use crate::node::{Arg, ArgKind, Command, Name, Number, Pipe};

impl<'t> Parser<'t> {
    /// Reads a pipeline and what closes it.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, ParseError> {
        let mut pipe = Pipe { pos: self.peek_word().pos, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back();
                    pipe.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
    }

    /// Reads `$x :=`, `$x =` or, in a range, `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<(), ParseError> {
        loop {
            let variable = self.peek_word();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let after = self.peek();
            let next = self.peek_word();
            let comma = next.kind == Kind::Char && next.text == ",";
            if !comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                if after.kind == Kind::Space {
                    self.back3(variable, after);
                } else {
                    self.back2(variable);
                }
                return Ok(());
            }
            self.next_word();
            let id = self.variable(&variable.text);
            pipe.variables.push((id, variable.text.as_ref().into()));
            self.state.variables.push(id);
            if !comma {
                pipe.assigns = next.kind == Kind::Assign;
                return Ok(());
            }
            if context != "range" || pipe.variables.len() >= 2 {
                return Err(self.error(format!("too many declarations in {context}")));
            }
            if !matches!(self.peek_word().kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                return Err(self.error("range can only initialize variables"));
            }
        }
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Result<(), ParseError> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (i, command) in pipe.commands.iter().enumerate().skip(1) {
            if let Some(Arg { kind: ArgKind::Bool(_) | ArgKind::Dot | ArgKind::Nil | ArgKind::Number(_) | ArgKind::Str { .. }, .. }) =
                command.args.first()
            {
                return Err(self.error(format!("non executable command in pipeline stage {}", i + 1)));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command, ParseError> {
        let mut command = Command { pos: self.peek_word().pos, args: Vec::new() };
        loop {
            self.peek_word();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(),
                Kind::Pipe => {}
                _ => return Err(self.unexpected(&token, "operand")),
            }
            break;
        }
        if command.args.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(command)
    }

    /// Reads a term and the fields after it.
    fn operand(&mut self) -> Result<Option<Arg>, ParseError> {
        let Some(mut term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut more = Vec::new();
        while self.peek().kind == Kind::Field {
            more.push(Name::new(&self.next().text[1..]));
        }
        match &mut term.kind {
            ArgKind::Field(fields) | ArgKind::Variable { fields, .. } => {
                fields.extend(more);
                term.pos = first.pos;
            }
            ArgKind::Bool(_) | ArgKind::Str { .. } | ArgKind::Number(_) | ArgKind::Nil | ArgKind::Dot => {
                let text = quote(term.to_string().as_bytes(), b'"', false);
                return Err(self.error(format!("unexpected . after term {text}")));
            }
            _ => term = Arg { pos: first.pos, kind: ArgKind::Chain { base: Box::new(term), fields: more } },
        }
        Ok(Some(term))
    }

    fn term(&mut self) -> Result<Option<Arg>, ParseError> {
        let token = self.next_word();
        let kind = match token.kind {
            Kind::Identifier => match self.callee(&token.text) {
                Some(callee) => ArgKind::Function { name: token.text.as_ref().into(), callee },
                None => return Err(self.undefined(&token.text)),
            },
            Kind::Dot => ArgKind::Dot,
            Kind::Nil => ArgKind::Nil,
            Kind::Variable => self.use_variable(&token)?,
            Kind::Field => ArgKind::Field(vec![Name::new(&token.text[1..])]),
            Kind::Bool => ArgKind::Bool(token.text == "true"),
            Kind::CharConstant => ArgKind::Number(self.number(Number::from_char(&token.text))?),
            Kind::Complex => ArgKind::Number(self.number(Number::from_complex(&token.text))?),
            Kind::Number => ArgKind::Number(self.number(Number::parse(&token.text))?),
            Kind::LeftParen => {
                self.open()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.close();
                return Ok(Some(Arg { pos: pipe.pos, kind: ArgKind::Pipe(Box::new(pipe)) }));
            }
            Kind::Str | Kind::RawString => ArgKind::Str { quoted: token.text.as_ref().into(), text: self.unquote(&token)? },
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Arg { pos: token.pos, kind }))
    }

    fn undefined(&self, name: &str) -> ParseError {
        let reason = self.functions.left_out(name).map(|reason| format!(": {reason}")).unwrap_or_default();
        self.error(format!("function {} not defined{reason}", quote(name.as_bytes(), b'"', false)))
    }

    fn number(&self, number: Result<Number, String>) -> Result<Number, ParseError> {
        number.map_err(|message| self.error(message))
    }

    fn use_variable(&mut self, token: &Token<'t>) -> Result<ArgKind, ParseError> {
        let id = self.variable(&token.text);
        if !self.state.variables.contains(&id) {
            let name = quote(token.text.as_bytes(), b'"', false);
            return Err(self.error(format!("undefined variable {name}")));
        }
        Ok(ArgKind::Variable { id, name: token.text.as_ref().into(), fields: Vec::new() })
    }
}
