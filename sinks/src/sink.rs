//! What a kind of receiver is to the core.
//!
//! A kind encodes and sends a batch once and says what the answer means. Waiting, repeating, giving up and counting are the core's.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use herald_common::{
    bus::{Delivery, header},
    config::Encoding,
    event::{self, EnrichedEvent},
};

/// A receiver's sending end.
pub trait Sink: Send + Sync {
    /// Looks whether the receiver is there, without delivering anything; asked once at start, for the log. By default nothing can be asked.
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        std::future::ready(Ok(())).boxed()
    }

    /// Sends a batch once; its size is at most what the kind asked for.
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>>;
}

/// One event to deliver.
#[derive(Clone, Debug)]
pub struct Item {
    /// The event as JSON, exactly as it is exported.
    pub json: Bytes,
    /// The event's identity, for the protocol's idempotency key.
    pub identity: String,
}

impl Item {
    /// Reads a message; with `de_dot` the dots in the keys of labels and annotations become `_`. JSON that needs no change is not decoded.
    ///
    /// # Errors
    /// When it holds no event.
    pub(crate) fn read(delivery: &Delivery, de_dot: bool) -> anyhow::Result<Self> {
        let content_type = delivery.headers.get(header::CONTENT_TYPE);
        let packed = content_type == Some(Encoding::MessagePack.content_type());
        let json = if de_dot || packed {
            let event: EnrichedEvent = event::decode_enriched(&delivery.payload, content_type)?;
            event::to_go_json(&if de_dot { event.de_dot() } else { event })?.into()
        } else {
            delivery.payload.clone()
        };
        Ok(Self { json, identity: delivery.identity().to_owned() })
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
        Self::Refused(Refusal { reason, permanent: true })
    }
}
