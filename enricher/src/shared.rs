//! What replicas share: a bucket in which the first that asks for a key claims it, and the others wait for its answer.
//!
//! So the API server is asked once for each key. A claim that is not filled for [`CLAIM_LASTS`], because its replica died, is taken over. Without the
//! bucket every replica asks for itself; nothing is lost but the saving.

use herald_common::{
    bus::{Bucket, BucketError, BucketSpec, Bus},
    event::ObjectMetadata,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const SPEC: BucketSpec = BucketSpec { name: "OBJECTS", max_age: Duration::from_secs(600), max_bytes: 64 << 20, in_memory: true };
/// How long a replica may take to fill its claim.
const CLAIM_LASTS: Duration = Duration::from_secs(10);

/// A value of the bucket.
#[derive(Serialize, Deserialize)]
enum Slot {
    Claimed,
    Found(ObjectMetadata),
}

/// What asking for a key brought.
pub(crate) enum Asked {
    Found(ObjectMetadata),
    Claimed(u64),
    Alone,
}

/// The bucket, opened when it is first needed.
pub(crate) struct Shared {
    bus: Bus,
    bucket: Mutex<Option<Bucket>>,
}

impl Shared {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus, bucket: Mutex::new(None) }
    }
    async fn bucket(&self) -> Result<Bucket, BucketError> {
        let mut bucket = self.bucket.lock().await;
        if let Some(bucket) = &*bucket {
            return Ok(bucket.clone());
        }
        let opened = self.bus.bucket(&SPEC).await?;
        *bucket = Some(opened.clone());
        Ok(opened)
    }
    pub(crate) async fn ask(&self, key: &str) -> Asked {
        for again in [true, false] {
            match self.try_ask(key).await {
                Ok(asked) => return asked,
                Err(error) => {
                    // The bucket lives in nats-server's memory and may be gone with it: it is opened, or made, anew.
                    let was_open = self.bucket.lock().await.take().is_some();
                    if !again && was_open {
                        tracing::warn!(%error, "objects are not shared between replicas now");
                    }
                }
            }
        }
        Asked::Alone
    }

    async fn try_ask(&self, key: &str) -> Result<Asked, BucketError> {
        let bucket = self.bucket().await?;
        let claim = || rmp_serde::to_vec_named(&Slot::Claimed).unwrap_or_default().into();
        let started = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            match bucket.create(key, claim()).await {
                Ok(revision) => return Ok(Asked::Claimed(revision)),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            loop {
                let Some(entry) = bucket.get(key).await? else { break };
                match rmp_serde::from_slice(&entry.value) {
                    Ok(Slot::Found(metadata)) => return Ok(Asked::Found(metadata)),
                    _ if started.elapsed() > CLAIM_LASTS => match bucket.update(key, claim(), entry.revision).await {
                        Ok(revision) => return Ok(Asked::Claimed(revision)),
                        Err(BucketError::Conflict { .. }) => {}
                        Err(error) => return Err(error),
                    },
                    _ => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(Duration::from_millis(200));
                    }
                }
            }
        }
    }
    pub(crate) async fn fill(&self, key: &str, revision: u64, metadata: &ObjectMetadata) {
        let Ok(bucket) = self.bucket().await else { return };
        let value = rmp_serde::to_vec_named(&Slot::Found(metadata.clone())).unwrap_or_default();
        let _ = bucket.update(key, value.into(), revision).await;
    }
    pub(crate) async fn give_up(&self, key: &str) {
        if let Ok(bucket) = self.bucket().await {
            let _ = bucket.delete(key).await;
        }
    }
}
