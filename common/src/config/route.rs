//! `route`: a tree of rules as the file holds it. The router compiles it; here its form is checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Findings, Located, NO_NAMESPACE, Node, Problem, Several, is_label_name, nearest};
use crate::pattern;

/// A node of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Route {
    /// An event that one of these matches goes no further.
    pub drop: Vec<Rule>,
    /// Each that matches and names a receiver delivers; sub-routes are tried when all match.
    pub r#match: Vec<Rule>,
    /// Sub-routes.
    pub routes: Vec<Route>,
}

/// A pattern, or a list of which one must match: Go's regular expressions, unanchored.
pub type Patterns = Several<Located<String>>;

/// A rule: every field that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the fields are those of the event, each with patterns")]
pub struct Rule {
    /// What the rule is called in metrics and explanations, instead of its path.
    pub name: String,
    pub labels: BTreeMap<String, Patterns>,
    pub annotations: BTreeMap<String, Patterns>,
    pub message: Patterns,
    pub api_version: Patterns,
    pub kind: Patterns,
    pub namespace: Patterns,
    /// Names of namespaces, of which the event's must be one.
    pub namespaces: Vec<Located<String>>,
    /// Names of namespaces, of which the event's must be none.
    pub exclude_namespaces: Vec<Located<String>>,
    pub reason: Patterns,
    #[serde(rename = "type")]
    pub type_: Patterns,
    /// The lowest `count` that matches.
    pub min_count: i32,
    pub component: Patterns,
    pub host: Patterns,
    /// Rules of which none may match.
    pub not: Several<Rule>,
    /// The receiver a matching event goes to; of no effect in `drop` and `not`.
    pub receiver: Option<Located<String>>,
}

impl Rule {
    /// Iterates over every pattern that is set.
    pub fn patterns(&self) -> impl Iterator<Item = &Located<String>> {
        let fields =
            [&self.message, &self.api_version, &self.kind, &self.namespace, &self.reason, &self.type_, &self.component, &self.host];
        let all = fields.into_iter().chain(self.labels.values()).chain(self.annotations.values());
        all.flat_map(|patterns| &patterns.0).filter(|pattern| !pattern.value.is_empty())
    }

    /// This rule and the rules inside it.
    fn with_inner(&self) -> Vec<&Rule> {
        let mut all = vec![self];
        all.extend(self.not.0.iter().flat_map(Rule::with_inner));
        all
    }
}

impl Route {
    /// Checks receivers and patterns of the whole tree. Without the receivers' names it is not said which are unknown.
    pub(super) fn check(&self, receivers: Option<&[&Node]>, findings: &mut Findings) {
        for receiver in self.drop.iter().filter_map(|rule| rule.receiver.as_ref()) {
            findings
                .warnings
                .push(receiver.problem("a receiver in a drop rule is ignored, remove it or move the rule to match".to_owned()));
        }
        let rules: Vec<&Rule> = self.drop.iter().chain(&self.r#match).flat_map(Rule::with_inner).collect();
        for receiver in rules.iter().flat_map(|rule| &rule.not.0).filter_map(|rule| rule.receiver.as_ref()) {
            findings.warnings.push(receiver.problem("a receiver under not is ignored, name it beside not".to_owned()));
        }
        for receiver in self.r#match.iter().filter_map(|rule| rule.receiver.as_ref()).filter(|receiver| !receiver.value.is_empty()) {
            findings.errors.extend(receivers.and_then(|names| unknown_receiver(receiver, names)));
        }
        for rule in rules {
            findings.mistakes.extend(rule.patterns().filter_map(never_matches));
            let names = rule.namespaces.iter().chain(&rule.exclude_namespaces).filter(|name| !is_label_name(&name.value));
            findings.mistakes.extend(names.map(|name| name.problem(format!("found {}, {NO_NAMESPACE}", name.found()))));
        }
        for route in &self.routes {
            route.check(receivers, findings);
        }
    }
}

fn unknown_receiver(receiver: &Located<String>, names: &[&Node]) -> Option<Problem> {
    if names.iter().any(|name| name.text() == Some(&receiver.value)) {
        return None;
    }
    let shown = || names.iter().filter(|name| name.is_shown()).filter_map(|name| name.text());
    let advice = match nearest(&receiver.value, shown()) {
        Some(meant) if !receiver.hidden => format!("{meant:?} is probably meant"),
        _ if names.is_empty() => "there are no receivers, add one of that name".to_owned(),
        _ => format!("known are {}", shown().collect::<Vec<_>>().join(", ")),
    };
    Some(receiver.problem(format!("no receiver is called {}, {advice}", receiver.found())))
}

/// Says so when a pattern is no regular expression.
fn never_matches(found: &Located<String>) -> Option<Problem> {
    let reason = pattern::compile(&found.value).err()?;
    let (reason, advice) = if found.hidden {
        (String::new(), "correct it".to_owned())
    } else {
        let meant = repaired(&found.value).map(|meant| format!("{meant:?} is probably meant"));
        (format!(" ({reason})"), meant.unwrap_or_else(|| "see https://pkg.go.dev/regexp/syntax for what is one".to_owned()))
    };
    Some(found.problem(format!("found {}, which is not a regular expression and never matches{reason}, {advice}", found.found())))
}

/// Returns the regular expression that a glob such as `*test*` stands for, when that is one.
fn repaired(found: &str) -> Option<String> {
    let glob = found.replace("**", "*").replace('*', ".*");
    let glob = glob.strip_prefix('?').map(|rest| format!(".{rest}")).unwrap_or(glob);
    (glob != found && pattern::compile(&glob).is_ok()).then_some(glob)
}
