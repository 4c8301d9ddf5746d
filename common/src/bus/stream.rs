//! The streams: what each is for, how it is kept, and creating or updating it. Whoever needs a stream first creates it.
//!
//! A stream that Herald made carries the metadata `herald: managed` and follows the configuration; one made by hand is used as it is and reported.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_nats::jetstream::{self, stream};

use super::Bus;
use crate::config::{Limits, Storage, Streams};

/// One of Herald's streams.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Raw events.
    Raw,
    /// Enriched events.
    Enriched,
    /// What waits for one receiver.
    Out(Arc<str>),
    /// Dead letters of all receivers.
    Dead,
    /// Gap markers.
    Gap,
}

/// A stream could not be had.
#[derive(Debug, thiserror::Error)]
#[error("stream {name}: {reason}")]
pub struct StreamError {
    name: String,
    reason: String,
}

const MANAGED: (&str, &str) = ("herald", "managed");

impl Bus {
    /// The stream's name on the server.
    #[must_use]
    pub fn stream_name(&self, stream: &Stream) -> String {
        match stream {
            Stream::Raw => self.subjects().name("RAW"),
            Stream::Enriched => self.subjects().name("ENRICHED"),
            Stream::Out(receiver) => self.subjects().out_name(receiver),
            Stream::Dead => self.subjects().name("DEAD"),
            Stream::Gap => self.subjects().name("GAP"),
        }
    }

    /// Creates the stream, or brings one that Herald made up to the configuration.
    ///
    /// # Errors
    /// When the server does not answer or refuses; the text says what to change.
    pub async fn ensure_stream(&self, stream: &Stream) -> Result<(), StreamError> {
        let wanted = self.stream_config(stream);
        let fail = |reason: String| StreamError { name: wanted.name.clone(), reason };
        let found = match self.jetstream().get_stream(&wanted.name).await {
            Ok(found) => found.cached_info().config.clone(),
            Err(error) if is_not_found(&error) => {
                let created =
                    self.jetstream().create_stream(wanted.clone()).await.map_err(|error| fail(explain(&error.to_string(), &wanted)))?;
                let echoed = &created.cached_info().config;
                tracing::info!(stream = wanted.name, replicas = echoed.num_replicas, "created stream");
                return Ok(());
            }
            Err(error) => return Err(fail(error.to_string())),
        };
        let differences = differences(&wanted, &found);
        if differences.is_empty() {
            return Ok(());
        }
        if found.metadata.get(MANAGED.0).map(String::as_str) != Some(MANAGED.1) {
            tracing::warn!(
                stream = wanted.name,
                differences = differences.join(", "),
                "stream was made by hand with other settings, using it as it is"
            );
            return Ok(());
        }
        match self.jetstream().update_stream(wanted.clone()).await {
            Ok(_) => tracing::info!(stream = wanted.name, differences = differences.join(", "), "updated stream"),
            Err(error) => tracing::warn!(
                stream = wanted.name,
                differences = differences.join(", "),
                error = explain(&error.to_string(), &wanted),
                "stream keeps its old settings, the server refuses the change"
            ),
        }
        Ok(())
    }

    fn stream_config(&self, stream: &Stream) -> stream::Config {
        let (settings, subjects) = (self.settings(), self.subjects());
        let (configured, default) = (&settings.streams, Streams::default());
        let (subject, limits, retention, description) = match stream {
            Stream::Raw => {
                (subjects.all("raw"), configured.raw.or(default.raw), stream::RetentionPolicy::Limits, "events as the API server gave them")
            }
            Stream::Enriched => (
                subjects.all("enriched"),
                configured.enriched.or(default.enriched),
                stream::RetentionPolicy::Limits,
                "events with their objects' metadata",
            ),
            Stream::Out(receiver) => {
                (subjects.out(receiver), configured.out.or(default.out), stream::RetentionPolicy::WorkQueue, "waits for one receiver")
            }
            Stream::Dead => {
                (subjects.all("dead"), configured.dead.or(default.dead), stream::RetentionPolicy::Limits, "what receivers refused")
            }
            Stream::Gap => {
                (subjects.all("gap"), configured.gap.or(default.gap), stream::RetentionPolicy::Limits, "where events may be missing")
            }
        };
        let Limits { max_age_seconds, max_bytes } = limits;
        stream::Config {
            name: self.stream_name(stream),
            description: Some(description.to_owned()),
            subjects: vec![subject],
            retention,
            // What is dropped from a receiver's stream is dropped by the router, which says so first; see `room`.
            discard: if matches!(stream, Stream::Out(_)) { stream::DiscardPolicy::New } else { stream::DiscardPolicy::Old },
            max_age: Duration::from_secs(max_age_seconds.unwrap_or(0)),
            max_bytes: max_bytes.unwrap_or(-1),
            storage: match settings.storage {
                Storage::File => stream::StorageType::File,
                Storage::Memory => stream::StorageType::Memory,
            },
            num_replicas: settings.replicas,
            duplicate_window: duplicate_window(settings.duplicate_window_seconds, max_age_seconds.unwrap_or(0)),
            allow_direct: true,
            metadata: HashMap::from([(MANAGED.0.to_owned(), MANAGED.1.to_owned())]),
            ..stream::Config::default()
        }
    }
}

/// The server refuses a duplicate window longer than the maximum age.
fn duplicate_window(seconds: u64, max_age_seconds: u64) -> Duration {
    Duration::from_secs(if max_age_seconds == 0 { seconds } else { seconds.min(max_age_seconds) })
}

pub(super) fn is_not_found(error: &jetstream::context::GetStreamError) -> bool {
    matches!(error.kind(), jetstream::context::GetStreamErrorKind::JetStream(error) if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// Names the settings that differ, as `setting: wanted, found`.
fn differences(wanted: &stream::Config, found: &stream::Config) -> Vec<String> {
    let mut list = Vec::new();
    let mut compare = |name: &str, wanted: String, found: String| {
        if wanted != found {
            list.push(format!("{name}: wanted {wanted}, found {found}"));
        }
    };
    compare("subjects", wanted.subjects.join(" "), found.subjects.join(" "));
    compare("discard", format!("{:?}", wanted.discard), format!("{:?}", found.discard));
    compare("retention", format!("{:?}", wanted.retention), format!("{:?}", found.retention));
    compare("max age", format!("{:?}", wanted.max_age), format!("{:?}", found.max_age));
    compare("max bytes", wanted.max_bytes.to_string(), found.max_bytes.to_string());
    compare("storage", format!("{:?}", wanted.storage), format!("{:?}", found.storage));
    compare("replicas", wanted.num_replicas.to_string(), found.num_replicas.to_string());
    compare("duplicate window", format!("{:?}", wanted.duplicate_window), format!("{:?}", found.duplicate_window));
    list
}

/// Adds to the server's words what a person can do.
fn explain(error: &str, wanted: &stream::Config) -> String {
    let lower = error.to_ascii_lowercase();
    if lower.contains("insufficient storage") || lower.contains("resources exceeded") {
        return format!(
            "{error}; it asks for {} bytes: lower nats.streams.*.maxBytes or give nats-server more max_file_store",
            wanted.max_bytes
        );
    }
    if lower.contains("replicas") || lower.contains("no suitable peers") {
        return format!("{error}; nats.replicas is {}, which needs a NATS cluster of at least as many servers", wanted.num_replicas);
    }
    if lower.contains("overlap") {
        return format!("{error}; another stream already takes {}: delete it or set nats.prefix", wanted.subjects.join(" "));
    }
    error.to_owned()
}
