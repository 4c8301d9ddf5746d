//! Nodes as Go prints them in error messages.

use std::fmt;

use super::{Arg, ArgKind, Command, Invocation, Name, Pipe};
use crate::go::strconv::quote;

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name, b'"', false))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (_, name)) in self.variables.iter().enumerate() {
            write!(f, "{}{name}", if i > 0 { ", " } else { "" })?;
        }
        if !self.variables.is_empty() {
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if i > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            f.write_str(if i > 0 { " " } else { "" })?;
            match arg.kind {
                ArgKind::Pipe(_) => write!(f, "({arg})")?,
                _ => write!(f, "{arg}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ArgKind::Bool(value) => write!(f, "{value}"),
            ArgKind::Dot => f.write_str("."),
            ArgKind::Nil => f.write_str("nil"),
            ArgKind::Number(number) => f.write_str(&number.text),
            ArgKind::Str { quoted, .. } => f.write_str(quoted),
            ArgKind::Field(names) => dotted(f, names),
            ArgKind::Variable { name, fields, .. } => {
                f.write_str(name)?;
                dotted(f, fields)
            }
            ArgKind::Function { name, .. } => f.write_str(name),
            ArgKind::Chain { base, fields } => {
                match base.kind {
                    ArgKind::Pipe(_) => write!(f, "({base})")?,
                    _ => write!(f, "{base}")?,
                }
                dotted(f, fields)
            }
            ArgKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

fn dotted(f: &mut fmt::Formatter<'_>, names: &[Name]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{}", name.text))
}
