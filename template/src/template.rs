//! A parsed template, ready to render any number of times.
//!
//! In: a name, a text, functions; then for each rendering a root value and where to write. Out: bytes, or an error that
//! tells the place. A template never changes once parsed; renderings can run at the same time.

use std::fmt;

use crate::exec::Exec;
use crate::func::{Context, Functions, Host};
use crate::parse::{Definition, ParseError, parse};
use crate::value::Value;

/// How much one rendering may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of output, and as many again made by functions on the way.
    pub output: usize,
    /// Nodes executed, loop rounds and arguments included, and the work of functions on what is long: 64 bytes or 16 elements count as a node.
    pub steps: u64,
    /// How deep templates, control structures and parentheses may nest while running.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output: 16 << 20, steps: 10_000_000, depth: 200 }
    }
}

/// Why a rendering failed. Prints as Go does: `template: NAME:LINE:COLUMN: executing "NAME" at <…>: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecError {
    /// The name of the text the failing node is in.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes as Go counts it, from 0.
    pub column: usize,
    /// The template that was executing: a `define` or the text itself.
    pub executing: String,
    /// The failing node's text.
    pub at: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, line, column, executing, at, message } = self;
        let executing = crate::go::strconv::quote(executing.as_bytes(), b'"', false);
        write!(f, "template: {name}:{line}:{column}: executing {executing} at <{at}>: {message}")
    }
}

impl std::error::Error for ExecError {}

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Sorted by name.
    pub(crate) definitions: Vec<Definition>,
}

impl Template {
    /// Parses a text. The name appears in errors and is the template's own for `{{template}}`.
    pub fn parse(name: &str, text: &str, functions: &Functions) -> Result<Self, ParseError> {
        let mut definitions = parse(name, text, functions)?.definitions;
        definitions.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { name: name.to_owned(), text: text.to_owned(), definitions })
    }

    /// The template's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends what the template makes of the root value; on failure the output is as it was before.
    pub fn render<'a>(&'a self, out: &mut Vec<u8>, root: Value<'a>, host: &dyn Host, limits: Limits) -> Result<(), ExecError> {
        let start = out.len();
        let context = Context::new(host, limits);
        let result = Exec::new(self, out, context, limits).run(root);
        if result.is_err() {
            out.truncate(start);
        }
        result.map_err(|error| *error)
    }

    /// Finds a definition by name.
    pub(crate) fn definition(&self, name: &[u8]) -> Option<&Definition> {
        let at = self.definitions.binary_search_by(|definition| (*definition.name).cmp(name)).ok()?;
        self.definitions.get(at)
    }
}
