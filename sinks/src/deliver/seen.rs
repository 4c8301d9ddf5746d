//! Which messages are in hand or done, so that a message handed out again while it waited here is not sent again.
//!
//! A message that waits longer than AckWait behind a slow receiver is handed out anew; the copy is dropped here. Pure.

use std::{collections::HashSet, num::NonZeroUsize};

use herald_common::bus::Delivery;
use jiff::Timestamp;
use lru::LruCache;

/// Settled messages remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16_384).expect("not 0");

/// A message: its sequence, and its time in case the stream was made anew and counts from 1 again.
type Key = (u64, Timestamp);

fn key(delivery: &Delivery) -> Key {
    (delivery.sequence, delivery.published)
}

/// What is known of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is to be sent.
    New,
    /// It is being sent.
    InHand,
    /// It was accepted, or kept as a dead letter.
    Done,
}

pub(super) struct Seen {
    in_hand: HashSet<Key>,
    done: LruCache<Key, ()>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { in_hand: HashSet::new(), done: LruCache::new(REMEMBERED) }
    }

    /// Takes a message in hand, unless it is there or done.
    pub(super) fn take(&mut self, delivery: &Delivery) -> State {
        self.take_key(key(delivery))
    }

    /// Notes that a message was accepted or kept.
    pub(super) fn done(&mut self, delivery: &Delivery) {
        self.done_key(key(delivery));
    }

    /// Notes that a message goes back to the stream.
    pub(super) fn put_back(&mut self, delivery: &Delivery) {
        self.in_hand.remove(&key(delivery));
    }

    fn take_key(&mut self, key: Key) -> State {
        if self.done.contains(&key) {
            State::Done
        } else if self.in_hand.insert(key) {
            State::New
        } else {
            State::InHand
        }
    }

    fn done_key(&mut self, key: Key) {
        self.in_hand.remove(&key);
        self.done.put(key, ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_told_from_a_new_message() {
        let mut seen = Seen::new();
        let message = (7, Timestamp::UNIX_EPOCH);
        assert_eq!(seen.take_key(message), State::New);
        assert_eq!(seen.take_key(message), State::InHand);
        seen.in_hand.remove(&message);
        assert_eq!(seen.take_key(message), State::New, "it was put back");
        seen.done_key(message);
        assert_eq!(seen.take_key(message), State::Done);
        assert_eq!(seen.take_key((7, Timestamp::MAX)), State::New, "the stream was made anew");
    }
}
