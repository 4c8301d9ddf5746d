//! The PubAcks of an outbox.
//!
//! In go numbers under which messages are sent; out come the server's answers, each with its number, in whatever order they arrive. One inbox serves all
//! messages: a channel, a timer and a permit for each, as `async_nats` has them, cost as much as the publishing itself. An answer may come for a message that
//! was sent again meanwhile; whoever asks knows by the number.

use async_nats::{StatusCode, Subscriber, jetstream};
use futures_util::StreamExt as _;
use serde::Deserialize;

use super::{Bus, Published};

/// Why there is no PubAck for a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAck {
    /// Nobody listens: there is no stream, or JetStream is not up.
    #[error("no stream takes the subject")]
    NoStream,
    /// The server refused the message.
    #[error(transparent)]
    Refused(jetstream::Error),
    /// The answer is no PubAck.
    #[error("the answer is no PubAck")]
    Unreadable,
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection takes nothing.
    #[error("the connection takes nothing")]
    Closed,
}

/// An inbox for PubAcks.
pub(super) struct PubAcks {
    inbox: String,
    answers: Option<Subscriber>,
}

/// What the server answers (ADR-1: `io.nats.jetstream.api.v1.pub_ack_response`).
#[derive(Deserialize)]
struct Answer {
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
    error: Option<jetstream::Error>,
}

impl PubAcks {
    pub(super) fn new(bus: &Bus) -> Self {
        Self { inbox: bus.inner.client.new_inbox(), answers: None }
    }

    /// The subject for the answer to a number; the inbox is subscribed to first.
    pub(super) async fn subject(&mut self, bus: &Bus, number: u64) -> Result<String, NoAck> {
        if self.answers.is_none() {
            let answers = bus.inner.client.subscribe(format!("{}.*", self.inbox)).await.map_err(|_| NoAck::Closed)?;
            self.answers = Some(answers);
        }
        Ok(format!("{}.{number}", self.inbox))
    }

    /// Waits for an answer; for ever before the first number. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> (u64, Result<Published, NoAck>) {
        loop {
            let Some(answers) = &mut self.answers else { return std::future::pending().await };
            let Some(message) = answers.next().await else {
                // The connection is closed for good; the next message says so.
                self.answers = None;
                continue;
            };
            let number = message.subject.rsplit('.').next().and_then(|number| number.parse().ok());
            let Some(number) = number else { continue };
            return (number, read(message.status, &message.payload));
        }
    }
}

fn read(status: Option<StatusCode>, payload: &[u8]) -> Result<Published, NoAck> {
    if status == Some(StatusCode::NO_RESPONDERS) {
        return Err(NoAck::NoStream);
    }
    match serde_json::from_slice(payload) {
        Ok(Answer { error: Some(error), .. }) => Err(NoAck::Refused(error)),
        Ok(Answer { seq: Some(sequence), duplicate, .. }) => Ok(Published { sequence, duplicate }),
        _ => Err(NoAck::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let taken = read(None, br#"{"stream":"S","domain":"d","seq":7,"duplicate":true}"#);
        assert_eq!(taken.expect("a PubAck"), Published { sequence: 7, duplicate: true });
        let refused = read(None, br#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"S","seq":0}"#);
        assert_eq!(refused.expect_err("an error").to_string(), "maximum bytes exceeded (code 503, error code 10077)");
        assert!(matches!(read(Some(StatusCode::NO_RESPONDERS), b""), Err(NoAck::NoStream)));
        assert!(matches!(read(None, b""), Err(NoAck::Unreadable)));
        assert!(matches!(read(None, br#"{"stream":"S"}"#), Err(NoAck::Unreadable)));
    }
}
