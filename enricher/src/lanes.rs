//! The order of events about one object: while the first of them waits for a lookup, the others queue behind it ([`Lanes`]); while it is away to come back
//! later, so do they ([`Away`]).
//!
//! In go items with the name of their lane; out they come in the order they went in, lane by lane. A lane is there as long as something waits in it. Pure:
//! no clock but the instants it is given, no I/O. It bounds nothing: the caller asks [`Lanes::len`] before it takes more.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Items in the order they came, by lane.
pub(crate) struct Lanes<T> {
    lanes: HashMap<String, VecDeque<T>>,
    len: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), len: 0 }
    }
}

impl<T> Lanes<T> {
    /// How many items wait in all lanes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Tells whether something waits in the lane.
    pub(crate) fn is_busy(&self, lane: &str) -> bool {
        self.lanes.contains_key(lane)
    }

    /// Adds an item at the end of its lane.
    pub(crate) fn push(&mut self, lane: &str, item: T) {
        self.len += 1;
        match self.lanes.get_mut(lane) {
            Some(waiting) => waiting.push_back(item),
            None => drop(self.lanes.insert(lane.to_owned(), VecDeque::from([item]))),
        }
    }

    /// The item that is next in its lane.
    pub(crate) fn first(&self, lane: &str) -> Option<&T> {
        self.lanes.get(lane)?.front()
    }

    /// Takes the item that is next in its lane.
    pub(crate) fn pop(&mut self, lane: &str) -> Option<T> {
        let waiting = self.lanes.get_mut(lane)?;
        let item = waiting.pop_front();
        if waiting.is_empty() {
            self.lanes.remove(lane);
        }
        self.len -= usize::from(item.is_some());
        item
    }

    /// Takes everything, each lane in its order.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.len = 0;
        self.lanes.drain().flat_map(|(_, waiting)| waiting).collect()
    }

    /// Everything that waits.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.lanes.values_mut().flatten()
    }
}

/// How long an event that was put back may be late: then another replica may have it, and it is awaited no more.
const GRACE: Duration = Duration::from_secs(2);
/// How long an event stays away at least that came before one that is late.
const SOON: Duration = Duration::from_millis(500);

/// The events that were put back for later: none is overtaken by a later one of its lane.
///
/// Each comes back when the server says so, by its own clock and perhaps to another replica. So it is awaited by its sequence, and not for longer than
/// [`GRACE`] after its time.
#[derive(Default)]
pub(crate) struct Away {
    /// By lane: the sequences of the events, and when each is handed out again.
    lanes: HashMap<String, BTreeMap<u64, Instant>>,
}

impl Away {
    /// Notes that an event was put back and is handed out again at `due`.
    pub(crate) fn put_back(&mut self, lane: &str, sequence: u64, due: Instant) {
        self.lanes.entry(lane.to_owned()).or_default().insert(sequence, due);
    }

    /// Notes that an event has come. How long it has to be put back since an earlier one of its lane is away; `None` when it may go on.
    pub(crate) fn come(&mut self, lane: &str, sequence: u64, now: Instant) -> Option<Duration> {
        let away = self.lanes.get_mut(lane)?;
        away.remove(&sequence);
        let earlier = away.range(..sequence).map(|(_, due)| *due);
        let wait = earlier.filter(|due| now < *due + GRACE).max().map(|due| due.saturating_duration_since(now).max(SOON));
        if away.is_empty() {
            self.lanes.remove(lane);
        }
        wait
    }

    /// Forgets the events that are awaited no more.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.lanes.retain(|_, away| {
            away.retain(|_, due| now < *due + GRACE);
            !away.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_keeps_its_order_and_is_free_when_it_is_empty() {
        let mut lanes = Lanes::default();
        lanes.push("a", 1);
        lanes.push("b", 9);
        lanes.push("a", 2);
        assert_eq!(lanes.len(), 3);
        assert_eq!(lanes.first("a"), Some(&1));
        assert_eq!([lanes.pop("a"), lanes.pop("a"), lanes.pop("a")], [Some(1), Some(2), None]);
        assert!(!lanes.is_busy("a"));
        assert!(lanes.is_busy("b"));
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes.take_all(), [9]);
        assert_eq!(lanes.len(), 0);
    }

    #[test]
    fn what_is_away_is_not_overtaken() {
        let (mut away, now) = (Away::default(), Instant::now());
        let (due, left) = (now + Duration::from_secs(15), Duration::from_secs(10));
        away.put_back("a", 7, due);
        assert_eq!(away.come("a", 9, due - left), Some(left));
        away.put_back("a", 9, due);
        assert_eq!(away.come("a", 9, due), Some(SOON), "the server hands out the later one first");
        away.put_back("a", 9, due + SOON);
        assert_eq!(away.come("b", 9, now), None, "another lane");
        assert_eq!(away.come("a", 7, due - SOON), None, "the first need not wait, even if it is early");
        assert_eq!(away.come("a", 10, due), Some(SOON), "one is still away");
        away.put_back("a", 10, due + SOON);
        assert_eq!(away.come("a", 9, due + SOON), None);
        assert_eq!(away.come("a", 10, due + SOON), None);
        assert!(away.lanes.is_empty());
    }

    #[test]
    fn what_stays_away_is_not_awaited_for_ever() {
        let (mut away, mut now) = (Away::default(), Instant::now());
        let end = now + GRACE;
        away.put_back("a", 7, now);
        away.put_back("b", 7, now);
        while let Some(wait) = away.come("a", 9, now) {
            now += wait;
            away.put_back("a", 9, now);
        }
        assert_eq!(now, end);
        away.forget(end);
        assert!(away.lanes.is_empty());
    }
}
