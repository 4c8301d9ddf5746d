//! Gap markers: saying aloud where events may be missing, on `herald.gap.<cluster>`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bus::{Bus, Headers, Message, Stream, header};

/// Where events may be missing, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// `clusterName`, or the receiver's name when a receiver's stream dropped messages.
    pub subject: String,
    /// What happened.
    pub reason: Reason,
    /// When it was noticed.
    pub noticed: Timestamp,
    /// For people: what happened and what may be missing.
    pub message: String,
    /// Where: a watch's scope, or a stream.
    pub source: String,
    /// First missing position: a resourceVersion, or a stream sequence.
    pub from: String,
    /// Last missing position.
    pub to: String,
}

/// Why events may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The API server had compacted its history before it was read.
    Compacted,
    /// The API server's resourceVersions went back: it was restored from a backup or replaced.
    Restored,
    /// A stream's limits dropped messages that were not delivered.
    Limits,
    /// One event was too large for NATS.
    TooLarge,
    /// The API server sent an event that could not be read.
    Unreadable,
}

impl Gap {
    /// A stream's limits dropped the sequences `from..=to` before `consumer` had them.
    #[must_use]
    pub fn limits(subject: &str, stream: &str, consumer: &str, from: u64, to: u64) -> Self {
        Self {
            subject: subject.to_owned(),
            reason: Reason::Limits,
            noticed: Timestamp::now(),
            message: format!("stream {stream} reached its limits and dropped {} messages that {consumer} had not read", to - from + 1),
            source: stream.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
        }
    }

    /// One event of a cluster is missing.
    #[must_use]
    pub fn event(cluster: &str, reason: Reason, identity: &str, message: &str) -> Self {
        Self {
            subject: cluster.to_owned(),
            reason,
            noticed: Timestamp::now(),
            message: message.to_owned(),
            source: "event".to_owned(),
            from: identity.to_owned(),
            to: identity.to_owned(),
        }
    }
}

impl Bus {
    /// Publishes a gap marker and waits for its PubAck.
    pub async fn publish_gap(&self, gap: &Gap) {
        let Ok(payload) = serde_json::to_vec(gap) else { return };
        let message = Message {
            stream: Stream::Gap,
            subject: self.subjects().gap(&gap.subject),
            id: format!("gap/{}/{}/{}/{}", gap.subject, gap.source, gap.from, gap.to),
            headers: Headers::new().with(header::CONTENT_TYPE, "application/json").with(header::CLUSTER, &gap.subject),
            payload: payload.into(),
        };
        if let Err(error) = self.publish(message).await {
            tracing::error!(%error, "gap marker not published");
        }
    }
}
