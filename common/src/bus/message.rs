//! What travels: messages on their way out, deliveries on their way in, and their headers.

use std::{fmt, time::Duration};

use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use jiff::Timestamp;

use super::{Stream, inspect::timestamp};

/// Header names, written once.
pub mod header {
    /// Media type of the payload.
    pub const CONTENT_TYPE: &str = "Content-Type";
    /// Version of the payload's schema, [`SCHEMA_VERSION`].
    pub const SCHEMA: &str = "Herald-Schema";
    /// The schema this build writes; fields may be added under the same number.
    pub const SCHEMA_VERSION: &str = "1";
    /// `clusterName` of the watcher.
    pub const CLUSTER: &str = "Herald-Cluster";
    /// `added`, `modified` or `listed`.
    pub const CHANGE: &str = "Herald-Change";
    /// When the watcher got the event, RFC 3339.
    pub const OBSERVED: &str = "Herald-Observed";
    /// How the involved object's metadata was come by.
    pub const ENRICHMENT: &str = "Herald-Enrichment";
    /// `Nats-Msg-Id`: the identity of the message.
    pub const MESSAGE_ID: &str = "Nats-Msg-Id";
    /// Why a message became a dead letter.
    pub const DEAD_REASON: &str = "Herald-Dead-Reason";
    /// How often the receiver refused it.
    pub const DEAD_ATTEMPTS: &str = "Herald-Dead-Attempts";
    /// When it was tried first, RFC 3339.
    pub const DEAD_FIRST: &str = "Herald-Dead-First-Try";
    /// When it was tried last, RFC 3339.
    pub const DEAD_LAST: &str = "Herald-Dead-Last-Try";
    /// The identity of the event, on messages whose `Nats-Msg-Id` carries more.
    pub const IDENTITY: &str = "Herald-Identity";
    /// W3C trace context, passed on as it comes.
    pub const TRACEPARENT: &str = "traceparent";
}

/// How the watcher came by an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A watch said ADDED.
    Added,
    /// A watch said MODIFIED: the event was seen again.
    Modified,
    /// A list held it.
    Listed,
}

impl Change {
    /// The header's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Listed => "listed",
        }
    }
}

/// How the enricher came by the involved object's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrichment {
    /// Asked the API server.
    Live,
    /// From this replica's cache.
    Cached,
    /// From what another replica fetched.
    Shared,
    /// The object is gone.
    Deleted,
    /// Lookups are switched off (`omitLookup`), or the reference names no object.
    Omitted,
    /// The API server forbids reading this kind.
    Forbidden,
    /// The API server did not answer within `lookupPatience`, or does not know the kind.
    Unavailable,
}

impl Enrichment {
    /// The header's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Cached => "cached",
            Self::Shared => "shared",
            Self::Deleted => "deleted",
            Self::Omitted => "omitted",
            Self::Forbidden => "forbidden",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Headers of a message, a few name-value pairs; in one text, so that a copy costs little.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Names and values, one behind the other.
    text: String,
    /// How long each name is, and the value behind it.
    lengths: Vec<(usize, usize)>,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns these headers with one more; a line break or control character in the value becomes a space.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a header; a line break or control character in the value becomes a space.
    pub fn set(&mut self, name: &'static str, value: &str) {
        if self.get(name).is_some() {
            *self = self.without(&[name]);
        }
        self.append(name, value);
    }

    fn append(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let start = self.text.len();
        if value.chars().any(char::is_control) {
            self.text.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
        } else {
            self.text.push_str(value);
        }
        self.lengths.push((name.len(), self.text.len() - start));
    }

    /// Returns these headers without some, whose names may be written in any case.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let mut kept = Self::new();
        for (name, value) in self.iter().filter(|(name, _)| !names.iter().any(|left_out| left_out.eq_ignore_ascii_case(name))) {
            kept.append(name, value);
        }
        kept
    }

    /// Returns a header's value; the first when it is there more than once.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Iterates over all headers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.text.as_str();
        self.lengths.iter().map(move |&(name, value)| {
            let (name, behind) = rest.split_at(name);
            let (value, behind) = behind.split_at(value);
            rest = behind;
            (name, value)
        })
    }

    /// When the watcher got the event.
    #[must_use]
    pub fn observed(&self) -> Option<Timestamp> {
        self.get(header::OBSERVED)?.parse().ok()
    }

    /// `clusterName` of the watcher, empty when unnamed.
    #[must_use]
    pub fn cluster(&self) -> &str {
        self.get(header::CLUSTER).unwrap_or_default()
    }

    /// The bytes they take on the wire (NATS client protocol, HPUB).
    fn wire_size(&self) -> usize {
        self.iter().map(|(name, value)| header_size(name, value)).sum()
    }

    /// These headers and the message's id, as `async_nats` wants them.
    pub(super) fn with_id(&self, id: &str) -> async_nats::HeaderMap {
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in self.iter() {
            map.append(name, value);
        }
        map.insert(header::MESSAGE_ID, id);
        map
    }
}

impl From<async_nats::HeaderMap> for Headers {
    fn from(map: async_nats::HeaderMap) -> Self {
        let mut headers = Self { text: String::with_capacity(256), lengths: Vec::with_capacity(map.len() + 1) };
        for (name, values) in map.iter() {
            for value in values {
                headers.append(name.as_ref(), value.as_str());
            }
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Message {
    /// The stream it belongs to, so that the stream can be created when it is missing.
    pub stream: Stream,
    /// The subject, from [`crate::subjects::Subjects`].
    pub subject: String,
    /// Its `Nats-Msg-Id`.
    pub id: String,
    /// Its other headers.
    pub headers: Headers,
    /// Its payload.
    pub payload: Bytes,
}

impl Message {
    /// The bytes that count towards the server's `max_payload`: headers and payload.
    pub(super) fn wire_size(&self) -> usize {
        const FRAME: usize = "NATS/1.0\r\n\r\n".len();
        FRAME + self.headers.wire_size() + header_size(header::MESSAGE_ID, &self.id) + self.payload.len()
    }
}

impl Message {
    /// About the bytes it takes in its stream, not less: subject, headers, payload and what the server writes around them.
    pub(super) fn stored_size(&self) -> u64 {
        const AROUND: usize = 64;
        (self.wire_size() + self.subject.len() + AROUND) as u64
    }
}

fn header_size(name: &str, value: &str) -> usize {
    name.len() + value.len() + ": \r\n".len()
}

/// A message handed out by a consumer, to be acknowledged once downstream has it; dropping it hands it out again after AckWait.
pub struct Delivery {
    /// The payload.
    pub payload: Bytes,
    /// Its headers.
    pub headers: Headers,
    /// The subject it was published to.
    pub subject: String,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// How often it was handed out, 1 the first time.
    pub delivered: u64,
    /// When the stream took it.
    pub published: Timestamp,
    acker: jetstream::message::Acker,
}

impl Delivery {
    /// Takes a JetStream message apart; `None` when it carries no JetStream reply subject.
    pub(super) fn from_message(message: jetstream::Message) -> Option<Self> {
        let (sequence, delivered, published) = {
            let info = message.info().ok()?;
            let published = timestamp(info.published);
            (info.stream_sequence, u64::try_from(info.delivered).unwrap_or(1), published)
        };
        let (message, acker) = message.split();
        Some(Self {
            payload: message.payload,
            headers: message.headers.map(Headers::from).unwrap_or_default(),
            subject: message.subject.to_string(),
            sequence,
            delivered,
            published,
            acker,
        })
    }

    /// Returns the event's identity, from its own header or from `Nats-Msg-Id`.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.headers.get(header::IDENTITY).or_else(|| self.headers.get(header::MESSAGE_ID)).unwrap_or_default()
    }

    /// Acknowledges: downstream has it.
    pub async fn ack(&self) {
        self.settle(AckKind::Ack).await;
    }

    /// Hands it back, to be handed out again after `delay`.
    pub async fn put_back(&self, delay: Duration) {
        self.settle(AckKind::Nak((!delay.is_zero()).then_some(delay))).await;
    }

    /// Says that work on it goes on, so that AckWait starts anew.
    pub async fn in_progress(&self) {
        self.settle(AckKind::Progress).await;
    }

    /// A failure here means the connection is closed for good; the message is handed out again, and its identity makes that harmless.
    async fn settle(&self, kind: AckKind) {
        if let Err(error) = self.acker.ack_with(kind).await {
            tracing::debug!(%error, sequence = self.sequence, "acknowledgement not sent, the message will be handed out again");
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("subject", &self.subject)
            .field("sequence", &self.sequence)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}
