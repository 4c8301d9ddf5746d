//! How far the watcher has got: pure values. Reading and writing them is [`store`]'s.
//!
//! A [`Checkpoint`] says that every change up to a resourceVersion is in `HERALD_RAW`, and with which sequence. The [`Watermark`] keeps it: positions go in as
//! events are sent, PubAcks come in the same order, and the checkpoint is the highest position below which nothing is outstanding.

pub(crate) mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a watch of one scope resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Checkpoint {
    /// Every change up to here is published; empty while the first list of a fresh install runs.
    pub(crate) resource_version: String,
    /// The highest sequence of `HERALD_RAW` known when it was.
    pub(crate) sequence: u64,
    /// When the watch was last known to be current.
    pub(crate) observed: Option<Timestamp>,
    /// When the last event was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<Timestamp>,
    /// Events of the first list of a fresh install older than this are left out; unset once that list is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oldest: Option<Timestamp>,
}

/// Reads a resourceVersion as the number it is in practice.
pub(crate) fn number(resource_version: &str) -> Option<u64> {
    resource_version.parse().ok()
}

/// Tells whether `a` is a later resourceVersion than `b`; `None` when they cannot be compared.
pub(crate) fn is_later(a: &str, b: &str) -> Option<bool> {
    Some(number(a)? > number(b)?)
}

/// The checkpoint while messages are outstanding.
#[derive(Debug, Default)]
pub(crate) struct Watermark {
    checkpoint: Checkpoint,
    outstanding: usize,
    /// The position once nothing is outstanding any more.
    next: Option<String>,
    /// The highest sequence of any PubAck.
    sequence: u64,
}

/// What a message stands for: the position once it and everything before it is published, or none for an item of a list.
pub(crate) type Mark = Option<String>;

impl Watermark {
    /// Begins at a checkpoint.
    pub(crate) fn new(checkpoint: Checkpoint) -> Self {
        Self { sequence: checkpoint.sequence, checkpoint, outstanding: 0, next: None }
    }

    /// A message was sent.
    pub(crate) fn sent(&mut self, mark: &Mark) {
        self.outstanding += 1;
        if mark.is_some() {
            self.next = None;
        }
    }

    /// The PubAck of the oldest message is there.
    pub(crate) fn acked(&mut self, mark: Mark, sequence: u64, when: Timestamp) {
        self.checkpoint.published = Some(when);
        self.outstanding = self.outstanding.saturating_sub(1);
        self.sequence = self.sequence.max(sequence);
        if let Some(position) = mark {
            self.arrive(position);
        }
        if self.outstanding == 0
            && let Some(position) = self.next.take()
        {
            self.arrive(position);
        }
    }

    /// A position was reached without a message: a bookmark, a deletion, the end of a list.
    pub(crate) fn reach(&mut self, position: String) {
        if self.outstanding == 0 {
            self.arrive(position);
        } else {
            self.next = Some(position);
        }
    }

    fn arrive(&mut self, position: String) {
        self.checkpoint.resource_version = position;
        self.checkpoint.sequence = self.sequence;
        self.checkpoint.oldest = None;
    }

    /// The watch was known to be current.
    pub(crate) fn observe(&mut self, when: Timestamp) {
        self.checkpoint.observed = Some(when);
    }

    /// The checkpoint so far.
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEN: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(position: &str, sequence: u64) -> Checkpoint {
        Checkpoint { resource_version: position.to_owned(), sequence, published: Some(WHEN), ..Checkpoint::default() }
    }

    fn mark(position: &str) -> Mark {
        Some(position.to_owned())
    }

    #[test]
    fn the_checkpoint_follows_the_pubacks_and_not_what_was_sent() {
        let mut watermark = Watermark::new(at("10", 3));
        watermark.sent(&mark("11"));
        watermark.sent(&mark("12"));
        assert_eq!(watermark.checkpoint(), &at("10", 3));
        watermark.acked(mark("11"), 4, WHEN);
        assert_eq!(watermark.checkpoint(), &at("11", 4));
        watermark.acked(mark("12"), 5, WHEN);
        assert_eq!(watermark.checkpoint(), &at("12", 5));
    }

    #[test]
    fn a_bookmark_waits_for_what_was_sent_before_it() {
        let mut watermark = Watermark::new(at("10", 3));
        watermark.sent(&mark("11"));
        watermark.reach("15".to_owned());
        assert_eq!(watermark.checkpoint(), &at("10", 3));
        watermark.acked(mark("11"), 4, WHEN);
        assert_eq!(watermark.checkpoint(), &at("15", 4));
        watermark.reach("20".to_owned());
        assert_eq!(watermark.checkpoint(), &at("20", 4));
    }

    #[test]
    fn a_bookmark_is_forgotten_when_a_later_change_is_outstanding() {
        let mut watermark = Watermark::new(at("10", 3));
        watermark.sent(&mark("11"));
        watermark.reach("15".to_owned());
        watermark.sent(&mark("16"));
        watermark.acked(mark("11"), 4, WHEN);
        assert_eq!(watermark.checkpoint(), &at("11", 4));
        watermark.acked(mark("16"), 5, WHEN);
        assert_eq!(watermark.checkpoint(), &at("16", 5));
    }

    #[test]
    fn a_list_moves_nothing_until_it_is_complete() {
        let mut watermark = Watermark::new(Checkpoint { oldest: Some(Timestamp::UNIX_EPOCH), ..at("10", 3) });
        watermark.sent(&None);
        watermark.acked(None, 9, WHEN);
        watermark.sent(&None);
        assert_eq!((watermark.checkpoint().resource_version.as_str(), watermark.checkpoint().sequence), ("10", 3));
        watermark.reach("30".to_owned());
        watermark.acked(None, 8, WHEN);
        assert_eq!(watermark.checkpoint(), &at("30", 9));
    }

    #[test]
    fn only_numbers_are_compared() {
        assert_eq!(is_later("10", "9"), Some(true));
        assert_eq!(is_later("9", "9"), Some(false));
        assert_eq!(is_later("a9", "9"), None);
    }

    #[test]
    fn the_first_checkpoint_without_a_position_reads_back() {
        let text = serde_json::to_string(&Checkpoint::default()).expect("encodes");
        assert_eq!(text, r#"{"resourceVersion":"","sequence":0,"observed":null}"#);
        assert_eq!(serde_json::from_str::<Checkpoint>(&text).expect("decodes"), Checkpoint::default());
    }
}
