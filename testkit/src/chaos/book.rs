//! The ledger and the stalls of an act, written by many tasks at once.
//!
//! In: what the event source makes, what receivers accept, what streams hold. It reads of a delivered event only what tells which one it is, and whether the
//! object's metadata in it is that object's.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;

use super::{ledger::Ledger, stalls::Stalls};
use crate::receiver::Received;

/// The book of an act.
pub(super) struct Book {
    begun: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    ledger: Ledger,
    stalls: Stalls,
    step: u32,
}

/// What an exported event says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    metadata: Metadata,
    #[serde(default)]
    involved_object: Object,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
}

#[derive(Default, Deserialize)]
struct Object {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    labels: Value,
}

impl Object {
    /// Whether the labels are another object's; a reference without a UID means whatever has the name.
    fn is_mistaken(&self) -> bool {
        !self.uid.is_empty() && self.labels["of"].as_str().is_some_and(|of| of != self.uid)
    }
}

/// The identity of an event version in the ledger.
pub(super) fn identity(uid: &str, version: &str) -> String {
    format!("{uid}/{version}")
}

impl Book {
    /// Opens a book, as [`Ledger::new`] does.
    pub(super) fn new(receivers: &[(&str, String, bool)]) -> Self {
        let inner = Inner { ledger: Ledger::new(receivers), stalls: Stalls::new(receivers.len()), step: 0 };
        Self { begun: Instant::now(), inner: Mutex::new(inner) }
    }

    /// Runs something on the ledger.
    pub(super) fn ledger<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        work(&mut self.lock().ledger)
    }

    /// An event version came into being.
    pub(super) fn made(&self, uid: &str, version: u64) -> String {
        let identity = identity(uid, &version.to_string());
        let inner = &mut *self.lock();
        inner.ledger.made(&identity, version, inner.step);
        identity
    }

    /// A webhook got a request.
    pub(super) fn received(&self, receiver: usize, request: &Received) {
        if request.accepted {
            self.arrived(receiver, request.identity(), &request.body);
        }
    }

    /// A receiver accepted an event. What is no event counts as one that was never made.
    pub(super) fn arrived(&self, receiver: usize, key: Option<&str>, body: &[u8]) {
        let now = self.begun.elapsed();
        let exported = serde_json::from_slice::<Exported>(body).ok();
        let inner = &mut *self.lock();
        let identity = exported.as_ref().map(|event| identity(&event.metadata.uid, &event.metadata.resource_version));
        if inner.ledger.accepted(receiver, key, &identity.unwrap_or_default()) {
            inner.stalls.got(receiver, now);
        }
        if exported.is_some_and(|event| event.involved_object.is_mistaken()) {
            inner.ledger.mistaken();
        }
    }

    /// A step begins: events made from now on are its events.
    pub(super) fn begin(&self, step: u32) {
        let now = self.begun.elapsed();
        let inner = &mut *self.lock();
        inner.step = step;
        inner.stalls.begin(now);
    }

    /// The longest time in this step in which some receiver got nothing new.
    pub(super) fn stall(&self) -> Duration {
        self.lock().stalls.longest(self.begun.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_with_another_objects_labels_is_noticed() {
        let book = Book::new(&[("file", "OUT_file".to_owned(), false)]);
        let arrive = |of: &str| {
            let body =
                format!(r#"{{"metadata":{{"uid":"u","resourceVersion":"7"}},"involvedObject":{{"uid":"p","labels":{{"of":"{of}"}}}}}}"#);
            book.arrived(0, None, body.as_bytes());
        };
        assert_eq!(book.made("u", 7), "u/7");
        arrive("p");
        assert!(book.ledger(|ledger| ledger.balance().is_clean()));
        arrive("q");
        assert_eq!(book.ledger(|ledger| ledger.balance().mistaken), 1);
    }
}
