//! librdkafka's producer: made when it is needed, given up when it broke, its reports awaited.
//!
//! In go records; out comes what went wrong with which. It never leaves a record behind: when an attempt is abandoned, so is the producer that had its records,
//! for they would be written after later ones. What librdkafka says goes to the log; it says nothing secret.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};
use tokio::sync::watch;

use crate::{http::one_line, sink::SendError};

/// A record to write.
pub(super) struct Record {
    pub(super) topic: String,
    pub(super) key: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) value: Bytes,
}

/// Why a record was not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// This record, or one that travelled with it, is none that can be written.
    Record(String),
    /// Its topic is not there or must not be written to.
    Topic(String),
    /// The cluster is not there.
    Outage(String),
}

/// How long the check at start may take.
const CHECK: Duration = Duration::from_secs(10);

/// The producer in use, and what it is made of.
pub(super) struct Producers {
    receiver: String,
    config: ClientConfig,
    brokers: String,
    current: Mutex<Option<Arc<Producer>>>,
}

struct Producer {
    /// Always there until this is dropped.
    inner: Option<FutureProducer<Told>>,
    news: Arc<watch::Sender<News>>,
}

/// What librdkafka said last of its connections.
#[derive(Clone, Debug, Default)]
struct News {
    reason: String,
    /// Whether the login was refused, so that waiting is in vain.
    denied: bool,
}

/// Passes on what librdkafka says.
struct Told {
    receiver: String,
    news: Arc<watch::Sender<News>>,
}

impl ClientContext for Told {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let (receiver, message) = (&self.receiver, one_line(message));
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(receiver, facility, "librdkafka: {message}");
            }
            _ => tracing::debug!(receiver, facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let denied = matches!(code, Some(Code::Authentication | Code::SaslAuthenticationFailed));
        let reason = one_line(reason);
        tracing::debug!(receiver = self.receiver, denied, "librdkafka: {reason}");
        self.news.send_modify(|news| {
            // That all brokers are down says less than what was said of one of them before.
            if code != Some(Code::AllBrokersDown) || news.reason.is_empty() {
                news.reason = reason;
            }
            news.denied |= denied;
        });
    }
}

/// Ending waits for librdkafka's threads, which may wait for the network; nobody else should.
impl Drop for Producer {
    fn drop(&mut self) {
        let inner = self.inner.take();
        // Without a thread it ends here, when the closure is dropped.
        let _ = std::thread::Builder::new().name("kafka-end".to_owned()).spawn(move || drop(inner));
    }
}

impl Producers {
    /// Remembers the settings; nothing is connected to.
    pub(super) fn new(receiver: &str, config: ClientConfig) -> Self {
        let brokers = config.get("bootstrap.servers").unwrap_or_default().to_owned();
        Self { receiver: receiver.to_owned(), config, brokers, current: Mutex::new(None) }
    }

    /// The producer in use, made now when there is none.
    fn get(&self) -> Result<Arc<Producer>, String> {
        let mut current = self.lock();
        if let Some(producer) = &*current {
            return Ok(producer.clone());
        }
        let news = Arc::new(watch::Sender::new(News::default()));
        let told = Told { receiver: self.receiver.clone(), news: news.clone() };
        let inner = self.config.create_with_context(told).map_err(|error| format!("{}: {}", self.brokers, shown(&error)))?;
        Ok(current.insert(Arc::new(Producer { inner: Some(inner), news })).clone())
    }

    /// Gives a producer up, with all records that it still has.
    fn give_up(&self, producer: &Arc<Producer>) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, producer)) {
            *current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Producer>>> {
        // A producer is whole whatever happened elsewhere.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the cluster for the topic, or for anything.
    pub(super) async fn check(&self, topic: Option<String>) -> Result<(), SendError> {
        let producer = self.get().map_err(SendError::outage)?;
        let asking = producer.clone();
        let name = topic.clone();
        let asked = tokio::task::spawn_blocking(move || match &asking.inner {
            Some(inner) => inner.client().fetch_metadata(name.as_deref(), CHECK),
            None => Err(KafkaError::Canceled),
        });
        let metadata = tokio::select! {
            asked = asked => asked.unwrap_or(Err(KafkaError::Canceled)),
            () = producer.denied() => Err(KafkaError::Global(Code::Authentication)),
        };
        let metadata = metadata.map_err(|error| SendError::outage(self.told(&producer, &shown(&error))))?;
        let missing = metadata.topics().iter().find_map(|found| found.error().map(|error| (found.name(), Code::from(error))));
        match missing {
            Some((topic, error)) => Err(SendError::outage(format!("{}: topic {topic}: {error}", self.brokers))),
            None => Ok(()),
        }
    }

    /// Writes records and waits for all their reports; returns what went wrong, by place.
    pub(super) async fn produce(&self, records: &[(usize, Record)]) -> Vec<(usize, Fault)> {
        if records.is_empty() {
            return Vec::new();
        }
        let producer = match self.get() {
            Ok(producer) => producer,
            Err(reason) => return records.iter().map(|(place, _)| (*place, Fault::Outage(reason.clone()))).collect(),
        };
        let mut attempt = Attempt { producers: self, producer: &producer, is_over: false };
        let mut faults = Vec::new();
        let mut sent = Vec::with_capacity(records.len());
        for (place, record) in records {
            match producer.send(record) {
                Ok(report) => sent.push((*place, report)),
                Err(error) => faults.push((*place, self.fault(&producer, &error))),
            }
        }
        let mut sent = sent.into_iter();
        while let Some((place, report)) = sent.next() {
            let reported = tokio::select! {
                biased;
                reported = report => reported,
                () = producer.denied() => {
                    let reason = self.told(&producer, "the login was refused");
                    faults.extend(std::iter::once(place).chain(sent.map(|(place, _)| place)).map(|place| (place, Fault::Outage(reason.clone()))));
                    return faults;
                }
            };
            match reported {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => faults.push((place, self.fault(&producer, &error))),
                Err(_) => faults.push((place, Fault::Outage(format!("{}: the producer was given up", self.brokers)))),
            }
        }
        attempt.is_over = !producer.is_broken();
        if faults.is_empty() {
            producer.news.send_modify(|news| news.reason.clear());
        }
        faults
    }

    /// What an error means.
    fn fault(&self, producer: &Producer, error: &KafkaError) -> Fault {
        let told = |what: &str| format!("{}: {what}", self.brokers);
        match error.rdkafka_error_code() {
            Some(
                code @ (Code::MessageSizeTooLarge
                | Code::MessageBatchTooLarge
                | Code::InvalidMessage
                | Code::InvalidMessageSize
                | Code::InvalidRecord
                | Code::InvalidDifferentRecord
                | Code::InvalidTimestamp
                | Code::InvalidTopic
                | Code::UnsupportedForMessageFormat
                | Code::PolicyViolation),
            ) => Fault::Record(told(&code.to_string())),
            Some(code @ (Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::TopicAuthorizationFailed)) => {
                Fault::Topic(told(&format!("{code}; create the topic, or allow this user to write to it")))
            }
            _ => Fault::Outage(self.told(producer, &shown(error))),
        }
    }

    /// What happened, with what was last said of the connections.
    fn told(&self, producer: &Producer, what: &str) -> String {
        let News { reason, .. } = &*producer.news.borrow();
        let (brokers, dash) = (&self.brokers, if reason.is_empty() { "" } else { ": " });
        format!("{brokers}: {what}{dash}{reason}")
    }
}

impl Producer {
    fn send(&self, Record { topic, key, headers, value }: &Record) -> Result<DeliveryFuture, KafkaError> {
        let own = OwnedHeaders::new_with_capacity(headers.len());
        let headers = headers.iter().fold(own, |own, (name, value)| own.insert(Header { key: name, value: Some(value.as_str()) }));
        let record = FutureRecord::to(topic).key(key.as_str()).payload(&value[..]).headers(headers);
        let inner = self.inner.as_ref().ok_or(KafkaError::Canceled)?;
        inner.send_result(record).map_err(|(error, _)| error)
    }

    /// Waits until the brokers refuse the login, perhaps for ever.
    async fn denied(&self) {
        // The sender is this producer's own, so it is there as long as somebody waits.
        let _ = self.news.subscribe().wait_for(|news| news.denied).await;
    }

    /// Whether librdkafka will do nothing more with it.
    fn is_broken(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.client().fatal_error().is_some())
    }
}

/// Records on their way; the producer is given up when they are abandoned.
struct Attempt<'a> {
    producers: &'a Producers,
    producer: &'a Arc<Producer>,
    is_over: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.producers.give_up(self.producer);
        }
    }
}

/// An error as it may be shown: settings may be secret.
fn shown(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, key, _) => format!("the setting {key} of librdkafka cannot be used"),
        KafkaError::MessageProduction(code) | KafkaError::MetadataFetch(code) | KafkaError::Global(code) => one_line(&code.to_string()),
        other => one_line(&other.to_string()),
    }
}
