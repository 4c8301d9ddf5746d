//! `route`: a tree of rules as the file holds it. The router compiles it; here its form is checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Located, Problem, Several, problem::nearest};
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
    pub namespaces: Vec<String>,
    /// Names of namespaces, of which the event's must be none.
    pub exclude_namespaces: Vec<String>,
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
    /// Checks receivers and patterns of the whole tree.
    pub(super) fn check(&self, receivers: &[&str], errors: &mut Vec<Problem>, mistakes: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
        for receiver in self.drop.iter().filter_map(|rule| rule.receiver.as_ref()) {
            warnings.push(receiver.problem("a receiver in a drop rule is ignored".to_owned()));
        }
        let rules: Vec<&Rule> = self.drop.iter().chain(&self.r#match).flat_map(Rule::with_inner).collect();
        for receiver in rules.iter().flat_map(|rule| &rule.not.0).filter_map(|rule| rule.receiver.as_ref()) {
            warnings.push(receiver.problem("a receiver under not is ignored".to_owned()));
        }
        for receiver in self.r#match.iter().filter_map(|rule| rule.receiver.as_ref()).filter(|receiver| !receiver.value.is_empty()) {
            if !receivers.contains(&receiver.value.as_str()) {
                let advice = nearest(&receiver.value, receivers.iter().copied()).map_or_else(
                    || format!("known are {}", if receivers.is_empty() { "none".to_owned() } else { receivers.join(", ") }),
                    |meant| format!("{meant:?} is probably meant"),
                );
                errors.push(receiver.problem(format!("no receiver is called {:?}, {advice}", receiver.value)));
            }
        }
        for found in rules.into_iter().flat_map(Rule::patterns) {
            if let Err(reason) = pattern::compile(&found.value) {
                let advice = repaired(&found.value).map_or_else(String::new, |meant| format!(", {meant:?} is probably meant"));
                mistakes.push(
                    found.problem(format!(
                        "found {:?}, which is not a regular expression and never matches ({reason}){advice}",
                        found.value
                    )),
                );
            }
        }
        for route in &self.routes {
            route.check(receivers, errors, mistakes, warnings);
        }
    }
}

/// Returns the regular expression that a glob such as `*test*` stands for, when that is one.
fn repaired(found: &str) -> Option<String> {
    let glob = found.replace('*', ".*");
    (glob != found && pattern::compile(&glob).is_ok()).then_some(glob)
}
