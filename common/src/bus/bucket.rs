//! Key-value buckets: small shared state of a stage (checkpoints, looked-up objects, which receiver saw an event first).
//!
//! Keys are made of any text; what NATS does not allow in a key is encoded, so that two texts never share a key.

use std::{fmt::Write as _, time::Duration};

use async_nats::jetstream::{kv, stream::StorageType};
use bytes::Bytes;
use jiff::Timestamp;

use super::{Bus, inspect::timestamp};

/// A bucket's name and limits.
#[derive(Clone, Debug)]
pub struct BucketSpec {
    /// The last part of its name, in capitals: `CHECKPOINT`.
    pub name: &'static str,
    /// How long an entry is kept after it was written; zero for ever.
    pub max_age: Duration,
    /// Most bytes kept; -1 for no limit.
    pub max_bytes: i64,
    /// Whether it lives in memory, for what can be fetched again.
    pub in_memory: bool,
}

/// An entry of a bucket.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its value.
    pub value: Bytes,
    /// Its revision, for [`Bucket::update`].
    pub revision: u64,
    /// When it was written.
    pub written: Timestamp,
}

/// Why a bucket did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Somebody else wrote the key in the meantime.
    #[error("key {key} was written by somebody else")]
    Conflict {
        /// The key as the caller named it.
        key: String,
    },
    /// The server did not answer or refused.
    #[error("bucket {bucket}: {reason}")]
    Failed {
        /// The bucket's name.
        bucket: String,
        /// The server's words.
        reason: String,
    },
}

/// A key-value bucket; cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    store: kv::Store,
}

impl Bus {
    /// Opens a bucket, made when it is not there.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub async fn bucket(&self, spec: &BucketSpec) -> Result<Bucket, BucketError> {
        let bucket = self.subjects().name(spec.name);
        let failed = |reason: String| BucketError::Failed { bucket: bucket.clone(), reason };
        match self.jetstream().get_key_value(&bucket).await {
            Ok(store) => return Ok(Bucket { store }),
            Err(error) => tracing::debug!(bucket, %error, "bucket cannot be opened, creating it"),
        }
        let config = kv::Config {
            bucket: bucket.clone(),
            history: 1,
            max_age: spec.max_age,
            max_bytes: spec.max_bytes,
            storage: if spec.in_memory { StorageType::Memory } else { StorageType::File },
            num_replicas: self.settings().replicas,
            ..kv::Config::default()
        };
        match self.jetstream().create_key_value(config).await {
            Ok(store) => Ok(Bucket { store }),
            // Another replica was quicker.
            Err(error) => {
                self.jetstream().get_key_value(&bucket).await.map(|store| Bucket { store }).map_err(|_| failed(error.to_string()))
            }
        }
    }
}

impl Bucket {
    /// Reads a key; `None` when it is not there.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, BucketError> {
        let entry = self.store.entry(encode(key)).await.map_err(|error| self.failed(&error))?;
        Ok(entry.filter(|entry| entry.operation == kv::Operation::Put).map(|entry| Entry {
            value: entry.value,
            revision: entry.revision,
            written: timestamp(entry.created),
        }))
    }

    /// Writes a key that must not be there; returns its revision.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when the key is there; otherwise when the server does not answer.
    pub async fn create(&self, key: &str, value: Bytes) -> Result<u64, BucketError> {
        self.store.create(encode(key), value).await.map_err(|error| match error.kind() {
            kv::CreateErrorKind::AlreadyExists => BucketError::Conflict { key: key.to_owned() },
            _ => self.failed(&error),
        })
    }

    /// Replaces the value written at `revision`; returns the new revision.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when the key was written since; otherwise when the server does not answer.
    pub async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, BucketError> {
        self.store.update(encode(key), value, revision).await.map_err(|error| match error.kind() {
            kv::UpdateErrorKind::WrongLastRevision => BucketError::Conflict { key: key.to_owned() },
            _ => self.failed(&error),
        })
    }

    /// Writes a key, whatever it held; returns its revision.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<u64, BucketError> {
        self.store.put(encode(key), value).await.map_err(|error| self.failed(&error))
    }

    /// Removes a key.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.store.delete(encode(key)).await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::error::Error) -> BucketError {
        BucketError::Failed { bucket: self.store.name.clone(), reason: error.to_string() }
    }
}

/// NATS keys are letters, digits, `-`, `_`, `=`, `.` and `/`; every other byte becomes `=XX`, as do `=` itself and dots.
fn encode(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "={byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn keys_stay_apart() {
        assert_eq!(encode("a/b-c_1"), "a/b-c_1");
        assert_eq!(encode("a.b=c d"), "a=2Eb=3Dc=20d");
        assert_ne!(encode("a.b"), encode("a=2Eb"));
    }
}
