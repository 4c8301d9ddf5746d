//! `kafka`: a record for each event, written with librdkafka (rdkafka).
//!
//! The producer is idempotent and waits for all in-sync replicas, so what it repeats is stored once and in order. The key is the event's UID, so that all
//! versions of an event are in one partition. A batch is handed to librdkafka as a whole and accepted when every record's delivery report is there. A record that is
//! too large or no record the topic takes is permanent. With a templated topic, one that is not there or must not be written to is a refusal of that event;
//! with a fixed topic it is an outage, like everything else.

mod avro;
mod keys;
mod producer;

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{bus::header, config::Encoding};

use self::{
    avro::Avro,
    producer::{Fault, Producers, Record},
};
use crate::{
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, Text},
    sink::{Item, Refusal, SendError, Sink},
};

pub use self::keys::Config;

/// One batch at a time keeps the order of an event's versions; the batch is what makes it fast.
const DEFAULTS: Defaults =
    Defaults { batch: 1_000, max_batch: 10_000, max_bytes: 16 << 20, concurrency: 1, timeout: Duration::from_secs(30), summarises: false };
/// What a topic's name may be made of, and its length.
const TOPIC: (&str, usize) = ("letters, digits, '.', '_' and '-'", 249);

/// What becomes of an event.
struct Kafka {
    topic: Text,
    /// Nothing for the event's UID.
    key: Text,
    headers: Vec<(String, Text)>,
    avro: Option<Avro>,
    producers: Producers,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    let body = Body::new(keys, false);
    let parts = config.parts(keys, !body.is_whole_event(), DEFAULTS.timeout);
    let (topic, key, headers, avro, client) = parts?;
    let producers = Producers::new(&keys.receiver.name.value, client);
    let sink = Kafka { topic, key, headers, avro, producers };
    Some(Built { sink: Box::new(sink), defaults: DEFAULTS, body })
}

/// Whether Kafka could have a topic of this name.
fn is_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=TOPIC.1).contains(&name.len()) && name.bytes().all(legal) && name != "." && name != ".."
}

impl Sink for Kafka {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        let topic = match &self.topic {
            Text::Fixed(topic) => Some(topic.clone()),
            Text::Template(..) => None,
        };
        Box::pin(self.producers.check(topic))
    }

    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        self.value(item)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let mut records = Vec::with_capacity(batch.len());
            let mut outcome = Outcome::default();
            for (place, item) in batch.iter().enumerate() {
                match self.record(item) {
                    Ok(record) => records.push((place, record)),
                    Err(refusal) => outcome.refusals.push((place, refusal)),
                }
            }
            let suspects = outcome.take(self.producers.produce(&records).await, self.topic.is_fixed());
            // A record that is refused spoils those that travel in one request with it: which it is shows when each travels alone.
            for (place, record) in records {
                if suspects.contains(&place) {
                    let faults = self.producers.produce(&[(place, record)]).await;
                    outcome.take_alone(faults, self.topic.is_fixed());
                }
            }
            outcome.result(batch.len())
        })
    }
}

impl Kafka {
    fn record(&self, item: &Item) -> Result<Record, Refusal> {
        let topic = self.topic.of(item)?;
        if !is_topic(&topic) {
            return Err(Refusal::permanent(format!("found {topic:?} as topic, expected at most {} {}", TOPIC.1, TOPIC.0)));
        }
        let event = &item.enriched()?.event;
        let key = if self.key.is_empty() { event.metadata.uid.clone() } else { self.key.of(item)? };
        let content_type = if self.avro.is_some() { avro::CONTENT_TYPE } else { Encoding::Json.content_type() };
        let own = [(header::CONTENT_TYPE, content_type), (header::IDENTITY, &item.identity), (TYPE, &event.type_)];
        let is_own = |name: &str| !self.headers.iter().any(|(configured, _)| configured == name);
        let mut headers: Vec<(String, String)> =
            own.into_iter().filter(|(name, _)| is_own(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for (name, text) in &self.headers {
            headers.push((name.clone(), text.of(item)?));
        }
        Ok(Record { topic, key, headers, value: self.value(item)? })
    }

    /// The record's value: the body, or Avro of the event.
    fn value(&self, item: &Item) -> Result<Bytes, Refusal> {
        match &self.avro {
            Some(avro) => avro.encode(&item.body).map(Bytes::from).map_err(Refusal::permanent),
            None => Ok(item.body.clone()),
        }
    }
}

/// The header that holds the event's type, `Normal` or `Warning`.
const TYPE: &str = "Herald-Type";

/// What became of a batch.
#[derive(Default)]
struct Outcome {
    refusals: Vec<(usize, Refusal)>,
    /// Those an outage left.
    left: Vec<usize>,
    outage: String,
}

impl Outcome {
    /// Sorts what went wrong; returns the places of those that are to be tried alone.
    fn take(&mut self, faults: Vec<(usize, Fault)>, fixed_topic: bool) -> HashSet<usize> {
        let mut suspects = HashSet::new();
        for (place, fault) in faults {
            match fault {
                Fault::Record(_) => drop(suspects.insert(place)),
                other => self.count(place, other, fixed_topic),
            }
        }
        suspects
    }

    /// Sorts what went wrong with records that travelled alone.
    fn take_alone(&mut self, faults: Vec<(usize, Fault)>, fixed_topic: bool) {
        for (place, fault) in faults {
            self.count(place, fault, fixed_topic);
        }
    }

    fn count(&mut self, place: usize, fault: Fault, fixed_topic: bool) {
        match fault {
            Fault::Record(reason) => self.refusals.push((place, Refusal::permanent(reason))),
            Fault::Topic(reason) if !fixed_topic => self.refusals.push((place, Refusal { reason, permanent: false })),
            Fault::Topic(reason) | Fault::Outage(reason) => {
                self.left.push(place);
                self.outage = reason;
            }
        }
    }

    fn result(self, of: usize) -> Result<(), SendError> {
        let Self { refusals, mut left, outage } = self;
        if left.is_empty() {
            return if refusals.is_empty() { Ok(()) } else { Err(SendError::Partial(refusals)) };
        }
        // Those refused are refused again when their turn comes.
        left.extend(refusals.iter().map(|(place, _)| *place));
        if left.len() == of { Err(SendError::outage(outage)) } else { Err(SendError::Interrupted { left, reason: outage }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(faults: Vec<(usize, Fault)>, fixed_topic: bool) -> Result<(), SendError> {
        let mut outcome = Outcome::default();
        outcome.take_alone(faults, fixed_topic);
        outcome.result(3)
    }

    fn record() -> Fault {
        Fault::Record("too large".to_owned())
    }

    fn topic() -> Fault {
        Fault::Topic("no such topic".to_owned())
    }

    fn outage() -> Fault {
        Fault::Outage("timed out".to_owned())
    }

    #[test]
    fn what_went_wrong_is_told_apart() {
        let too_large = || Refusal::permanent("too large".to_owned());
        let no_topic = Refusal { reason: "no such topic".to_owned(), permanent: false };
        assert_eq!(outcome(vec![], true), Ok(()));
        assert_eq!(outcome(vec![(1, record())], true), Err(SendError::Partial(vec![(1, too_large())])));
        assert_eq!(outcome(vec![(0, topic()), (1, record())], false), Err(SendError::Partial(vec![(0, no_topic), (1, too_large())])));
        assert_eq!(outcome(vec![(0, topic()), (1, topic()), (2, topic())], true), Err(SendError::outage("no such topic".to_owned())));
        let interrupted = SendError::Interrupted { left: vec![2, 0], reason: "timed out".to_owned() };
        assert_eq!(outcome(vec![(0, record()), (2, outage())], true), Err(interrupted), "one was accepted and is not sent again");
    }

    #[test]
    fn names_of_topics_are_kafkas() {
        for name in ["events", "k8s.Events_1-x", &"a".repeat(249)] {
            assert!(is_topic(name), "{name}");
        }
        for name in ["", ".", "..", "a b", "ü", "a/b", &"a".repeat(250)] {
            assert!(!is_topic(name), "{name}");
        }
    }
}
