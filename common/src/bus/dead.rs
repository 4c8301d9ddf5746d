//! Dead letters: what a receiver refused, or a stage could not read, kept with the reason until somebody replays or drops it.

use jiff::Timestamp;

use super::{Bus, Delivery, Message, Stream, header};

/// Why and after what a message was given up.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Why, for people; without secrets.
    pub reason: String,
    /// How often it was refused.
    pub attempts: u32,
    /// When it was tried first.
    pub first_try: Timestamp,
    /// When it was tried last.
    pub last_try: Timestamp,
}

impl DeadLetter {
    /// A message given up at the first look.
    #[must_use]
    pub fn at_once(reason: String) -> Self {
        let now = Timestamp::now();
        Self { reason, attempts: 1, first_try: now, last_try: now }
    }
}

impl Bus {
    /// Keeps a message as a dead letter of `receiver` (or of a stage) and waits for the PubAck; the caller then acknowledges the delivery.
    pub async fn dead_letter(&self, receiver: &str, delivery: &Delivery, letter: &DeadLetter) {
        let identity = delivery.identity();
        let mut headers = delivery.headers.clone();
        headers.set(header::IDENTITY, identity);
        headers.set(header::DEAD_REASON, &letter.reason);
        headers.set(header::DEAD_ATTEMPTS, &letter.attempts.to_string());
        headers.set(header::DEAD_FIRST, &letter.first_try.to_string());
        headers.set(header::DEAD_LAST, &letter.last_try.to_string());
        let message = Message {
            stream: Stream::Dead,
            subject: self.subjects().dead(receiver),
            id: format!("{identity}/{receiver}/dead/{}", delivery.sequence),
            headers,
            payload: delivery.payload.clone(),
        };
        if let Err(error) = self.publish(message).await {
            tracing::error!(%error, receiver, "dead letter not kept");
        }
    }
}
