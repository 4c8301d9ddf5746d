//! When to try again, and when to give up. Pure.
//!
//! Attempts count refusals of one message, not outages of the receiver: a refusal counts only when the receiver accepted something else since the
//! message's last attempt. Delays grow with every refusal, counted or not.

use std::{num::NonZeroUsize, time::Duration};

use jiff::Timestamp;
use lru::LruCache;

/// Messages whose refusals are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not 0");

/// The pause before the next try after `failures` in a row: doubling from `first` to `most`.
pub(crate) fn pause(failures: u32, first: Duration, most: Duration) -> Duration {
    first.saturating_mul(1 << failures.min(16)).min(most)
}

/// What is remembered of a refused message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusals {
    /// Refusals that count.
    pub(crate) attempts: u32,
    /// All refusals.
    pub(crate) tries: u32,
    pub(crate) first_try: Timestamp,
    accepted_before: u64,
}

/// The refusals of a receiver's messages, by their sequence in the stream. A restart forgets them, and the message gets all its attempts anew.
pub(crate) struct Memory {
    refusals: LruCache<u64, Refusals>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { refusals: LruCache::new(REMEMBERED) }
    }

    /// Notes a refusal; `accepted` is how many messages the receiver has accepted so far.
    pub(crate) fn refused(&mut self, sequence: u64, accepted: u64, now: Timestamp) -> Refusals {
        let fresh = || Refusals { attempts: 0, tries: 0, first_try: now, accepted_before: accepted };
        let refusals = self.refusals.get_or_insert_mut(sequence, fresh);
        if refusals.tries == 0 || accepted > refusals.accepted_before {
            refusals.attempts += 1;
        }
        refusals.tries = refusals.tries.saturating_add(1);
        refusals.accepted_before = accepted;
        *refusals
    }

    pub(crate) fn forget(&mut self, sequence: u64) {
        self.refusals.pop(&sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(0, second, second * 30), second);
        assert_eq!(pause(3, second, second * 30), second * 8);
        assert_eq!(pause(40, second, second * 30), second * 30);
    }

    #[test]
    fn a_refusal_counts_only_while_others_are_accepted() {
        let mut memory = Memory::new();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(memory.refused(1, 5, now).attempts, 1);
        for tries in 2..10 {
            let refusals = memory.refused(1, 5, now);
            assert_eq!((refusals.attempts, refusals.tries), (1, tries), "nothing else was accepted meanwhile");
        }
        assert_eq!(memory.refused(1, 6, now).attempts, 2);
        assert_eq!(memory.refused(1, 9, now).attempts, 3);
        memory.forget(1);
        assert_eq!(memory.refused(1, 9, now).attempts, 1);
    }
}
