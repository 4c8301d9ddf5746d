//! What was asked of the simulated API server.
//!
//! In: one record for each request. Out: counts by verb and resource, reads by object, and the last requests themselves. Bounded but for
//! one entry per object read.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

/// How many requests are remembered one by one.
const REMEMBERED: usize = 100_000;

/// One request for objects or for discovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// `list`, `watch`, `get`, `create`, `update`, `patch`, `delete`, `deletecollection` or `discovery`.
    pub verb: String,
    /// The resource, for instance `deployments.apps`; empty for discovery.
    pub resource: String,
    /// The namespace, empty for all or none.
    pub namespace: String,
    /// The object's name, empty for lists and watches.
    pub name: String,
    /// The path with the query.
    pub path: String,
    /// The `User-Agent`.
    pub user_agent: String,
    /// Whether only metadata was asked for.
    pub metadata_only: bool,
}

/// An object as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ObjectRead {
    /// The resource, for instance `pods`.
    pub resource: String,
    /// The namespace, empty for a cluster-scoped object.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The UID at the time of the read, empty when there was no such object.
    pub uid: String,
}

/// How often something was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reads {
    /// All reads.
    pub total: u64,
    /// Those of them that asked for metadata only.
    pub metadata_only: u64,
}

/// Counts of requests since the start or the last reset.
#[derive(Debug, Default)]
pub(super) struct Counters {
    log: VecDeque<Recorded>,
    by_verb: HashMap<(String, String), u64>,
    reads: HashMap<ObjectRead, Reads>,
}

impl Counters {
    /// Counts a request; `uid` is that of the object it names.
    pub(super) fn count(&mut self, request: Recorded, uid: &str) {
        *self.by_verb.entry((request.verb.clone(), request.resource.clone())).or_default() += 1;
        if request.verb == "get" {
            let read = ObjectRead {
                resource: request.resource.clone(),
                namespace: request.namespace.clone(),
                name: request.name.clone(),
                uid: uid.to_owned(),
            };
            let reads = self.reads.entry(read).or_default();
            reads.total += 1;
            reads.metadata_only += u64::from(request.metadata_only);
        }
        if self.log.len() == REMEMBERED {
            self.log.pop_front();
        }
        self.log.push_back(request);
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.log.iter().cloned().collect()
    }

    /// The number of requests of a verb on a resource, by any of its names.
    pub(super) fn number(&self, verb: &str, resource: &str) -> u64 {
        let matching = |key: &(String, String)| (verb == "*" || key.0 == verb) && super::faults::is_called(&key.1, resource);
        self.by_verb.iter().filter(|(key, _)| matching(key)).map(|(_, number)| number).sum()
    }

    pub(super) fn by_verb(&self) -> Vec<(String, String, u64)> {
        let mut all: Vec<_> = self.by_verb.iter().map(|((verb, resource), number)| (verb.clone(), resource.clone(), *number)).collect();
        all.sort_unstable();
        all
    }

    pub(super) fn reads(&self) -> HashMap<ObjectRead, Reads> {
        self.reads.clone()
    }
}
