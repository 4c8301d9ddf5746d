//! The tree of rules: which receivers an event goes to.
//!
//! At a node an event that a `drop` rule matches goes no further. Every `match` rule that matches and names a receiver delivers. When all `match` rules
//! match (none counts as all), each sub-route is tried. Pure: no I/O, no clock.

use herald_common::config;

use crate::rule::{Event, Rule};

/// A compiled tree of rules.
#[derive(Debug)]
pub struct Tree {
    drop: Vec<(String, Rule)>,
    r#match: Vec<Rule>,
    routes: Vec<Tree>,
}

/// What becomes of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Every hit of a receiver in the order of the tree, repeats kept.
    pub hits: Vec<&'a str>,
    /// The receivers, each once, in the order of their first hit.
    pub receivers: Vec<&'a str>,
    /// Paths of the drop rules that ended a node, for example `route.routes[0].drop[1]`.
    pub dropped_by: Vec<&'a str>,
}

impl Tree {
    /// Compiles the tree of a configuration.
    #[must_use]
    pub fn compile(route: &config::Route) -> Self {
        Self::compile_at(route, "route")
    }

    fn compile_at(route: &config::Route, path: &str) -> Self {
        Self {
            drop: route.drop.iter().enumerate().map(|(at, rule)| (format!("{path}.drop[{at}]"), Rule::compile(rule))).collect(),
            r#match: route.r#match.iter().map(Rule::compile).collect(),
            routes: route.routes.iter().enumerate().map(|(at, sub)| Self::compile_at(sub, &format!("{path}.routes[{at}]"))).collect(),
        }
    }

    /// Decides where an event goes.
    #[must_use]
    pub fn route(&self, event: &Event<'_>) -> Decision<'_> {
        let mut decision = Decision::default();
        self.visit(event, &mut decision);
        for hit in &decision.hits {
            if !decision.receivers.contains(hit) {
                decision.receivers.push(hit);
            }
        }
        decision
    }

    fn visit<'a>(&'a self, event: &Event<'_>, decision: &mut Decision<'a>) {
        if let Some((path, _)) = self.drop.iter().find(|(_, rule)| rule.matches(event)) {
            decision.dropped_by.push(path);
            return;
        }
        let mut all = true;
        for rule in &self.r#match {
            if !rule.matches(event) {
                all = false;
            } else if let Some(receiver) = &rule.receiver {
                decision.hits.push(receiver);
            }
        }
        if all {
            for sub in &self.routes {
                sub.visit(event, decision);
            }
        }
    }
}
