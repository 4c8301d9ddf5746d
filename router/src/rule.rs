//! One rule: every field that is set must match, and none of the rules under `not`.
//!
//! Patterns are Go's regular expressions, found anywhere in the text unless anchored. A pattern that does not compile never matches, as in the exporter
//! Herald replaces; the configuration warned about it. Pure: no I/O, no clock.

use std::{borrow::Cow, fmt};

use herald_common::{
    config::{self, Located, Patterns},
    pattern,
};
use regex::Regex;

/// What rules look at.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are those of the exported event")]
pub struct Event<'a> {
    pub uid: &'a str,
    pub resource_version: &'a str,
    pub namespace: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
    pub type_: &'a str,
    pub count: i32,
    pub component: &'a str,
    pub host: &'a str,
    pub api_version: &'a str,
    pub kind: &'a str,
    pub labels: &'a [(Cow<'a, str>, Cow<'a, str>)],
    pub annotations: &'a [(Cow<'a, str>, Cow<'a, str>)],
}

/// A field of the event that a pattern can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Namespace,
    Reason,
    Message,
    Type,
    Component,
    Host,
    ApiVersion,
    Kind,
}

impl Field {
    fn of<'a>(self, event: &Event<'a>) -> &'a str {
        match self {
            Self::Namespace => event.namespace,
            Self::Reason => event.reason,
            Self::Message => event.message,
            Self::Type => event.type_,
            Self::Component => event.component,
            Self::Host => event.host,
            Self::ApiVersion => event.api_version,
            Self::Kind => event.kind,
        }
    }

    /// Its key in a rule.
    fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Reason => "reason",
            Self::Message => "message",
            Self::Type => "type",
            Self::Component => "component",
            Self::Host => "host",
            Self::ApiVersion => "apiVersion",
            Self::Kind => "kind",
        }
    }
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// What it is called in metrics and explanations.
    pub label: String,
    fields: Vec<(Field, Vec<Pattern>)>,
    pairs: Vec<(Pairs, String, Vec<Pattern>)>,
    namespaces: Vec<String>,
    excluded: Vec<String>,
    min_count: i32,
    not: Vec<Rule>,
    /// The receiver a match goes to.
    pub receiver: Option<String>,
}

/// Labels or annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pairs {
    Labels,
    Annotations,
}

impl Pairs {
    fn of<'a>(self, event: &'a Event<'_>) -> &'a [(Cow<'a, str>, Cow<'a, str>)] {
        match self {
            Self::Labels => event.labels,
            Self::Annotations => event.annotations,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }
}

/// Why a rule does not match an event; printed for people.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch<'a>(Cause<'a>);

#[derive(Clone, Copy, Debug)]
enum Cause<'a> {
    Count { least: i32, found: i32 },
    Field { field: &'a str, patterns: &'a [Pattern], found: &'a str },
    NoKey { pairs: &'static str, key: &'a str },
    Namespace { excluded: bool, found: &'a str },
    Not(&'a Rule),
}

impl Rule {
    /// Compiles a rule of the configuration that stands at `path`.
    #[must_use]
    pub fn compile(rule: &config::Rule, path: &str) -> Self {
        let fields = [
            // Cheap and selective ones first: the order does not change the outcome.
            (Field::Type, &rule.type_),
            (Field::Reason, &rule.reason),
            (Field::Kind, &rule.kind),
            (Field::Namespace, &rule.namespace),
            (Field::ApiVersion, &rule.api_version),
            (Field::Component, &rule.component),
            (Field::Host, &rule.host),
            (Field::Message, &rule.message),
        ];
        let labels = rule.labels.iter().map(|(key, patterns)| (Pairs::Labels, key.clone(), Pattern::compile_all(patterns)));
        let annotations = rule.annotations.iter().map(|(key, patterns)| (Pairs::Annotations, key.clone(), Pattern::compile_all(patterns)));
        Self {
            label: if rule.name.is_empty() { path.to_owned() } else { rule.name.clone() },
            fields: fields
                .into_iter()
                .map(|(field, patterns)| (field, Pattern::compile_all(patterns)))
                .filter(|(_, patterns)| !patterns.is_empty())
                .collect(),
            pairs: labels.chain(annotations).collect(),
            namespaces: values(&rule.namespaces),
            excluded: values(&rule.exclude_namespaces),
            min_count: rule.min_count,
            not: rule.not.0.iter().enumerate().map(|(at, inner)| Self::compile(inner, &format!("{path}.not[{at}]"))).collect(),
            receiver: rule.receiver.as_ref().map(|receiver| receiver.value.clone()).filter(|name| !name.is_empty()),
        }
    }

    /// Tells whether the rule sets no condition and so matches everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { label: _, fields, pairs, namespaces, excluded, min_count, not, receiver: _ } = self;
        fields.is_empty() && pairs.is_empty() && namespaces.is_empty() && excluded.is_empty() && *min_count == 0 && not.is_empty()
    }

    /// Tells whether every field that is set matches.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.mismatch(event).is_none()
    }

    /// Says why the rule does not match; `None` when it does.
    #[must_use]
    pub fn mismatch<'a>(&'a self, event: &'a Event<'_>) -> Option<Mismatch<'a>> {
        self.cause(event).map(Mismatch)
    }

    fn cause<'a>(&'a self, event: &'a Event<'_>) -> Option<Cause<'a>> {
        if self.min_count != 0 && self.min_count > event.count {
            return Some(Cause::Count { least: self.min_count, found: event.count });
        }
        let is_in = |names: &[String]| names.iter().any(|name| name == event.namespace);
        if !self.namespaces.is_empty() && !is_in(&self.namespaces) {
            return Some(Cause::Namespace { excluded: false, found: event.namespace });
        }
        if is_in(&self.excluded) {
            return Some(Cause::Namespace { excluded: true, found: event.namespace });
        }
        for (field, patterns) in &self.fields {
            let found = field.of(event);
            if !Pattern::any(patterns, found) {
                return Some(Cause::Field { field: field.name(), patterns, found });
            }
        }
        for (pairs, key, patterns) in &self.pairs {
            let Some((_, found)) = pairs.of(event).iter().rfind(|(name, _)| name == key) else {
                return Some(Cause::NoKey { pairs: pairs.name(), key });
            };
            if !patterns.is_empty() && !Pattern::any(patterns, found) {
                return Some(Cause::Field { field: key, patterns, found });
            }
        }
        self.not.iter().find(|rule| rule.matches(event)).map(Cause::Not)
    }
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Count { least, found } => write!(f, "count {found} is below minCount {least}"),
            Cause::NoKey { pairs, key } => write!(f, "the object has no {pairs} {key:?}"),
            Cause::Namespace { excluded: false, found } => write!(f, "namespace {found:?} is not one of namespaces"),
            Cause::Namespace { excluded: true, found } => write!(f, "namespace {found:?} is one of excludeNamespaces"),
            Cause::Not(rule) => write!(f, "{} matches", rule.label),
            Cause::Field { field, patterns, found } => {
                let found: String = found.chars().take(80).collect();
                write!(f, "{field} {found:?} does not match ")?;
                for (at, pattern) in patterns.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { " or " }, pattern.shown)?;
                    if matches!(pattern.how, How::Never) {
                        f.write_str(", which is not a regular expression")?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn values(names: &[Located<String>]) -> Vec<String> {
    names.iter().map(|name| name.value.clone()).collect()
}

/// A pattern of the configuration.
#[derive(Debug)]
struct Pattern {
    text: String,
    /// What may be shown of it.
    shown: String,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Plain text to be found anywhere: no need for an automaton.
    Contains,
    Matches(Regex),
    /// It does not compile.
    Never,
}

impl Pattern {
    /// The patterns that are set; an empty one says nothing.
    fn compile_all(patterns: &Patterns) -> Vec<Self> {
        patterns.0.iter().filter(|pattern| !pattern.value.is_empty()).map(Self::compile).collect()
    }

    fn compile(pattern: &Located<String>) -> Self {
        let text = pattern.value.clone();
        let plain = regex::escape(&text) == text;
        let how = if plain { How::Contains } else { pattern::compile(&text).map_or(How::Never, How::Matches) };
        Self { shown: pattern.found(), text, how }
    }

    fn any(patterns: &[Self], text: &str) -> bool {
        patterns.iter().any(|pattern| match &pattern.how {
            How::Contains => text.contains(pattern.text.as_str()),
            How::Matches(regex) => regex.is_match(text),
            How::Never => false,
        })
    }
}
