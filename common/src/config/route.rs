//! `route`: a tree of rules as the file holds it. The router compiles it; here its form is checked.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Located, Problem, problem::nearest};
use crate::pattern;

/// A node of the tree.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Route {
    /// An event that one of these matches goes no further.
    pub drop: Vec<Rule>,
    /// Each that matches and names a receiver delivers; sub-routes are tried when all match.
    pub r#match: Vec<Rule>,
    /// Sub-routes.
    pub routes: Vec<Route>,
}

/// A rule: every field that is set must match.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the fields are those of the event, each an unanchored regular expression")]
pub struct Rule {
    pub labels: BTreeMap<String, Located<String>>,
    pub annotations: BTreeMap<String, Located<String>>,
    pub message: Located<String>,
    pub api_version: Located<String>,
    pub kind: Located<String>,
    pub namespace: Located<String>,
    pub reason: Located<String>,
    #[serde(rename = "type")]
    pub type_: Located<String>,
    /// The lowest `count` that matches.
    pub min_count: i32,
    pub component: Located<String>,
    pub host: Located<String>,
    /// The receiver a matching event goes to; of no effect in `drop`.
    pub receiver: Option<Located<String>>,
}

impl Rule {
    /// Iterates over every pattern that is set.
    pub fn patterns(&self) -> impl Iterator<Item = &Located<String>> {
        let fields =
            [&self.message, &self.api_version, &self.kind, &self.namespace, &self.reason, &self.type_, &self.component, &self.host];
        fields.into_iter().chain(self.labels.values()).chain(self.annotations.values()).filter(|pattern| !pattern.value.is_empty())
    }
}

impl Route {
    /// Checks receivers and patterns of the whole tree.
    pub(super) fn check(&self, receivers: &[&str], errors: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
        for rule in &self.drop {
            if let Some(receiver) = &rule.receiver {
                warnings.push(receiver.problem("a receiver in a drop rule is ignored".to_owned()));
            }
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
        for found in self.drop.iter().chain(&self.r#match).flat_map(Rule::patterns) {
            if let Err(reason) = pattern::compile(&found.value) {
                let advice = repaired(&found.value).map_or_else(String::new, |meant| format!(", {meant:?} is probably meant"));
                warnings.push(
                    found.problem(format!(
                        "found {:?}, which is not a regular expression and never matches ({reason}){advice}",
                        found.value
                    )),
                );
            }
        }
        for route in &self.routes {
            route.check(receivers, errors, warnings);
        }
    }
}

/// Returns the regular expression that a glob such as `*test*` stands for, when that is one.
fn repaired(found: &str) -> Option<String> {
    let glob = found.replace('*', ".*");
    (glob != found && pattern::compile(&glob).is_ok()).then_some(glob)
}
