//! Publishing with message ids, many at a time.
//!
//! In go messages, each with a token of the caller's; out come the tokens in the order of publishing, each after the PubAck of its message. A message
//! is repeated under the same id until the server has it, so an outbox loses nothing and, within the duplicate window, repeats nothing. The window
//! bounds what is in memory; when it is full, [`Outbox::publish`] must wait for [`Outbox::next`].

use std::{future::Future, pin::Pin, time::Duration};

use async_nats::jetstream::{
    self,
    context::{PublishAckFuture, PublishErrorKind},
    message::PublishMessage,
};
use futures_util::{StreamExt as _, stream::FuturesOrdered};

use super::{Bus, Message, connect::Pauses};

/// What the server said of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message's sequence in its stream.
    pub sequence: u64,
    /// Whether the stream already held a message with this id.
    pub duplicate: bool,
}

/// A message that can never be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It is larger than the server takes.
    #[error("message of {size} bytes is larger than the {limit} bytes nats-server takes (its max_payload)")]
    TooLarge {
        /// Size of the payload in bytes.
        size: usize,
        /// `max_payload` of the server in bytes.
        limit: usize,
    },
}

type Waiting<T> = Pin<Box<dyn Future<Output = (T, Published)> + Send>>;

/// A bounded window of messages whose PubAck is awaited.
pub struct Outbox<T> {
    bus: Bus,
    window: usize,
    waiting: FuturesOrdered<Waiting<T>>,
}

impl<T: Send + 'static> Outbox<T> {
    /// Makes an outbox that awaits at most `window` PubAcks.
    #[must_use]
    pub fn new(bus: Bus, window: usize) -> Self {
        Self { bus, window, waiting: FuturesOrdered::new() }
    }

    /// Tells whether [`Self::publish`] has to wait for [`Self::next`] first.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.window
    }

    /// Tells whether no PubAck is awaited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many PubAcks are awaited.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends a message; its token comes back from [`Self::next`].
    ///
    /// Messages leave in the order of the calls. When the connection is down the message is kept and sent when it is back.
    ///
    /// # Errors
    /// When the message is larger than the server takes; the token comes back with the error.
    pub async fn publish(&mut self, message: Message, token: T) -> Result<(), (T, PublishError)> {
        let limit = self.bus.max_payload();
        // Headers count too; their sum is small beside this allowance.
        let size = message.payload.len() + 1_024;
        if limit > 0 && size > limit {
            return Err((token, PublishError::TooLarge { size: message.payload.len(), limit }));
        }
        let bus = self.bus.clone();
        let first = send(&bus, &message).await;
        self.waiting.push_back(Box::pin(async move {
            let published = confirm(&bus, &message, first).await;
            (token, published)
        }));
        Ok(())
    }

    /// Waits for the PubAck of the oldest message; `None` when nothing is awaited. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<(T, Published)> {
        self.waiting.next().await
    }
}

impl Bus {
    /// Publishes one message and waits for its PubAck, however long that takes.
    ///
    /// # Errors
    /// When the message is larger than the server takes.
    pub async fn publish(&self, message: Message) -> Result<Published, PublishError> {
        let mut outbox = Outbox::new(self.clone(), 1);
        outbox.publish(message, ()).await.map_err(|((), error)| error)?;
        Ok(outbox.next().await.map_or(Published { sequence: 0, duplicate: false }, |((), published)| published))
    }
}

async fn send(bus: &Bus, message: &Message) -> Result<PublishAckFuture, jetstream::context::PublishError> {
    let publish = PublishMessage::build().payload(message.payload.clone()).headers(message.headers.clone().into_inner()).message_id(&message.id);
    bus.jetstream().send_publish(message.subject.clone(), publish).await
}

/// Waits for the PubAck, sending the message again until there is one.
async fn confirm(bus: &Bus, message: &Message, first: Result<PublishAckFuture, jetstream::context::PublishError>) -> Published {
    let mut pauses = Pauses::default();
    let mut sent = first;
    loop {
        let error = match sent {
            Ok(acknowledgement) => match acknowledgement.await {
                Ok(ack) => return Published { sequence: ack.sequence, duplicate: ack.duplicate },
                Err(error) => error,
            },
            Err(error) => error,
        };
        tracing::warn!(%error, subject = message.subject, id = message.id, "no PubAck, publishing again");
        if error.kind() == PublishErrorKind::StreamNotFound
            && let Err(error) = bus.ensure_stream(&message.stream).await
        {
            tracing::warn!(%error, "stream is missing");
        }
        tokio::time::sleep(pauses.next().max(Duration::from_millis(100))).await;
        sent = send(bus, message).await;
    }
}
