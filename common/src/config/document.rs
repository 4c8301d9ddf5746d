//! A YAML document as a tree whose nodes know their places and paths.
//!
//! In goes a text; out comes a [`Node`], with what is wrong with it: keys that stand twice, variables that are not set. A value that could not be read is
//! [`Kind::Unknown`], so that the rest can still be looked at.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::{
    Location, Options, Spanned,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};

use super::{Problem, syntax, variables::Variables};

/// A value of the file; two are equal when they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Path, for example `receivers[2].webhook`; empty for the root.
    pub path: String,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// What a variable would have held, had it been set.
    Unknown,
    /// A scalar: its text, whether it stood in quotes or is a string by its form, and whether it must not be shown.
    Scalar {
        /// The text, variables put in.
        text: String,
        /// Whether it is a string whatever it looks like.
        string: bool,
        /// Whether it holds a variable's value.
        hidden: bool,
    },
    /// A list.
    Seq(Vec<Node>),
    /// A map in the file's order.
    Map(Vec<(Key, Node)>),
}

/// Never prints a hidden scalar.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unknown => f.write_str("unknown"),
            Self::Scalar { hidden: true, .. } => f.write_str("***"),
            Self::Scalar { text, .. } => write!(f, "{text:?}"),
            Self::Seq(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_map().entries(entries.iter().map(|(key, node)| (&key.shown, node))).finish(),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A key of a map; two are equal when their texts are.
#[derive(Clone)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Its text with variables' names in place of their values: what may be shown.
    pub shown: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Never prints a variable's value.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

impl Node {
    /// Returns a map's value by its key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(found, _)| found.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Returns a scalar's text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns a problem at this node.
    #[must_use]
    pub fn problem(&self, message: String) -> Problem {
        Problem { line: self.line, column: self.column, path: self.path.clone(), message }
    }

    /// Returns a problem at the node a dotted path below this one leads to, or at the nearest one above it.
    #[must_use]
    pub fn problem_at(&self, path: &str, message: String) -> Problem {
        let mut node = self;
        for key in path.split('.') {
            match node.get(key) {
                Some(next) => node = next,
                None => break,
            }
        }
        let path = if self.path.is_empty() { path.to_owned() } else { format!("{}.{path}", self.path) };
        Problem { path, ..node.problem(message) }
    }

    /// Returns a problem at the node a dotted path below this one leads to: what was found there, and what was `expected` instead.
    #[must_use]
    pub fn unfit(&self, path: &str, expected: &str) -> Problem {
        let node = path.split('.').try_fold(self, |node, key| node.get(key));
        let found = node.map_or_else(|| "nothing".to_owned(), Node::found);
        self.problem_at(path, format!("found {found}, {expected}"))
    }

    /// Takes the node that a problem is about out of the tree below this one.
    pub(super) fn take(&mut self, problem: &Problem) -> Option<Node> {
        let is_meant = |node: &Node| (node.line, node.column, &node.path) == (problem.line, problem.column, &problem.path);
        let (found, inner): (Option<Node>, Vec<&mut Node>) = match &mut self.kind {
            Kind::Seq(items) => match items.iter().position(is_meant) {
                Some(at) => (Some(items.remove(at)), Vec::new()),
                None => (None, items.iter_mut().collect()),
            },
            Kind::Map(entries) => match entries.iter().position(|(_, node)| is_meant(node)) {
                Some(at) => (Some(entries.remove(at).1), Vec::new()),
                None => (None, entries.iter_mut().map(|(_, node)| node).collect()),
            },
            _ => return None,
        };
        found.or_else(|| inner.into_iter().filter(|node| problem.path.starts_with(&node.path)).find_map(|node| node.take(problem)))
    }

    /// Tells whether it is a scalar that holds a variable's value, which must not be shown.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self.kind, Kind::Scalar { hidden: true, .. })
    }

    /// Tells whether it, and everything in it, may be shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        match &self.kind {
            Kind::Null => true,
            Kind::Unknown => false,
            Kind::Scalar { hidden, .. } => !hidden,
            Kind::Seq(items) => items.iter().all(Node::is_shown),
            Kind::Map(entries) => entries.iter().all(|(key, node)| key.text == key.shown && node.is_shown()),
        }
    }

    /// Tells whether all of it could be read: no variable in it is unset.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match &self.kind {
            Kind::Unknown => false,
            Kind::Null | Kind::Scalar { .. } => true,
            Kind::Seq(items) => items.iter().all(Node::is_known),
            Kind::Map(entries) => entries.iter().all(|(_, node)| node.is_known()),
        }
    }

    /// Says in a few words what this node is, for messages.
    #[must_use]
    pub fn found(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Unknown | Kind::Scalar { hidden: true, .. } => HIDDEN.to_owned(),
            Kind::Scalar { text, string: true, .. } => format!("{text:?}"),
            Kind::Scalar { text, .. } => text.clone(),
            Kind::Seq(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

/// Stands in messages for what must not be shown.
pub(super) const HIDDEN: &str = "the value of a variable";

/// How deep lists and maps may nest: far deeper than a configuration does, and not so deep that reading it could exhaust the stack of a thread.
const MAX_DEPTH: usize = 40;

/// Reads a document; an empty one is an empty map. What is wrong with it goes into `problems`; without a node nothing of it could be read.
pub(super) fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Problem>) -> Option<Node> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    // A carriage return ends a line as well (YAML 1.2.2, 5.4), and lines are counted here too.
    let text = &text.replace("\r\n", "\n").replace('\r', "\n");
    let (variables, marked) = Variables::take(text, lookup).map_err(|problem| problems.push(problem)).ok()?;
    let mut options = Options::default();
    options.strict_booleans = true;
    options.budget.get_or_insert_default().max_depth = MAX_DEPTH;
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.non_finite_float_policy = NonFiniteFloatPolicy::PassThrough;
    let raw: Result<Option<Spanned<Raw>>, _> = serde_saphyr::from_str_with_options(&marked, options);
    let raw = raw.map_err(|error| problems.push(syntax::problem(&error, text))).ok()?;
    let mut reader = Reader { variables: &variables, source: &marked, problems };
    let mut root = match raw {
        Some(raw) => reader.node(raw, String::new()),
        None => Node { kind: Kind::Null, line: 1, column: 1, path: String::new() },
    };
    if matches!(root.kind, Kind::Null) {
        root.kind = Kind::Map(Vec::new());
    }
    if matches!(root.kind, Kind::Map(_)) {
        return Some(root);
    }
    problems.push(root.problem(format!("found {}, expected keys such as route and receivers", root.found())));
    None
}

/// A value as serde-saphyr hands it over; scalars other than strings keep their form only in the source.
enum Raw {
    Null,
    Text(String),
    /// A number or boolean; the text is used when the source cannot be read.
    Other(String),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
                Raw::deserialize(deserializer)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Other(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
                Ok(Raw::Other(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
                Ok(Raw::Other(value.to_string()))
            }
            fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
                Ok(Raw::Other(value.to_string()))
            }
            fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
                Ok(Raw::Other(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
                Ok(Raw::Other(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
                Ok(Raw::Text(value.to_owned()))
            }
            fn visit_bytes<E>(self, value: &[u8]) -> Result<Raw, E> {
                Ok(Raw::Text(String::from_utf8_lossy(value).into_owned()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Raw::Seq(list))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    list.push(entry);
                }
                Ok(Raw::Map(list))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Turns raw values into nodes: places, paths, variables.
struct Reader<'a> {
    variables: &'a Variables<'a>,
    source: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn node(&mut self, raw: Spanned<Raw>, path: String) -> Node {
        let (line, column) = place(&raw.referenced);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Text(text) => match self.variables.resolve(&text) {
                // A plain scalar that a variable fills may be a number after all; one without stays the string YAML made of it.
                Ok(resolved) => {
                    let quoted = self.source_at(&raw.defined).is_some_and(|source| source.starts_with(['"', '\'', '|', '>']));
                    Kind::Scalar { string: quoted || !resolved.hidden, text: resolved.text, hidden: resolved.hidden }
                }
                Err(problem) => {
                    self.problems.push(Problem { path: path.clone(), ..problem });
                    Kind::Unknown
                }
            },
            Raw::Other(text) => {
                Kind::Scalar { text: self.source_at(&raw.defined).map_or(text, str::to_owned), string: false, hidden: false }
            }
            Raw::Seq(items) => {
                Kind::Seq(items.into_iter().enumerate().map(|(at, item)| self.node(item, format!("{path}[{at}]"))).collect())
            }
            Raw::Map(entries) => {
                let (mut read, mut seen) = (Vec::with_capacity(entries.len()), HashMap::new());
                for (key, value) in entries {
                    let entry = self.entry(&key, value, &path);
                    match seen.entry(entry.0.text.clone()) {
                        Entry::Occupied(first) => self.twice(&entry, *first.get()),
                        Entry::Vacant(free) => {
                            free.insert(entry.0.line);
                            read.push(entry);
                        }
                    }
                }
                Kind::Map(read)
            }
        };
        Node { kind, line, column, path }
    }

    fn entry(&mut self, key: &Spanned<String>, value: Spanned<Raw>, path: &str) -> (Key, Node) {
        let (line, column) = place(&key.referenced);
        let shown = self.variables.shown(&key.value);
        let text = match self.variables.resolve(&key.value) {
            Ok(resolved) => resolved.text,
            Err(problem) => {
                self.problems.push(Problem { path: path.to_owned(), ..problem });
                shown.clone()
            }
        };
        let below = if path.is_empty() { shown.clone() } else { format!("{path}.{shown}") };
        let node = self.node(value, below);
        (Key { text, shown, line, column }, node)
    }

    fn twice(&mut self, (key, node): &(Key, Node), first: u32) {
        let message = format!("the key {:?} stands twice, first on line {first}; keep one", key.shown);
        self.problems.push(Problem { line: key.line, column: key.column, path: node.path.clone(), message });
    }

    /// The characters of a scalar as they stand in the file.
    fn source_at(&self, location: &Location) -> Option<&str> {
        let span = location.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        self.source.get(start..start.checked_add(length)?).filter(|text| !text.is_empty())
    }
}

fn place(location: &Location) -> (u32, u32) {
    (u32::try_from(location.line()).unwrap_or(0), u32::try_from(location.column()).unwrap_or(0))
}
