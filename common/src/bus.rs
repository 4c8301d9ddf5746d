//! NATS JetStream as the stages use it; the only place that knows `async_nats`.
//!
//! - [`Bus`] is one connection with its settings. It waits for NATS instead of failing, and creates a stream, bucket or consumer when it is first needed.
//! - [`Outbox`] publishes with message ids, many at a time, and hands back the caller's token once the PubAck is there.
//! - [`Consumer`] hands out [`Delivery`]s of a shared durable pull consumer; the stage acknowledges each after downstream has it.
//! - [`Bucket`] is a key-value bucket.
//! - [`inspect`] reads streams without consuming them, for people and tests.
//!
//! Nothing here keeps a backlog: an outbox and a consumer hold a bounded number of messages. Nothing is acknowledged here by itself.

mod bucket;
mod connect;
mod consumer;
mod dead;
pub mod inspect;
mod login;
mod message;
mod outbox;
mod pubacks;
mod pull;
mod room;
mod stream;
mod watch;

use std::sync::Arc;

use async_nats::jetstream;
use tokio::sync::watch as channel;

pub use self::{
    bucket::{Bucket, BucketError, BucketSpec, Entry},
    consumer::{Consumer, ConsumerSpec},
    dead::DeadLetter,
    message::{Change, Delivery, Enrichment, Headers, Message, header},
    outbox::{Outbox, PublishError, Published},
    stream::{Stream, StreamError},
    watch::LossWatch,
};
use crate::{config::Nats, subjects::Subjects};

/// Bytes of messages that a window of any kind holds, whatever its number of messages: what is pulled at a time, what awaits its PubAck, what is being sent. Events
/// of usual size never come to it.
pub const WINDOW_BYTES: usize = 8 << 20;

/// One connection to NATS with the settings every stage shares; cheap to clone.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    subjects: Subjects,
    settings: Nats,
    /// Counts connects, so that a reader can tell that its pull request died with the old connection.
    connects: channel::Receiver<u64>,
}

impl Bus {
    /// The names on NATS.
    #[must_use]
    pub fn subjects(&self) -> &Subjects {
        &self.inner.subjects
    }

    /// The `nats:` section of the configuration.
    #[must_use]
    pub fn settings(&self) -> &Nats {
        &self.inner.settings
    }

    /// The largest payload the server takes, in bytes, headers included.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.inner.client.server_info().max_payload
    }

    /// Tells whether the connection stands right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Sends what is buffered; called last, so that acknowledgements leave before the process does.
    pub async fn flush(&self) {
        if let Err(error) = self.inner.client.flush().await {
            tracing::debug!(%error, "flush on the way out failed");
        }
    }

    fn jetstream(&self) -> &jetstream::Context {
        &self.inner.jetstream
    }
}
