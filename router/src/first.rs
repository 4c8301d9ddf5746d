//! `updates: false`: a receiver gets the first version of an event only.
//!
//! The first version that is routed to a receiver writes its resourceVersion into a bucket shared by all replicas, under receiver and UID. Another version
//! finds the entry and is left out; the same version, handed out again after a crash, finds its own and is delivered again under the same identity. An
//! entry is kept for a day after it was last looked at, longer than any API server keeps an event that does not recur.

use std::{collections::HashSet, time::Duration};

use herald_common::{
    bus::{Bucket, BucketError, BucketSpec, Bus, Delivery},
    health::Pulse,
};
use jiff::Timestamp;

use crate::rule::Event;

const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// An entry older than this is written again when it is looked at.
const REFRESHED_AFTER: Duration = Duration::from_secs(12 * 3_600);
const SPEC: BucketSpec = BucketSpec { name: "FIRST", max_age: KEPT, max_bytes: -1, in_memory: false };

/// Remembers which receiver saw which event.
pub(crate) struct FirstVersions {
    bus: Bus,
    bucket: Option<Bucket>,
    /// UIDs without which nothing can be remembered were reported once.
    reported: HashSet<&'static str>,
}

impl FirstVersions {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus, bucket: None, reported: HashSet::new() }
    }

    /// Tells whether this is the version the receiver gets; waits for NATS when it does not answer.
    pub(crate) async fn is_first(&mut self, receiver: &str, event: &Event<'_>, delivery: &Delivery, pulse: &Pulse) -> bool {
        if event.uid.is_empty() {
            if self.reported.insert("no UID") {
                tracing::warn!(subject = delivery.subject, "event without UID cannot be told from its updates, delivering every version");
            }
            return true;
        }
        let key = format!("{receiver}/{}", event.uid);
        loop {
            match self.ask(&key, event.resource_version).await {
                Ok(first) => return first,
                Err(error) => {
                    tracing::warn!(%error, "waiting to know whether a receiver has seen an event");
                    self.bucket = None;
                    delivery.in_progress().await;
                    pulse.beat();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    async fn ask(&mut self, key: &str, resource_version: &str) -> Result<bool, BucketError> {
        let bucket = match &self.bucket {
            Some(bucket) => bucket,
            None => self.bucket.insert(self.bus.bucket(&SPEC).await?),
        };
        let Some(entry) = bucket.get(key).await? else {
            return match bucket.create(key, resource_version.to_owned().into()).await {
                Ok(_) => Ok(true),
                Err(BucketError::Conflict { .. }) => Ok(bucket.get(key).await?.is_some_and(|entry| entry.value == resource_version)),
                Err(error) => Err(error),
            };
        };
        let age = Timestamp::now().duration_since(entry.written);
        if age > jiff::SignedDuration::try_from(REFRESHED_AFTER).unwrap_or_default() {
            // Losing this race means that another replica refreshed it.
            let _ = bucket.update(key, entry.value.clone(), entry.revision).await;
        }
        Ok(entry.value == resource_version)
    }
}
