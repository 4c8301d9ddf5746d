//! What a kind of receiver is to the core.
//!
//! A kind encodes and sends a batch once and says what the answer means. Waiting, repeating, giving up and counting are the core's.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use herald_common::{
    config::Encoding,
    event::{self, EnrichedEvent},
};
use herald_template_event::EnhancedEvent;

use crate::render::{self, Body};

/// A receiver's sending end.
pub trait Sink: Send + Sync {
    /// Looks whether the receiver is there, without delivering anything; asked once at start, for the log. By default nothing can be asked.
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        std::future::ready(Ok(())).boxed()
    }

    /// Shows what would be sent for an event, without sending it.
    ///
    /// # Errors
    /// When a template fails on it.
    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        Ok(item.body.clone())
    }

    /// How long the core lets pass between the beginnings of two batches, for protocols where each batch has its price; what comes meanwhile makes the next
    /// one larger. A full batch is followed at once.
    fn interval(&self) -> Duration {
        Duration::ZERO
    }

    /// Sends a batch once; its size is at most what the kind asked for.
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>>;
}

/// One event to deliver.
#[derive(Clone, Debug)]
pub struct Item {
    /// What is sent of it: the event as it is exported, or what the layout makes of it.
    pub body: Bytes,
    /// The event's identity, for the protocol's idempotency key.
    pub identity: String,
    message: Bytes,
    content_type: Option<String>,
    enriched: OnceLock<Box<EnrichedEvent>>,
    event: OnceLock<Box<EnhancedEvent>>,
}

impl Item {
    /// Makes the item of a message.
    ///
    /// # Errors
    /// When it holds no event, or the layout fails on it.
    pub(crate) fn new(message: &Bytes, content_type: Option<&str>, identity: &str, body: &Body) -> Result<Self, Refusal> {
        let mut item = Self {
            body: Bytes::new(),
            identity: identity.to_owned(),
            message: message.clone(),
            content_type: content_type.map(str::to_owned),
            enriched: OnceLock::new(),
            event: OnceLock::new(),
        };
        item.body = body.encode(&item)?;
        Ok(item)
    }

    /// The message's own JSON; none when it is packed.
    pub(crate) fn exported(&self) -> Option<&Bytes> {
        let packed = self.content_type.as_deref() == Some(Encoding::MessagePack.content_type());
        (!packed).then_some(&self.message)
    }

    /// The event as it travels.
    pub(crate) fn enriched(&self) -> Result<&EnrichedEvent, Refusal> {
        if let Some(event) = self.enriched.get() {
            return Ok(event);
        }
        let event = event::decode_enriched(&self.message, self.content_type.as_deref())
            .map_err(|error| Refusal::permanent(format!("no event: {error}")))?;
        Ok(self.enriched.get_or_init(|| Box::new(event)))
    }

    /// The event as templates see it.
    pub(crate) fn event(&self) -> Result<&EnhancedEvent, Refusal> {
        if let Some(event) = self.event.get() {
            return Ok(event);
        }
        let event = render::typed(self.enriched()?);
        Ok(self.event.get_or_init(|| Box::new(event)))
    }
}

/// Why a batch, or some of it, was not accepted. Reasons are for people and hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver is not there or wants a pause: it says nothing about these events, which are sent again until it is back.
    #[error("{reason}")]
    Outage {
        /// What happened.
        reason: String,
        /// How long the receiver asked to be left alone.
        after: Option<Duration>,
    },
    /// As an outage, but some were accepted before it.
    #[error("{reason}")]
    Interrupted {
        /// Those that were not, by their place in the batch; they alone are sent again.
        left: Vec<usize>,
        /// What happened.
        reason: String,
    },
    /// The whole batch was refused.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// Some were refused, by their place in the batch; the others were accepted.
    #[error("{} events of the batch were refused", .0.len())]
    Partial(Vec<(usize, Refusal)>),
}

/// What a receiver said against an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it said.
    pub reason: String,
    /// Whether it will say so for ever.
    pub permanent: bool,
}

impl Refusal {
    /// What the receiver will say for ever.
    #[must_use]
    pub fn permanent(reason: String) -> Self {
        Self { reason, permanent: true }
    }
}

/// What was made of events for a protocol; what cannot be written in it never will be.
pub(crate) fn encoded<T>(result: serde_json::Result<T>) -> Result<T, Refusal> {
    result.map_err(|error| Refusal::permanent(format!("cannot be encoded: {error}")))
}

impl SendError {
    /// The receiver is not there.
    #[must_use]
    pub fn outage(reason: String) -> Self {
        Self::Outage { reason, after: None }
    }

    /// The events were refused and may be accepted later.
    #[must_use]
    pub fn refused(reason: String) -> Self {
        Self::Refused(Refusal { reason, permanent: false })
    }

    /// The events will never be accepted.
    #[must_use]
    pub fn permanent(reason: String) -> Self {
        Self::Refused(Refusal::permanent(reason))
    }
}
