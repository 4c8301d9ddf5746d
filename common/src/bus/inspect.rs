//! Reading without consuming: states of streams and consumers, and messages of a stream in order, for `herald status`, `tail`, `replay` and start-up checks.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, ReplayPolicy, pull},
    context::ConsumerInfoErrorKind,
    stream::{DiscardPolicy, RawMessageErrorKind, RetentionPolicy},
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{Bus, Headers, Stream, stream::is_not_found};

/// A message so close to its stream's age limit is of age: states are read some seconds apart.
const SOON: Duration = Duration::from_secs(30);

/// A consumer's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumerState {
    /// Messages not handed out yet.
    pub pending: u64,
    /// Messages handed out and not acknowledged.
    pub ack_pending: u64,
    /// The highest stream sequence handed out.
    pub delivered: u64,
    /// The highest stream sequence below which everything is acknowledged.
    pub ack_floor: u64,
    /// The first sequence its stream still holds.
    pub first_sequence: u64,
    /// Whether its stream keeps messages that are acknowledged.
    pub keeps_acknowledged: bool,
    /// Whether what its stream dropped last was dropped by the server: by age, or by size when new messages are not refused instead.
    pub dropped_by_server: bool,
}

/// A stream and its consumers, as `herald status` shows them.
#[derive(Clone, Debug)]
pub struct StreamState {
    /// Its name.
    pub name: String,
    /// Its subjects.
    pub subjects: Vec<String>,
    /// Messages held.
    pub messages: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Most bytes it may hold, -1 for no limit.
    pub max_bytes: i64,
    /// First sequence held.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// When the oldest message was taken; `None` when it holds none.
    pub oldest: Option<Timestamp>,
    /// Copies.
    pub replicas: usize,
    /// Its durable consumers with their states.
    pub consumers: Vec<(String, ConsumerState)>,
}

/// A message read without consuming it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its payload.
    pub payload: bytes::Bytes,
    /// Its sequence.
    pub sequence: u64,
    /// When the stream took it.
    pub published: Timestamp,
    /// Messages that match and come after it at the time it was read; 0 for the last.
    pub remaining: u64,
}

/// Where reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the oldest message held.
    Beginning,
    /// With what is published from now on.
    Now,
    /// With the first message taken at or after a time.
    Time(Timestamp),
    /// With a sequence.
    Sequence(u64),
}

/// Messages of a stream in order.
pub struct Reader {
    messages: futures_util::stream::BoxStream<'static, anyhow::Result<jetstream::Message>>,
}

impl Reader {
    /// Waits for the next message.
    ///
    /// # Errors
    /// When the connection or the stream is gone for good.
    pub async fn next(&mut self) -> anyhow::Result<Option<Stored>> {
        while let Some(message) = self.messages.next().await {
            let message = message?;
            let Ok(info) = message.info() else { continue };
            let (sequence, remaining) = (info.stream_sequence, info.pending);
            let published = timestamp(info.published);
            let message = message.message;
            return Ok(Some(Stored {
                subject: message.subject.to_string(),
                headers: message.headers.map(Headers::from).unwrap_or_default(),
                payload: message.payload,
                sequence,
                published,
                remaining,
            }));
        }
        Ok(None)
    }
}

impl Bus {
    /// Reads a consumer's state; `None` when the stream or the consumer is not there.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn consumer_state(&self, stream: &Stream, durable: &str) -> anyhow::Result<Option<ConsumerState>> {
        let stream = match self.jetstream().get_stream(self.stream_name(stream)).await {
            Ok(stream) => stream,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match stream.consumer_info(durable).await {
            Ok(info) => Ok(Some(consumer_state(&info, stream.cached_info()))),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the state of every stream below the prefix with its durable consumers, by name.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn stream_states(&self) -> anyhow::Result<Vec<StreamState>> {
        let own = self.subjects().name("");
        let mut states = Vec::new();
        let mut streams = self.jetstream().streams();
        while let Some(info) = streams.try_next().await.context("cannot list the streams")? {
            if !info.config.name.starts_with(&own) {
                continue;
            }
            let stream = self.jetstream().get_stream(&info.config.name).await?;
            let mut consumers: Vec<_> = stream
                .consumers()
                .map_ok(|consumer| (consumer.config.durable_name.clone(), consumer_state(&consumer, &info)))
                .try_filter_map(|(durable, state)| std::future::ready(Ok(durable.map(|durable| (durable, state)))))
                .try_collect()
                .await
                .with_context(|| format!("cannot list the consumers of {}", info.config.name))?;
            consumers.sort_by(|a, b| a.0.cmp(&b.0));
            states.push(StreamState {
                name: info.config.name.clone(),
                subjects: info.config.subjects.clone(),
                messages: info.state.messages,
                bytes: info.state.bytes,
                max_bytes: info.config.max_bytes,
                first_sequence: info.state.first_sequence,
                last_sequence: info.state.last_sequence,
                oldest: (info.state.messages > 0).then(|| timestamp(info.state.first_timestamp)),
                replicas: info.config.num_replicas,
                consumers,
            });
        }
        states.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(states)
    }

    /// Counts the messages a stream holds by subject.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn subject_counts(&self, stream: &Stream) -> anyhow::Result<BTreeMap<String, u64>> {
        let handle = match self.jetstream().get_stream(self.stream_name(stream)).await {
            Ok(handle) => handle,
            Err(error) if is_not_found(&error) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let mut counts = BTreeMap::new();
        let mut subjects = handle.info_with_subjects(">").await?;
        while let Some((subject, count)) = subjects.try_next().await? {
            counts.insert(subject, count as u64);
        }
        Ok(counts)
    }

    /// Reads one message of a stream; `None` when the stream does not hold it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn stored(&self, stream: &Stream, sequence: u64) -> anyhow::Result<Option<Stored>> {
        let handle = self.jetstream().get_stream(self.stream_name(stream)).await?;
        match handle.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(Stored {
                subject: message.subject.to_string(),
                headers: Headers::from(message.headers),
                payload: message.payload,
                sequence,
                published: timestamp(message.time),
                remaining: 0,
            })),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes one message from a stream.
    ///
    /// # Errors
    /// When the server does not answer or the message is not there.
    pub async fn remove(&self, stream: &Stream, sequence: u64) -> anyhow::Result<()> {
        let handle = self.jetstream().get_stream(self.stream_name(stream)).await?;
        handle.delete_message(sequence).await?;
        Ok(())
    }

    /// Reads a stream's messages in order without consuming them; goes on with what is published later.
    ///
    /// # Errors
    /// When the stream cannot be had.
    pub async fn read(&self, stream: &Stream, filters: Vec<String>, from: From) -> anyhow::Result<Reader> {
        self.ensure_stream(stream).await?;
        let deliver_policy = deliver_policy(from)?;
        let config = pull::OrderedConfig {
            name: Some(passing_name()),
            deliver_policy,
            filter_subjects: filters,
            replay_policy: ReplayPolicy::Instant,
            ..pull::OrderedConfig::default()
        };
        let handle = self.jetstream().get_stream(self.stream_name(stream)).await?;
        let consumer = handle.create_consumer(config).await?;
        let messages = consumer.messages().await?.map_err(anyhow::Error::from).boxed();
        Ok(Reader { messages })
    }

    /// Reads what a stream holds from `from` on, and ends with the last message there now.
    ///
    /// # Errors
    /// When the stream cannot be had, or nothing arrives for ten seconds.
    pub async fn read_back(&self, stream: &Stream, filters: Vec<String>, from: From, mut each: impl FnMut(Stored)) -> anyhow::Result<u64> {
        self.ensure_stream(stream).await?;
        let name = self.stream_name(stream);
        let last = self.jetstream().get_stream(&name).await?.cached_info().state.last_sequence;
        let started_after_end = matches!(from, From::Sequence(sequence) if sequence > last);
        if last == 0 || started_after_end || !self.holds(&name, &filters, from).await? {
            return Ok(0);
        }
        let mut reader = self.read(stream, filters, from).await?;
        let mut count = 0;
        loop {
            let stored =
                tokio::time::timeout(Duration::from_secs(10), reader.next()).await.with_context(|| format!("reading {name} stalled"))??;
            let Some(stored) = stored else { break };
            let finished = stored.remaining == 0 || stored.sequence >= last;
            each(stored);
            count += 1;
            if finished {
                break;
            }
        }
        Ok(count)
    }

    /// Tells whether a stream holds any message of these subjects from `from` on.
    async fn holds(&self, name: &str, filters: &[String], from: From) -> anyhow::Result<bool> {
        if from == From::Now {
            return Ok(false);
        }
        let deliver_policy = deliver_policy(from)?;
        let config = pull::Config {
            name: Some(passing_name()),
            deliver_policy,
            filter_subjects: filters.to_vec(),
            ack_policy: jetstream::consumer::AckPolicy::None,
            inactive_threshold: Duration::from_secs(5),
            ..pull::Config::default()
        };
        let consumer = self.jetstream().create_consumer_on_stream(config, name).await?;
        Ok(consumer.cached_info().num_pending > 0)
    }
}

/// A name for a consumer that passes. Without one, NATS would not see from the subject which consumer is asked for, and permissions could not tell either.
fn passing_name() -> String {
    format!("herald-{:016x}", rand::random::<u64>())
}

/// Where a consumer begins.
fn deliver_policy(from: From) -> anyhow::Result<DeliverPolicy> {
    Ok(match from {
        From::Beginning => DeliverPolicy::All,
        From::Now => DeliverPolicy::New,
        From::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
        From::Time(time) => DeliverPolicy::ByStartTime {
            start_time: async_nats::datetime::from_nanos(time.as_nanosecond()).map_err(|error| anyhow::anyhow!("{error}"))?,
        },
    })
}

fn consumer_state(info: &jetstream::consumer::Info, of: &jetstream::stream::Info) -> ConsumerState {
    let (config, state) = (&of.config, &of.state);
    let age = Timestamp::now().duration_since(timestamp(state.first_timestamp));
    // An empty stream tells no age; of one that holds something the oldest is about to go when the limit drops.
    let is_of_age = state.messages == 0 || Duration::try_from(age).unwrap_or_default() + SOON >= config.max_age;
    ConsumerState {
        pending: info.num_pending,
        ack_pending: info.num_ack_pending as u64,
        delivered: info.delivered.stream_sequence,
        ack_floor: info.ack_floor.stream_sequence,
        first_sequence: state.first_sequence,
        keeps_acknowledged: config.retention == RetentionPolicy::Limits,
        dropped_by_server: config.discard == DiscardPolicy::Old || (!config.max_age.is_zero() && is_of_age),
    }
}

/// The time as the rest of Herald has it; one that cannot be told is the epoch.
pub(super) fn timestamp(time: async_nats::datetime::DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or(Timestamp::UNIX_EPOCH)
}
