//! Dead letters: what a receiver refused, or a stage could not read, kept with the reason until somebody replays or drops it.

use jiff::Timestamp;

use super::{Bus, Delivery, Message, Stream, header};
use crate::gap::{Gap, Reason};

/// A reason is cut after so many bytes, so that the letter stays a message the server takes.
const LONGEST_REASON: usize = 2_048;

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
    ///
    /// A letter that is larger than the server takes is named by a gap marker instead.
    pub async fn dead_letter(&self, receiver: &str, delivery: &Delivery, letter: &DeadLetter) {
        let identity = delivery.identity();
        let mut headers = delivery.headers.clone();
        headers.set(header::IDENTITY, identity);
        headers.set(header::DEAD_REASON, cut(&letter.reason, LONGEST_REASON));
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
            tracing::error!(%error, receiver, event = identity, "dead letter cannot be kept");
            let message =
                format!("dead letter of {receiver} cannot be kept: {error}; it was refused: {}", cut(&letter.reason, LONGEST_REASON));
            self.publish_gap(&Gap::event(delivery.headers.cluster(), Reason::TooLarge, identity, &message)).await;
        }
    }
}

/// The text, cut at a character.
fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}
