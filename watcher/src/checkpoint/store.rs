//! Checkpoints in the bucket `HERALD_CHECKPOINT`, one key for each cluster and scope.
//!
//! Written by compare-and-set and never backwards: a watcher side by side may be ahead, and then its checkpoint stays. Only a cluster whose own
//! versions went back makes a checkpoint go back.

use std::time::Duration;

use herald_common::bus::{Bucket, BucketError, BucketSpec, Bus};

use super::{Checkpoint, is_later};

const BUCKET: BucketSpec = BucketSpec { name: "CHECKPOINT", max_age: Duration::ZERO, max_bytes: -1, in_memory: false };

/// The checkpoint of one scope on NATS.
pub(crate) struct Store {
    bus: Bus,
    bucket: Option<Bucket>,
    key: String,
    /// Of the entry last read or written; 0 when there is none.
    revision: u64,
    saved: Option<Checkpoint>,
    overwrite: bool,
}

/// Tells whether `theirs` is to stay when `ours` was to be written.
fn keeps(theirs: &Checkpoint, ours: &Checkpoint) -> bool {
    if ours.resource_version.is_empty() {
        return true;
    }
    theirs.resource_version != ours.resource_version && is_later(&ours.resource_version, &theirs.resource_version) == Some(false)
}

impl Store {
    pub(crate) fn new(bus: Bus, cluster: &str, scope: &str) -> Self {
        Self { bus, bucket: None, key: format!("{cluster}/{scope}"), revision: 0, saved: None, overwrite: false }
    }

    /// Reads the checkpoint; `None` on a fresh install.
    ///
    /// # Errors
    /// When NATS does not answer. An entry that is no checkpoint is reported and read as none.
    pub(crate) async fn load(&mut self) -> Result<Option<Checkpoint>, BucketError> {
        let bucket = self.bucket().await?;
        let entry = bucket.get(&self.key).await?;
        self.revision = entry.as_ref().map_or(0, |entry| entry.revision);
        self.saved = entry.and_then(|entry| {
            serde_json::from_slice(&entry.value)
                .inspect_err(|error| tracing::error!(%error, key = self.key, "checkpoint cannot be read, starting as on a fresh install"))
                .ok()
        });
        Ok(self.saved.clone())
    }

    /// Writes the checkpoint when it differs from the one there and that one is not ahead.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub(crate) async fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), BucketError> {
        if self.saved.as_ref() == Some(checkpoint) {
            return Ok(());
        }
        let result = self.write(checkpoint).await;
        if result.is_err() {
            // It may have been removed; it is opened, or made, again.
            self.bucket = None;
        }
        result
    }

    /// From the next write on the checkpoint may go back: the cluster's own versions did.
    pub(crate) fn allow_going_back(&mut self) {
        self.overwrite = true;
    }

    async fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), BucketError> {
        let value = bytes::Bytes::from(serde_json::to_vec(checkpoint).unwrap_or_default());
        loop {
            let bucket = self.bucket().await?;
            let written = if self.overwrite {
                bucket.put(&self.key, value.clone()).await
            } else if self.revision == 0 {
                bucket.create(&self.key, value.clone()).await
            } else {
                bucket.update(&self.key, value.clone(), self.revision).await
            };
            match written {
                Ok(revision) => {
                    self.revision = revision;
                    self.overwrite = false;
                    self.saved = Some(checkpoint.clone());
                    return Ok(());
                }
                Err(BucketError::Conflict { .. }) => {
                    if let Some(theirs) = self.load().await?
                        && keeps(&theirs, checkpoint)
                    {
                        tracing::debug!(key = self.key, theirs = theirs.resource_version, "another watcher is ahead, its checkpoint stays");
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn bucket(&mut self) -> Result<Bucket, BucketError> {
        if self.bucket.is_none() {
            self.bucket = Some(self.bus.bucket(&BUCKET).await?);
        }
        // It was set on the line above.
        self.bucket.clone().ok_or_else(|| BucketError::Failed { bucket: BUCKET.name.to_owned(), reason: "not open".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_checkpoint_stays() {
        let at = |position: &str| Checkpoint { resource_version: position.to_owned(), ..Checkpoint::default() };
        assert!(keeps(&at("12"), &at("11")));
        assert!(!keeps(&at("11"), &at("12")));
        assert!(!keeps(&at("11"), &at("11")), "the same position with a later time is written");
        assert!(keeps(&at("11"), &at("")), "a first list begun does not undo one that is complete");
        assert!(!keeps(&at("x"), &at("11")));
    }
}
