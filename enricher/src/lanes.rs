//! The order of events about one object: while the first of them waits for a lookup, the others queue behind it.
//!
//! In go items with the name of their lane; out they come in the order they went in, lane by lane. A lane is there as long as something waits in it. Pure:
//! no clock but the instants it is given, no I/O. It bounds nothing: the caller asks [`Lanes::len`] before it takes more.

use std::{
    collections::{HashMap, VecDeque},
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

/// The lanes whose events were put back for later: what comes meanwhile waits as long, so that it does not overtake them.
#[derive(Default)]
pub(crate) struct Parked {
    until: HashMap<String, Instant>,
}

impl Parked {
    /// Parks a lane.
    pub(crate) fn park(&mut self, lane: &str, until: Instant) {
        self.until.insert(lane.to_owned(), until);
    }

    /// How long the lane still is parked; `None` when it is not.
    pub(crate) fn left(&self, lane: &str, now: Instant) -> Option<Duration> {
        let until = self.until.get(lane)?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Forgets the lanes that are parked no more.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.until.retain(|_, until| *until > now);
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
    fn a_parked_lane_says_how_long() {
        let (mut parked, now) = (Parked::default(), Instant::now());
        parked.park("a", now + Duration::from_secs(15));
        assert_eq!(parked.left("a", now + Duration::from_secs(5)), Some(Duration::from_secs(10)));
        assert_eq!(parked.left("b", now), None);
        assert_eq!(parked.left("a", now + Duration::from_secs(15)), None);
        parked.forget(now + Duration::from_secs(15));
        assert!(parked.until.is_empty());
    }
}
