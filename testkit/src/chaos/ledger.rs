//! What became of every event. Pure: it is told what happened and says what is missing.
//!
//! In go events as they are made, and what was seen of them: acceptances, dead letters, places in streams, gap markers. Out come an [`Account`]: for every event
//! and receiver whether it was delivered, kept as a dead letter, named by a gap marker, or lost. It believes nobody: what is not accounted for by something
//! seen is lost, and a marker covers only what it can truly be about.

mod account;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

pub use self::account::{Account, Lost, Tally};

/// A gap marker, as far as the ledger can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// One version of an event is missing.
    Event(String),
    /// Versions after the first and up to the second may be missing, if a later one of the same event replaced them or the event is gone.
    Versions(u64, u64),
    /// A stream dropped the messages from one sequence to the other.
    Sequences(String, u64, u64),
}

/// Where events are to arrive.
#[derive(Clone, Debug)]
struct Receiver {
    name: String,
    /// The stream whose limits concern it alone.
    stream: String,
    /// The event that each idempotency key stood for; `None` for a receiver without keys.
    keys: Option<HashMap<u64, u32>>,
    /// The latest event that arrived.
    latest: Option<u32>,
}

/// What was seen of an event at one receiver.
#[derive(Clone, Copy, Debug, Default)]
struct Arrival {
    /// How often it was accepted.
    accepted: u16,
    /// How often a receiver that honours the key took it for a new one.
    taken: u16,
    dead: bool,
}

/// One version of an event.
#[derive(Clone, Debug)]
struct Entry {
    /// The step during which it was made.
    step: u32,
    version: u64,
    /// A later version exists, or the event is gone.
    replaced: bool,
    /// A marker names it, or a stage kept it as a dead letter.
    named: bool,
    arrivals: Box<[Arrival]>,
    /// The stream, by its number, and the sequence, of each message that carried it.
    places: Vec<(u8, u64)>,
}

/// The book of one act.
pub struct Ledger {
    receivers: Vec<Receiver>,
    entries: Vec<Entry>,
    /// By identity.
    index: HashMap<Box<str>, u32>,
    streams: Vec<String>,
    versions: Vec<(u64, u64)>,
    sequences: Vec<(String, u64, u64)>,
    hasher: RandomState,
    unknown: u64,
    unkeyed: u64,
    mistaken: u64,
}

impl Ledger {
    /// Opens the book for receivers: name, stream, and whether it honours an idempotency key.
    pub fn new(receivers: &[(&str, String, bool)]) -> Self {
        let receiver = |(name, stream, keyed): &(&str, String, bool)| Receiver {
            name: (*name).to_owned(),
            stream: stream.clone(),
            keys: keyed.then(HashMap::new),
            latest: None,
        };
        Self {
            receivers: receivers.iter().map(receiver).collect(),
            entries: Vec::new(),
            index: HashMap::new(),
            streams: Vec::new(),
            versions: Vec::new(),
            sequences: Vec::new(),
            hasher: RandomState::new(),
            unknown: 0,
            unkeyed: 0,
            mistaken: 0,
        }
    }

    /// An event version came into being in a step; from now on it is owed to every receiver.
    pub fn made(&mut self, identity: &str, version: u64, step: u32) {
        let entry = Entry {
            step,
            version,
            replaced: false,
            named: false,
            arrivals: vec![Arrival::default(); self.receivers.len()].into(),
            places: Vec::new(),
        };
        self.index.insert(identity.into(), u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(entry);
    }

    /// Only a later version of the event exists, or none: who lists instead of watching cannot know of this one.
    pub fn replaced(&mut self, identity: &str) {
        if let Some(entry) = self.entry(identity) {
            entry.replaced = true;
        }
    }

    /// A receiver accepted an event, under an idempotency key if it had one. Returns whether it is new to the receiver.
    pub fn accepted(&mut self, receiver: usize, key: Option<&str>, identity: &str) -> bool {
        let Some(&at) = self.index.get(identity) else {
            self.unknown += 1;
            return false;
        };
        let to = &mut self.receivers[receiver];
        to.latest = to.latest.max(Some(at));
        let (mut is_known, mut is_anothers) = (false, false);
        if let Some(keys) = &mut to.keys {
            match key.map(|key| keys.insert(self.hasher.hash_one(key), at)) {
                // The receiver knows the key: it drops the request, whatever is in it.
                Some(Some(before)) => (is_known, is_anothers) = (true, before != at),
                Some(None) => {}
                None => self.unkeyed += 1,
            }
        }
        if is_anothers {
            // The event never becomes known there.
            return false;
        }
        let arrival = &mut self.entries[at as usize].arrivals[receiver];
        arrival.accepted = arrival.accepted.saturating_add(1);
        arrival.taken = arrival.taken.saturating_add(u16::from(!is_known));
        arrival.accepted == 1
    }

    /// An event arrived with the metadata of another object than it is about.
    pub fn mistaken(&mut self) {
        self.mistaken += 1;
    }

    /// An event is kept as a dead letter of a receiver; by another name it is a stage's, and nobody gets the event.
    pub fn dead(&mut self, of: &str, identity: &str) {
        let receiver = self.receivers.iter().position(|receiver| receiver.name == of);
        match (self.entry(identity), receiver) {
            (Some(entry), Some(receiver)) => entry.arrivals[receiver].dead = true,
            (Some(entry), None) => entry.named = true,
            (None, _) => self.unknown += 1,
        }
    }

    /// A stream holds an event.
    pub fn held(&mut self, stream: &str, sequence: u64, identity: &str) {
        let number = self.streams.iter().position(|known| known == stream).unwrap_or_else(|| {
            self.streams.push(stream.to_owned());
            self.streams.len() - 1
        });
        if let (Some(entry), Ok(number)) = (self.entry(identity), u8::try_from(number)) {
            entry.places.push((number, sequence));
        }
    }

    /// A gap marker was published.
    pub fn gap(&mut self, gap: Gap) {
        match gap {
            Gap::Event(identity) => match self.entry(&identity) {
                Some(entry) => entry.named = true,
                None => self.unknown += 1,
            },
            Gap::Versions(from, to) => self.versions.push((from, to)),
            Gap::Sequences(stream, from, to) => self.sequences.push((stream, from, to)),
        }
    }

    /// How many event versions were made.
    pub fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Whether none was made.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether every receiver has got one of the events made after the first `number`.
    pub fn reached(&self, number: u32) -> bool {
        self.receivers.iter().all(|receiver| receiver.latest.is_some_and(|latest| latest >= number))
    }

    /// The receivers that have got none of the events made after the first `number`.
    pub fn behind(&self, number: u32) -> Vec<&str> {
        let behind = self.receivers.iter().filter(|receiver| receiver.latest.is_none_or(|latest| latest < number));
        behind.map(|receiver| receiver.name.as_str()).collect()
    }

    fn entry(&mut self, identity: &str) -> Option<&mut Entry> {
        let at = *self.index.get(identity)?;
        self.entries.get_mut(at as usize)
    }
}
