//! One rule: every field that is set must match.
//!
//! Patterns are Go's regular expressions, found anywhere in the text unless anchored. A pattern that does not compile never matches, as in the exporter
//! Herald replaces; the configuration warned about it. Pure: no I/O, no clock.

use std::borrow::Cow;

use herald_common::{
    config::{self, Located},
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
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    fields: Vec<(Field, Pattern)>,
    labels: Vec<(String, Pattern)>,
    annotations: Vec<(String, Pattern)>,
    min_count: i32,
    /// The receiver a match goes to.
    pub receiver: Option<String>,
}

impl Rule {
    /// Compiles a rule of the configuration.
    #[must_use]
    pub fn compile(rule: &config::Rule) -> Self {
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
        let keyed = |patterns: &std::collections::BTreeMap<String, Located<String>>| {
            patterns.iter().map(|(key, value)| (key.clone(), Pattern::compile(&value.value))).collect()
        };
        Self {
            fields: fields
                .into_iter()
                .filter(|(_, text)| !text.value.is_empty())
                .map(|(field, text)| (field, Pattern::compile(&text.value)))
                .collect(),
            labels: keyed(&rule.labels),
            annotations: keyed(&rule.annotations),
            min_count: rule.min_count,
            receiver: rule.receiver.as_ref().map(|receiver| receiver.value.clone()).filter(|name| !name.is_empty()),
        }
    }

    /// Tells whether every field that is set matches.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        (self.min_count == 0 || self.min_count <= event.count)
            && self.fields.iter().all(|(field, pattern)| pattern.matches(field.of(event)))
            && self.labels.iter().all(|(key, pattern)| pattern.matches_value(event.labels, key))
            && self.annotations.iter().all(|(key, pattern)| pattern.matches_value(event.annotations, key))
    }
}

/// A pattern, or one that never matches.
#[derive(Debug)]
enum Pattern {
    /// Plain text to be found anywhere: no need for an automaton.
    Contains(String),
    Matches(Regex),
    Never,
}

impl Pattern {
    fn compile(text: &str) -> Self {
        if regex::escape(text) == text {
            return Self::Contains(text.to_owned());
        }
        pattern::compile(text).map_or(Self::Never, Self::Matches)
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Matches(regex) => regex.is_match(text),
            Self::Never => false,
        }
    }

    fn matches_value(&self, pairs: &[(Cow<'_, str>, Cow<'_, str>)], key: &str) -> bool {
        pairs.iter().find(|(found, _)| found == key).is_some_and(|(_, value)| self.matches(value))
    }
}
