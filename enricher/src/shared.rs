//! What the replicas share: a bucket in which the one that claims a key asks the API server, and the others wait for what it finds.
//!
//! So the API server is asked once for each key. A claim that stays unfilled for [`CLAIM_LASTS`], because its replica died, may be taken over; clocks of
//! different machines are not compared. Without the bucket every replica asks for itself; nothing is lost but the saving.

use std::{
    sync::{Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use herald_common::{
    bus::{Bucket, BucketError, BucketSpec, Bus},
    event::ObjectMetadata,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

const SPEC: BucketSpec = BucketSpec { name: "OBJECTS", max_age: Duration::from_secs(600), max_bytes: 64 << 20, in_memory: true };
/// How long a claim is respected; longer than a lookup takes.
const CLAIM_LASTS: Duration = Duration::from_secs(15);
/// How long the bucket is left alone when it failed.
const OUTAGE: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A value of the bucket.
#[derive(Serialize, Deserialize)]
enum Slot {
    Claimed,
    Found(ObjectMetadata),
}

/// What the bucket says of a key.
pub(crate) enum Known {
    /// Another replica found this.
    Found(ObjectMetadata),
    /// Nobody asks for it; with the revision of a claim whose replica must be dead.
    Free(Option<u64>),
    /// The bucket cannot be used.
    Alone,
}

/// What came of claiming a key.
pub(crate) enum Claim {
    /// This replica is the one that asks.
    Mine(u64),
    /// Another was quicker.
    Lost,
    /// The bucket cannot be used.
    Alone,
}

/// The bucket, opened when it is first needed, and again after a failure.
pub(crate) struct Shared {
    bus: Bus,
    bucket: Mutex<Option<Bucket>>,
    failed: StdMutex<Option<Instant>>,
}

impl Shared {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus, bucket: Mutex::new(None), failed: StdMutex::new(None) }
    }

    /// Looks a key up; waits while another replica asks for it.
    pub(crate) async fn look(&self, key: &str) -> Known {
        let Some(mut bucket) = self.bucket().await else { return Known::Alone };
        let mut reopened = false;
        let mut claim = None;
        let mut pause = SHORTEST_PAUSE;
        loop {
            let entry = match bucket.get(key).await {
                Ok(Some(entry)) => entry,
                Ok(None) => return Known::Free(None),
                Err(error) => {
                    // The bucket lives in nats-server's memory and may be gone with it: it is opened, or made, anew.
                    *self.bucket.lock().await = None;
                    match self.bucket().await {
                        Some(anew) if !reopened => (bucket, reopened) = (anew, true),
                        _ => {
                            self.fail(&error).await;
                            return Known::Alone;
                        }
                    }
                    continue;
                }
            };
            if let Ok(Slot::Found(metadata)) = rmp_serde::from_slice(&entry.value) {
                return Known::Found(metadata);
            }
            let (revision, since) = *claim.get_or_insert((entry.revision, Instant::now()));
            if revision != entry.revision {
                claim = None;
            } else if since.elapsed() > CLAIM_LASTS {
                return Known::Free(Some(revision));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Claims a key that is [`Known::Free`].
    pub(crate) async fn claim(&self, key: &str, abandoned: Option<u64>) -> Claim {
        let (Some(bucket), Ok(value)) = (self.bucket().await, rmp_serde::to_vec_named(&Slot::Claimed)) else { return Claim::Alone };
        let claimed = match abandoned {
            None => bucket.create(key, value.into()).await,
            Some(revision) => bucket.update(key, value.into(), revision).await,
        };
        match claimed {
            Ok(revision) => {
                if self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
                    tracing::info!("objects are shared between replicas again");
                }
                Claim::Mine(revision)
            }
            Err(BucketError::Conflict { .. }) => Claim::Lost,
            Err(error) => {
                self.fail(&error).await;
                Claim::Alone
            }
        }
    }

    /// Tells the other replicas what was found, unless the claim was taken over.
    pub(crate) async fn fill(&self, key: &str, revision: u64, metadata: ObjectMetadata) {
        let (Some(bucket), Ok(value)) = (self.bucket().await, rmp_serde::to_vec_named(&Slot::Found(metadata))) else { return };
        if let Err(error @ BucketError::Failed { .. }) = bucket.update(key, value.into(), revision).await {
            self.fail(&error).await;
        }
    }

    /// Gives a claim back unfilled, so that another may ask.
    pub(crate) async fn give_up(&self, key: &str) {
        let Some(bucket) = self.bucket().await else { return };
        if let Err(error) = bucket.delete(key).await {
            self.fail(&error).await;
        }
    }

    async fn bucket(&self) -> Option<Bucket> {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some_and(|at| at.elapsed() < OUTAGE) {
            return None;
        }
        let mut opened = self.bucket.lock().await;
        if opened.is_none() {
            match self.bus.bucket(&SPEC).await {
                Ok(bucket) => *opened = Some(bucket),
                Err(error) => {
                    drop(opened);
                    self.fail(&error).await;
                    return None;
                }
            }
        }
        opened.clone()
    }

    /// Leaves the bucket alone for a while, and opens it anew then: it may be gone.
    async fn fail(&self, error: &BucketError) {
        *self.bucket.lock().await = None;
        let before = self.failed.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now());
        if before.is_none() {
            tracing::warn!(%error, "objects are not shared between replicas for now, each asks the API server itself");
        }
    }
}
