//! Reading a receiver's keys: what they mean, and everything that is wrong with them.
//!
//! In go a receiver and what templates may do; out comes what a kind is built of. Each helper remembers what is wrong and hands out something that stands for
//! it, so that one mistake does not hide the next: nothing of it is used unless [`Keys::findings`] holds no error. Certificates are read, no server is asked.
//! No message shows the value of a variable, or of a key that is secret.

use herald_common::config::{Findings, Node, NodeKind, Problem, Receiver, nearest};
use serde::de::DeserializeOwned;
use url::Url;

use crate::render::{Secrecy, Templates, Text, TextKey};

/// The keys of one receiver.
pub(crate) struct Keys<'a> {
    pub(crate) receiver: &'a Receiver,
    pub(crate) templates: &'a Templates,
    /// What is wrong so far.
    pub(crate) findings: Findings,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(receiver: &'a Receiver, templates: &'a Templates) -> Self {
        Self { receiver, templates, findings: Findings::default() }
    }

    /// The node of the kind's keys.
    pub(crate) fn spec(&self) -> &'a Node {
        &self.receiver.spec
    }

    /// The node a dotted path leads to.
    fn at(&self, path: &str) -> Option<&'a Node> {
        path.split('.').try_fold(self.spec(), |node, key| node.get(key))
    }

    /// Reads the keys as a type; what does not fit is left at its default.
    pub(crate) fn read<T: DeserializeOwned + Default>(&mut self) -> T {
        self.spec().read(&mut self.findings).unwrap_or_default()
    }

    /// Remembers an error.
    pub(crate) fn error(&mut self, problem: Problem) {
        self.findings.errors.push(problem);
    }

    /// Remembers an error about a key unless `holds`: what was found, and what is `expected`.
    pub(crate) fn require(&mut self, holds: bool, path: &str, expected: &str) {
        if !holds {
            self.error(self.spec().unfit(path, expected));
        }
    }

    /// Requires that a key is there and not empty; `advice` says what to put there.
    pub(crate) fn required(&mut self, path: &str, advice: &str) {
        let is_there = match self.at(path).map(|node| &node.kind) {
            None | Some(NodeKind::Null) => false,
            Some(NodeKind::Scalar { text, .. }) => !text.is_empty(),
            Some(NodeKind::Seq(items)) => !items.is_empty(),
            Some(NodeKind::Map(_) | NodeKind::Unknown) => true,
        };
        if !is_there {
            let above = path.rsplit_once('.').and_then(|(above, _)| self.at(above)).unwrap_or(self.spec());
            let key = path.rsplit('.').next().unwrap_or(path);
            self.error(above.problem(format!("{key} is missing, {advice}")));
        }
    }

    /// Requires `other` beside a key that is there.
    pub(crate) fn beside(&mut self, path: &str, other: &str) {
        let is_set = |path: &str| self.at(path).is_some_and(|node| !matches!(node.kind, NodeKind::Null));
        let beside = path.rsplit_once('.').map_or_else(|| other.to_owned(), |(above, _)| format!("{above}.{other}"));
        if is_set(path) && !is_set(&beside) {
            self.error(self.spec().problem_at(path, format!("needs {other} beside it")));
        }
    }

    /// Warns that a key which is set has no effect.
    pub(crate) fn unused(&mut self, path: &str, reason: &str) {
        let is_set = |node: &&Node| match &node.kind {
            NodeKind::Null => false,
            NodeKind::Map(entries) => !entries.is_empty(),
            _ => true,
        };
        if let Some(node) = self.at(path).filter(is_set) {
            self.findings.warnings.push(node.problem(format!("is of no effect: {reason}")));
        }
    }

    /// Requires that a key, where it is set, holds one of these words.
    pub(crate) fn one_of(&mut self, path: &str, words: &[&str]) {
        let Some(node) = self.at(path) else { return };
        if let Some(found) = node.text().filter(|found| !found.is_empty() && !words.contains(found)) {
            let meant = nearest(found, words.iter().copied()).map(|word| format!("; {word} is probably meant")).unwrap_or_default();
            self.require(false, path, &format!("expected one of {}{meant}", words.join(", ")));
        }
    }

    /// Reads an HTTP address, or every one of a list; an empty one is none. Addresses may be secret, so none is shown.
    pub(crate) fn addresses(&mut self, path: &str) -> Vec<Url> {
        let nodes = match self.at(path).map(|node| (node, &node.kind)) {
            Some((_, NodeKind::Seq(items))) => items.iter().collect(),
            Some((node, _)) => vec![node],
            None => Vec::new(),
        };
        let texts = nodes.into_iter().filter_map(|node| Some((node, node.text().filter(|text| !text.is_empty())?)));
        texts.filter_map(|(node, text)| address(text, node.is_shown()).map_err(|message| self.error(node.problem(message))).ok()).collect()
    }

    /// Reads an HTTP address that stands for a key, completed or the kind's own.
    pub(crate) fn address(&mut self, path: &str, text: &str) -> Option<Url> {
        let node = self.at(path).unwrap_or(self.spec());
        address(text, node.is_shown()).map_err(|message| self.error(node.problem(message))).ok()
    }

    /// Reads a key that is a template.
    pub(crate) fn text(&mut self, key: &TextKey, secrecy: Secrecy) -> Text {
        let TextKey(key) = key;
        let secrecy = if key.hidden { Secrecy::Secret } else { secrecy };
        self.template(&key.value, secrecy, |message| key.problem(message))
    }

    /// Parses a template that stands at the place `problem` knows.
    pub(crate) fn template(&mut self, text: &str, secrecy: Secrecy, problem: impl Fn(String) -> Problem) -> Text {
        match Text::parse(text, self.templates, secrecy) {
            Ok((text, doubt)) => {
                self.findings.mistakes.extend(doubt.map(problem));
                text
            }
            Err(message) => {
                self.error(problem(message));
                Text::Fixed(String::new())
            }
        }
    }
}

/// Reads an HTTP address; the error never repeats it, and its scheme only where it may be shown.
fn address(text: &str, shown: bool) -> Result<Url, String> {
    const ADVICE: &str = "give one such as https://host:port/path";
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => format!("this is no address, it has no scheme; {ADVICE}"),
        other => format!("this is no address: {other}; {ADVICE}"),
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme if shown && text.contains("://") => Err(format!("found scheme {scheme:?}, expected http or https; {ADVICE}")),
        _ => Err(format!("this is no address, it has no scheme; {ADVICE}")),
    }
}
