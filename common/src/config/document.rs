//! A YAML document as a tree whose nodes know their places and paths.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::{Location, Options, Spanned};

use super::{Problem, variables::Variables};

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
            Self::Scalar { hidden: true, .. } => f.write_str("***"),
            Self::Scalar { text, .. } => write!(f, "{text:?}"),
            Self::Seq(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_map().entries(entries.iter().map(|(key, node)| (&key.text, node))).finish(),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A key of a map; two are equal when their texts are.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
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

    /// Returns a problem at this node.
    #[must_use]
    pub fn problem(&self, message: String) -> Problem {
        Problem { line: self.line, column: self.column, path: self.path.clone(), message }
    }

    /// Returns a problem at the node a dotted path leads to, or at the nearest one above it.
    pub(super) fn problem_at(&self, path: &str, message: String) -> Problem {
        let mut node = self;
        for key in path.split('.') {
            match node.get(key) {
                Some(next) => node = next,
                None => break,
            }
        }
        Problem { path: path.to_owned(), ..node.problem(message) }
    }

    /// Returns this map without `key`, and what `key` held.
    pub(super) fn split(self, key: &str) -> (Self, Option<Node>) {
        let Self { kind, line, column, path } = self;
        let Kind::Map(entries) = kind else { return (Self { kind, line, column, path }, None) };
        let mut taken = None;
        let rest = entries
            .into_iter()
            .filter_map(|(found, node)| {
                if found.text == key {
                    taken = Some(node);
                    None
                } else {
                    Some((found, node))
                }
            })
            .collect();
        (Self { kind: Kind::Map(rest), line, column, path }, taken)
    }

    /// Tells whether it is a scalar that holds a variable's value, which must not be shown.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self.kind, Kind::Scalar { hidden: true, .. })
    }

    /// Says in a few words what this node is, for messages.
    pub(super) fn found(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Scalar { hidden: true, .. } => "the value of a variable".to_owned(),
            Kind::Scalar { text, .. } => format!("{text:?}"),
            Kind::Seq(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

/// Reads a document; an empty one is an empty map.
pub(super) fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Node, Vec<Problem>> {
    let (variables, marked) = Variables::take(text, lookup).map_err(|problem| vec![problem])?;
    let mut options = Options::default();
    options.strict_booleans = true;
    let raw: Option<Spanned<Raw>> =
        serde_saphyr::from_str_with_options(&marked, options).map_err(|error| vec![syntax_problem(&error, text)])?;
    let mut reader = Reader { variables: &variables, source: &marked, problems: Vec::new() };
    let mut root = match raw {
        Some(raw) => reader.node(raw, String::new()),
        None => Node { kind: Kind::Null, line: 1, column: 1, path: String::new() },
    };
    if matches!(root.kind, Kind::Null) {
        root.kind = Kind::Map(Vec::new());
    }
    if !matches!(root.kind, Kind::Map(_)) {
        reader.problems.push(root.problem(format!("found {}, expected keys such as route and receivers", root.found())));
    }
    if reader.problems.is_empty() { Ok(root) } else { Err(reader.problems) }
}

fn syntax_problem(error: &serde_saphyr::Error, text: &str) -> Problem {
    let location = error.location();
    let line = location.map_or(0, |location| u32::try_from(location.line()).unwrap_or(0));
    let column = location.map_or(0, |location| u32::try_from(location.column()).unwrap_or(0));
    let plain = error.without_snippet().to_string();
    let mut message = format!("this is not valid YAML: {}", plain.lines().next().unwrap_or_default());
    if let Some(source) = (line > 0).then(|| text.lines().nth(line as usize - 1)).flatten() {
        let key = source.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !["password", "token", "secret", "key", "authorization", "credential"].iter().any(|word| key.contains(word)) {
            message.push_str(&format!("; the line is: {}", source.trim()));
        }
        if source.contains("{{") && !source.contains('"') && !source.contains('\'') {
            message.push_str("; values with special characters such as {{ need quotes");
        }
    }
    Problem { line, column, path: String::new(), message }
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
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn node(&mut self, raw: Spanned<Raw>, path: String) -> Node {
        let (line, column) = place(&raw.referenced);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Text(text) => {
                // A plain scalar that a variable fills may be a number after all; one without stays the string YAML made of it.
                let resolved = self.resolve(&text, &path);
                let quoted = self.source_at(&raw.defined).is_some_and(|source| source.starts_with(['"', '\'', '|', '>']));
                Kind::Scalar { string: quoted || !resolved.1, text: resolved.0, hidden: resolved.1 }
            }
            Raw::Other(text) => Kind::Scalar { text: self.source_at(&raw.defined).unwrap_or(text), string: false, hidden: false },
            Raw::Seq(items) => {
                Kind::Seq(items.into_iter().enumerate().map(|(at, item)| self.node(item, format!("{path}[{at}]"))).collect())
            }
            Raw::Map(entries) => Kind::Map(entries.into_iter().map(|(key, value)| self.entry(&key, value, &path)).collect()),
        };
        Node { kind, line, column, path }
    }

    fn entry(&mut self, key: &Spanned<String>, value: Spanned<Raw>, path: &str) -> (Key, Node) {
        let (line, column) = place(&key.referenced);
        let (text, _) = self.resolve(&key.value, path);
        let below = if path.is_empty() { text.clone() } else { format!("{path}.{text}") };
        let node = self.node(value, below);
        (Key { text, line, column }, node)
    }

    fn resolve(&mut self, text: &str, path: &str) -> (String, bool) {
        match self.variables.resolve(text) {
            Ok(resolved) => (resolved.text, resolved.hidden),
            Err(problem) => {
                self.problems.push(Problem { path: path.to_owned(), ..problem });
                (String::new(), true)
            }
        }
    }

    /// The characters of a scalar as they stand in the file.
    fn source_at(&self, location: &Location) -> Option<String> {
        let line = self.source.lines().nth(usize::try_from(location.line()).ok()?.checked_sub(1)?)?;
        let rest: String = line.chars().skip(usize::try_from(location.column()).ok()?.checked_sub(1)?).collect();
        let end = rest.find(" #").unwrap_or(rest.len());
        let text = rest[..end].trim_end();
        let end = text.find([',', ']', '}']).unwrap_or(text.len());
        let text = text[..end].trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn place(location: &Location) -> (u32, u32) {
    (u32::try_from(location.line()).unwrap_or(0), u32::try_from(location.column()).unwrap_or(0))
}
