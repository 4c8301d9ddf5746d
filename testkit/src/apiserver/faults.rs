//! Scripts of faults: what the simulated API server is to do wrong, to which requests, how often.
//!
//! In: faults and the requests that arrive. Out: the fault that a request meets. Pure but for chance.

use std::time::Duration;

use rand::RngExt as _;
use serde::Deserialize;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// Answers with the code and, in seconds, the `Retry-After` header.
    #[serde(rename_all = "camelCase")]
    Status {
        /// The HTTP status code.
        code: u16,
        /// The seconds in `Retry-After`, if it is to be sent.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Answers rightly, but only after as many milliseconds.
    Delay(u64),
    /// Never answers.
    Hang,
    /// Closes the connection without an answer.
    Cut,
    /// A watch begins and then meets this.
    Watch(WatchTrouble),
}

/// What goes wrong with a watch that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WatchTrouble {
    /// An `ERROR` line with a 410 `Status`, then the end.
    Expired,
    /// Nothing is sent any more, not even the end at `timeoutSeconds`, and the connection stays open.
    Silent,
    /// The watch ends properly.
    Close,
    /// The connection is closed in the middle of the answer.
    Cut,
}

/// Trouble for some requests. Without further calls it is met by every request of the verb on the resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    #[serde(default)]
    verb: Option<String>,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    times: Option<u64>,
    #[serde(default)]
    probability: Option<f64>,
    trouble: Trouble,
}

impl Fault {
    /// Trouble for a verb (`list`, `watch`, `get`, `create`, `update`, `patch`, `delete`, `discovery`, `*`) on a resource
    /// (`pods`, `deployments.apps`, `*`).
    pub fn new(verb: &str, resource: &str, trouble: Trouble) -> Self {
        let given = |text: &str| (text != "*").then(|| text.to_owned());
        Self { verb: given(verb), resource: given(resource), namespace: None, name: None, times: None, probability: None, trouble }
    }

    /// Answers of this code.
    pub fn status(verb: &str, resource: &str, code: u16) -> Self {
        Self::new(verb, resource, Trouble::Status { code, retry_after: None })
    }

    /// Adds `Retry-After` to the answers of [`Fault::status`], in whole seconds.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        if let Trouble::Status { retry_after, .. } = &mut self.trouble {
            *retry_after = Some(after.as_secs());
        }
        self
    }

    /// Only in this namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Only for the object of this name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Only for the first `times` requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only for a part of the requests, from 0 to 1, by chance.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }
}

/// A request, as far as faults look at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) verb: &'a str,
    /// The full name, `deployments.apps`.
    pub(super) resource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    denied: Vec<(String, String)>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Ends all faults and denials.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forbids a verb on a resource; `*` means any.
    pub(super) fn deny(&mut self, verb: &str, resource: &str) {
        self.denied.push((verb.to_owned(), resource.to_owned()));
    }

    /// Ends what `deny` began for the resource.
    pub(super) fn allow(&mut self, resource: &str) {
        self.denied.retain(|(_, denied)| denied != resource);
    }

    /// Whether the request is forbidden.
    pub(super) fn denies(&self, asked: Asked<'_>) -> bool {
        self.denied.iter().any(|(verb, resource)| (verb == "*" || verb == asked.verb) && is_called(asked.resource, resource))
    }

    /// The first fault that the request meets; its count goes down.
    pub(super) fn meet(&mut self, asked: Asked<'_>) -> Option<Trouble> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.times != Some(0)
                && fault.verb.as_deref().is_none_or(|verb| verb == asked.verb)
                && fault.resource.as_deref().is_none_or(|resource| is_called(asked.resource, resource))
                && fault.namespace.as_deref().is_none_or(|namespace| namespace == asked.namespace)
                && fault.name.as_deref().is_none_or(|name| name == asked.name)
                && fault.probability.is_none_or(|probability| rand::rng().random::<f64>() < probability)
        })?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.trouble.clone())
    }
}

/// Whether a resource, `deployments.apps`, is meant by a name, `deployments.apps`, `deployments` or `*`.
pub(super) fn is_called(resource: &str, name: &str) -> bool {
    name == "*" || resource == name || resource.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_by_the_requests_it_names_and_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault::status("get", "deployments", 503).named("web").times(2).retry_after(Duration::from_secs(3)));
        let asked = Asked { verb: "get", resource: "deployments.apps", namespace: "shop", name: "web" };
        assert_eq!(faults.meet(Asked { name: "other", ..asked }), None);
        assert_eq!(faults.meet(Asked { verb: "list", ..asked }), None);
        assert_eq!(faults.meet(asked), Some(Trouble::Status { code: 503, retry_after: Some(3) }));
        faults.meet(asked).unwrap();
        assert_eq!(faults.meet(asked), None);
    }

    #[test]
    fn a_denial_lasts_until_it_is_lifted() {
        let mut faults = Faults::default();
        faults.deny("*", "secrets");
        let asked = Asked { verb: "get", resource: "secrets", namespace: "", name: "" };
        assert!(faults.denies(asked));
        faults.allow("secrets");
        assert!(!faults.denies(asked));
    }

    #[test]
    fn a_fault_can_be_written_as_json() {
        let json = r#"{"verb":"get","resource":"pods","times":1,"trouble":{"status":{"code":429,"retryAfter":2}}}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        assert_eq!(fault.trouble, Trouble::Status { code: 429, retry_after: Some(2) });
        let silent: Fault = serde_json::from_str(r#"{"trouble":{"watch":"silent"}}"#).unwrap();
        assert_eq!(silent.trouble, Trouble::Watch(WatchTrouble::Silent));
    }
}
