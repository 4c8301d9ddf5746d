//! What a kind of receiver is to the core.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{
    bus::{Delivery, header},
    event::{self, EnrichedEvent},
};

/// A receiver's sending end. It sends a batch once; waiting, repeating and giving up are the core's.
pub trait Sink: Send + Sync {
    /// Sends a batch, whose size is at most what the kind asked for.
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>>;
}

/// One event to deliver.
pub struct Item {
    /// The event as JSON, exactly as it is exported.
    pub json: Bytes,
    /// The event's identity, for the protocol's idempotency key.
    pub identity: String,
}

impl Item {
    /// Reads a message; with `de_dot` the dots in the keys of labels and annotations become `_`.
    ///
    /// # Errors
    /// When it holds no event.
    pub(crate) fn read(delivery: &Delivery, de_dot: bool) -> anyhow::Result<Self> {
        let content_type = delivery.headers.get(header::CONTENT_TYPE);
        let packed = content_type == Some(herald_common::config::Encoding::MessagePack.content_type());
        let json = if de_dot || packed {
            let event: EnrichedEvent = event::decode_enriched(&delivery.payload, content_type)?;
            event::to_go_json(&if de_dot { event.de_dot() } else { event })?.into()
        } else {
            delivery.payload.clone()
        };
        Ok(Self { json, identity: delivery.identity().to_owned() })
    }
}

/// Why a batch, or some of it, was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver is not there or wants a pause: nothing of the batch arrived, and it says nothing about these events.
    #[error("{reason}")]
    Outage {
        /// What happened.
        reason: String,
        /// How long the receiver asked to be left alone.
        after: Option<Duration>,
    },
    /// These events were refused, but may be accepted later.
    #[error("{reason}")]
    Refused {
        /// What the receiver said.
        reason: String,
    },
    /// These events will never be accepted.
    #[error("{reason}")]
    Permanent {
        /// What the receiver said.
        reason: String,
    },
}
