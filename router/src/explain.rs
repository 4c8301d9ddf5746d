//! Why an event goes where it goes, for people.
//!
//! In go a configuration and events as they travel; out comes every rule that is looked at, in order, with the reason. It decides by the same tree as the
//! stage. Pure.

use herald_common::config::Config;

use crate::{route::Tree, view::View};

/// Explains decisions by the rules of one configuration.
#[derive(Debug)]
pub struct Explainer {
    tree: Tree,
    reporting_fields: bool,
}

/// What becomes of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Every hit of a receiver in the order of the tree, repeats kept; each receiver gets the event once.
    pub routed: Vec<String>,
    /// The rules that were looked at.
    pub rules: Vec<Reason>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Where it stands, for example `route.routes[0].match[1]`.
    pub path: String,
    /// Whether it matches.
    pub matched: bool,
    /// Why, or why not.
    pub because: String,
    /// What follows when it matches: the receiver it delivers to, if any.
    pub receiver: Option<String>,
}

impl Explainer {
    /// Compiles the rules of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { tree: Tree::compile(&config.route), reporting_fields: config.match_reporting_fields }
    }

    /// Explains what becomes of an event, given as a message carries it: MessagePack when `content_type` says so, JSON otherwise.
    ///
    /// # Errors
    /// When it is no event.
    pub fn explain(&self, payload: &[u8], content_type: Option<&str>) -> anyhow::Result<Explanation> {
        let view = View::read(payload, content_type)?;
        let event = view.event(self.reporting_fields);
        let reasons = self.tree.explain(&event).into_iter().map(|step| Reason {
            path: step.path.to_owned(),
            matched: step.mismatch.is_none(),
            because: match step.mismatch {
                Some(mismatch) => mismatch.to_string(),
                None if step.is_empty => "a rule without conditions matches everything".to_owned(),
                None => "every condition holds".to_owned(),
            },
            receiver: step.receiver.filter(|_| !step.drops).map(str::to_owned),
        });
        let rules: Vec<Reason> = reasons.collect();
        let routed = rules.iter().filter(|rule| rule.matched).filter_map(|rule| rule.receiver.clone()).collect();
        Ok(Explanation { routed, rules })
    }
}
