//! The tree of rules: which receivers an event goes to.
//!
//! At a node an event that a `drop` rule matches goes no further. Every `match` rule that matches and names a receiver delivers. When all `match` rules
//! match (none counts as all), each sub-route is tried. Pure: no I/O, no clock.

use herald_common::config;

use crate::rule::{Event, Mismatch, Rule};

/// A compiled tree of rules.
#[derive(Debug)]
pub struct Tree {
    drop: Vec<Placed>,
    r#match: Vec<Placed>,
    routes: Vec<Tree>,
}

/// A rule and where it stands.
#[derive(Debug)]
struct Placed {
    path: String,
    rule: Rule,
}

/// What becomes of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Every hit of a receiver in the order of the tree, repeats kept.
    pub hits: Vec<&'a str>,
    /// The receivers, each once, in the order of their first hit.
    pub receivers: Vec<&'a str>,
    /// Names (or else paths, for example `route.routes[0].drop[1]`) of the drop rules that ended a node.
    pub dropped_by: Vec<&'a str>,
    /// Names (or else paths) of the match rules that delivered.
    pub matched_by: Vec<&'a str>,
}

/// A rule that was looked at on the way through the tree.
#[derive(Debug)]
pub struct Step<'a> {
    /// Where it stands, for example `route.routes[0].match[1]`.
    pub path: &'a str,
    /// Whether it is a drop rule.
    pub drops: bool,
    /// Its receiver.
    pub receiver: Option<&'a str>,
    /// Whether it sets no condition.
    pub is_empty: bool,
    /// Why it does not match; `None` when it does.
    pub mismatch: Option<Mismatch<'a>>,
}

impl Tree {
    /// Compiles the tree of a configuration.
    #[must_use]
    pub fn compile(route: &config::Route) -> Self {
        Self::compile_at(route, "route")
    }

    fn compile_at(route: &config::Route, path: &str) -> Self {
        let compile = |key: &str, rules: &[config::Rule]| {
            let placed = rules.iter().enumerate().map(|(at, rule)| {
                let path = format!("{path}.{key}[{at}]");
                Placed { rule: Rule::compile(rule, &path), path }
            });
            placed.collect()
        };
        Self {
            drop: compile("drop", &route.drop),
            r#match: compile("match", &route.r#match),
            routes: route.routes.iter().enumerate().map(|(at, sub)| Self::compile_at(sub, &format!("{path}.routes[{at}]"))).collect(),
        }
    }

    /// Decides where an event goes.
    #[must_use]
    pub fn route<'a>(&'a self, event: &'a Event<'_>) -> Decision<'a> {
        let mut decision = Decision::default();
        self.visit(event, &mut |placed, drops, mismatch| {
            if mismatch.is_some() {
                return;
            }
            if drops {
                decision.dropped_by.push(&placed.rule.label);
            } else if let Some(receiver) = &placed.rule.receiver {
                decision.hits.push(receiver);
                decision.matched_by.push(&placed.rule.label);
                if !decision.receivers.contains(&receiver.as_str()) {
                    decision.receivers.push(receiver);
                }
            }
        });
        decision
    }

    /// Lists every rule that is looked at for an event, in order, and why it does not match.
    #[must_use]
    pub fn explain<'a>(&'a self, event: &'a Event<'_>) -> Vec<Step<'a>> {
        let mut steps = Vec::new();
        self.visit(event, &mut |placed, drops, mismatch| {
            let rule = &placed.rule;
            steps.push(Step { path: &placed.path, drops, receiver: rule.receiver.as_deref(), is_empty: rule.is_empty(), mismatch });
        });
        steps
    }

    /// Walks through the tree and shows each rule it looks at, whether it is a drop rule, and why it does not match.
    fn visit<'a>(&'a self, event: &'a Event<'_>, see: &mut impl FnMut(&'a Placed, bool, Option<Mismatch<'a>>)) {
        for placed in &self.drop {
            let mismatch = placed.rule.mismatch(event);
            let drops = mismatch.is_none();
            see(placed, true, mismatch);
            if drops {
                return;
            }
        }
        let mut all = true;
        for placed in &self.r#match {
            let mismatch = placed.rule.mismatch(event);
            all &= mismatch.is_none();
            see(placed, false, mismatch);
        }
        if all {
            for sub in &self.routes {
                sub.visit(event, see);
            }
        }
    }
}
