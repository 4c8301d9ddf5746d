//! Making room in a receiver's stream that is full.
//!
//! Such a stream refuses what is beyond its bytes, and whoever publishes drops the oldest messages: first a gap marker names the range, then the range is purged.
//! So nothing leaves such a stream unsaid, whoever is killed in between. A limit that the server keeps by itself could only be noticed afterwards, or not at all.

use async_nats::jetstream;

use super::{Bus, Message, Stream};
use crate::gap::{Gap, Reason};

/// A part of a full stream is dropped at once, so that it is not done again for every message.
const PART: u64 = 16;

/// What came of making room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is room.
    Made {
        /// Messages dropped.
        dropped: u64,
    },
    /// The message is larger than the whole stream.
    Never {
        /// Why, for people.
        reason: String,
    },
}

/// Tells whether the server refused a message because its stream is full.
pub(super) fn is_full(error: &jetstream::Error) -> bool {
    error.error_code() == jetstream::ErrorCode::STREAM_STORE_FAILED && error.to_string().contains("maximum bytes exceeded")
}

/// The messages to drop from a stream that holds so many: as many as take the space needed, and at least a part of all.
fn surplus(messages: u64, bytes: u64, needed: u64) -> u64 {
    let average = (bytes / messages.max(1)).max(1);
    (needed / average + 1).max(messages / PART).min(messages)
}

impl Bus {
    /// Drops the oldest messages of the stream until a message fits, saying so first.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn make_room(&self, message: &Message) -> anyhow::Result<Room> {
        let name = self.stream_name(&message.stream);
        let handle = self.jetstream().get_stream(&name).await?;
        let (state, limit) = (&handle.cached_info().state, handle.cached_info().config.max_bytes);
        let (limit, size) = (u64::try_from(limit).unwrap_or(u64::MAX), message.stored_size());
        if size > limit {
            return Ok(Room::Never {
                reason: format!("message of {size} bytes is larger than the stream {name}, which holds {limit} bytes"),
            });
        }
        if state.bytes + size <= limit || state.messages == 0 {
            // Somebody else made room.
            return Ok(Room::Made { dropped: 0 });
        }
        let from = state.first_sequence;
        let beyond = from + surplus(state.messages, state.bytes, state.bytes + size - limit);
        let subject = match &message.stream {
            Stream::Out(receiver) => receiver,
            _ => name.as_str(),
        };
        tracing::error!(
            stream = name,
            from,
            to = beyond - 1,
            "the stream is full, its oldest messages are dropped, raise nats.streams.out.maxBytes"
        );
        self.publish_gap(&Gap::limits(subject, &name, "its receiver", from, beyond - 1)).await;
        let purged = handle.purge().sequence(beyond).await?;
        Ok(Room::Made { dropped: purged.purged })
    }

    /// Says that a message can never be stored.
    pub(super) async fn say_never(&self, message: &Message, reason: &str) {
        let identity = message.headers.get(super::header::IDENTITY).unwrap_or(&message.id);
        tracing::error!(event = identity, reason, "event cannot be published");
        self.publish_gap(&Gap::event(message.headers.cluster(), Reason::TooLarge, identity, reason)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::surplus;

    #[test]
    fn a_part_goes_and_more_when_the_message_needs_more() {
        assert_eq!(surplus(1_600, 160_000, 100), 100);
        assert_eq!(surplus(1_600, 160_000, 50_000), 501);
        assert_eq!(surplus(3, 300, 1), 1);
        assert_eq!(surplus(3, 300, 10_000), 3);
    }
}
