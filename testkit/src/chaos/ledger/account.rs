//! Balancing the book.

use super::{Entry, Ledger, Receiver};

/// Events of a step, or of all steps. An event counts once, however many receivers it is owed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Made.
    pub made: u64,
    /// Delivered to every receiver.
    pub delivered: u64,
    /// Kept as a dead letter of some receiver, and delivered to the others.
    pub dead: u64,
    /// Named by a gap marker.
    pub named: u64,
    /// Missing at some receiver, and nothing says why.
    pub lost: u64,
    /// Taken for a new event more than once by a receiver that honours the idempotency key.
    pub duplicated: u64,
    /// Sent again to a receiver that had accepted it, as itself; one for each time and receiver.
    pub repeated: u64,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.made += other.made;
        self.delivered += other.delivered;
        self.dead += other.dead;
        self.named += other.named;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.repeated += other.repeated;
    }
}

/// An event that nothing accounts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its identity.
    pub identity: String,
    /// Where it is missing.
    pub receiver: String,
    /// When it was made.
    pub step: u32,
    /// The streams that held it, with the sequences.
    pub places: Vec<(String, u64)>,
}

/// The balance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// By step.
    pub steps: Vec<Tally>,
    /// What is lost, the first few.
    pub lost: Vec<Lost>,
    /// Deliveries, dead letters and markers of events that were never made.
    pub unknown: u64,
    /// Deliveries without an idempotency key to a receiver that honours it.
    pub unkeyed: u64,
    /// Deliveries with another object's metadata.
    pub mistaken: u64,
}

/// How many of the lost are listed.
const LISTED: usize = 20;

/// What became of an event at one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Delivered,
    Dead,
    Named,
    Lost,
}

impl Account {
    /// All steps together.
    pub fn total(&self) -> Tally {
        self.steps.iter().fold(Tally::default(), |mut total, tally| {
            total.add(*tally);
            total
        })
    }

    /// Whether nothing is lost, doubled, mixed up or invented.
    pub fn is_clean(&self) -> bool {
        let total = self.total();
        (total.lost, total.duplicated, self.unknown, self.unkeyed, self.mistaken) == (0, 0, 0, 0, 0)
    }
}

impl Ledger {
    /// How many events are not accounted for at some receiver, now.
    pub fn open(&self) -> u64 {
        self.entries.iter().filter(|entry| self.fates(entry).any(|fate| fate == Fate::Lost)).count() as u64
    }

    /// Balances the book: what is open now is lost.
    pub fn balance(&self) -> Account {
        let mut account = Account { unknown: self.unknown, unkeyed: self.unkeyed, mistaken: self.mistaken, ..Account::default() };
        let mut listed = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let step = entry.step as usize;
            if account.steps.len() <= step {
                account.steps.resize(step + 1, Tally::default());
            }
            let tally = &mut account.steps[step];
            tally.made += 1;
            let fates: Vec<Fate> = self.fates(entry).collect();
            let has = |fate: Fate| fates.contains(&fate);
            if has(Fate::Lost) {
                tally.lost += 1;
                if listed.len() < LISTED {
                    listed.extend(fates.iter().enumerate().filter(|(_, fate)| **fate == Fate::Lost).map(|(receiver, _)| (at, receiver)));
                }
            } else if has(Fate::Named) {
                tally.named += 1;
            } else if has(Fate::Dead) {
                tally.dead += 1;
            } else {
                tally.delivered += 1;
            }
            let keyed = |receiver: usize| self.receivers[receiver].keys.is_some();
            tally.duplicated += u64::from((0..).zip(&entry.arrivals).any(|(receiver, arrival)| keyed(receiver) && arrival.taken > 1));
            tally.repeated += entry.arrivals.iter().map(|arrival| u64::from(arrival.accepted.saturating_sub(1))).sum::<u64>();
        }
        account.lost = self.describe(&listed);
        account
    }

    fn describe(&self, listed: &[(usize, usize)]) -> Vec<Lost> {
        let describe = |&(at, receiver): &(usize, usize)| {
            let (entry, identity) = (&self.entries[at], self.index.iter().find(|(_, place)| **place as usize == at));
            let place = |(stream, sequence): &(u8, u64)| (self.streams[usize::from(*stream)].clone(), *sequence);
            Lost {
                identity: identity.map(|(identity, _)| identity.to_string()).unwrap_or_default(),
                receiver: self.receivers[receiver].name.clone(),
                step: entry.step,
                places: entry.places.iter().map(place).collect(),
            }
        };
        listed.iter().take(LISTED).map(describe).collect()
    }

    fn fates<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = Fate> + 'a {
        self.receivers.iter().zip(&entry.arrivals).map(move |(receiver, arrival)| {
            if arrival.accepted > 0 {
                Fate::Delivered
            } else if arrival.dead {
                Fate::Dead
            } else if entry.named || self.is_passed_over(entry) || self.is_dropped(entry, receiver) {
                Fate::Named
            } else {
                Fate::Lost
            }
        })
    }

    /// Whether a marker of the watcher covers it: a version that was replaced before a list could show it, and never reached NATS.
    fn is_passed_over(&self, entry: &Entry) -> bool {
        let between = |&(from, to): &(u64, u64)| from < entry.version && entry.version <= to;
        entry.replaced && entry.places.is_empty() && self.versions.iter().any(between)
    }

    /// Whether a marker says that a stream dropped it on its way to the receiver.
    fn is_dropped(&self, entry: &Entry, receiver: &Receiver) -> bool {
        entry.places.iter().any(|(number, sequence)| {
            let stream = &self.streams[usize::from(*number)];
            let concerns = !self.receivers.iter().any(|other| other.name != receiver.name && other.stream == *stream);
            concerns && self.sequences.iter().any(|(dropped, from, to)| dropped == stream && (from..=to).contains(&sequence))
        })
    }
}
