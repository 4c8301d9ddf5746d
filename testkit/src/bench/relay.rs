//! One hop of the bare relay: what NATS alone allows, on the same server, with the same messages, over as many streams as Herald has.
//!
//! ```text
//! source ─▶ BENCH_1 ─▶ relay ─▶ BENCH_2 ─▶ relay ─▶ BENCH_3 ─▶ drain
//! ```
//!
//! A hop pulls, publishes with a message id, acknowledges once it has the PubAck, and does nothing else: no decoding, no lookups, no metrics, no repeating of
//! what fails, one inbox for all PubAcks. Its messages have subjects, headers and payloads of the pipeline's own, read from the stream it stands for. Streams
//! and consumers are configured as Herald's are.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Context as _, Result, bail};
use async_nats::{
    Client, ConnectOptions, HeaderMap, Subscriber,
    jetstream::{self, AckKind, consumer::pull, stream},
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;

use super::helper::{self, now_micros};

/// PubAcks awaited at a time.
const WINDOW: usize = 1_024;
/// Messages asked for at a time; asked for again when half of them came.
const PULL: usize = 2_048;
/// Different messages that are sent in turn.
const SAMPLES: u64 = 64;
const MESSAGE_ID: &str = "Nats-Msg-Id";

/// One hop.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The NATS server.
    pub nats: String,
    /// The stream messages are pulled from; none for the source.
    pub take: Option<String>,
    /// The stream messages are published to; none for the drain.
    pub give: Option<String>,
    /// The stream whose messages those published are like.
    pub like: Option<String>,
    /// A header that repeats the message's id, as the router adds one.
    pub header: Option<String>,
    /// How many messages.
    pub count: u64,
}

/// A message of the pipeline.
struct Sample {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

/// The streams of the relay, as Herald's are: two kept by limits and a work queue.
pub(super) async fn create_streams(nats: &str, names: &[&str; 3]) -> Result<()> {
    let jetstream = jetstream::new(async_nats::connect(nats).await?);
    for (at, name) in names.iter().enumerate() {
        // It is not there in the first run.
        let _ = jetstream.delete_stream(name).await;
        let retention = if at == 2 { stream::RetentionPolicy::WorkQueue } else { stream::RetentionPolicy::Limits };
        let config = stream::Config {
            name: (*name).to_owned(),
            subjects: vec![format!("{name}.>")],
            retention,
            max_age: Duration::from_secs(7_200),
            duplicate_window: Duration::from_secs(120),
            allow_direct: true,
            ..stream::Config::default()
        };
        jetstream.create_stream(config).await?;
        let consumer =
            pull::Config { durable_name: Some("bench".to_owned()), max_ack_pending: 16_384, max_deliver: -1, ..pull::Config::default() };
        jetstream.create_consumer_on_stream(consumer, *name).await?;
    }
    Ok(())
}

/// Removes the streams.
pub(super) async fn delete_streams(nats: &str, names: &[&str; 3]) -> Result<()> {
    let jetstream = jetstream::new(async_nats::connect(nats).await?);
    for name in names {
        jetstream.delete_stream(name).await?;
    }
    Ok(())
}

impl Hop {
    /// Does its work, says `began` and `ended` with the time, and stays until it is killed, so that its cost can be read.
    pub async fn run(self) -> Result<()> {
        let options = ConnectOptions::new().client_capacity(16_384).skip_subject_validation(true);
        let client = options.connect(&self.nats).await?;
        let mut incoming = match &self.take {
            Some(stream) => Some(Incoming::open(&client, stream).await?),
            None => None,
        };
        let mut outgoing = match (&self.give, &self.like) {
            (Some(stream), Some(like)) => Some(Outgoing::open(&client, stream, samples(&client, like).await?, self.header).await?),
            _ => None,
        };
        helper::say("began", now_micros())?;
        match (&mut incoming, &mut outgoing) {
            (None, Some(outgoing)) => source(outgoing, self.count).await?,
            (Some(incoming), None) => drain(incoming, self.count).await?,
            (Some(incoming), Some(outgoing)) => relay(incoming, outgoing, self.count).await?,
            (None, None) => bail!("a hop takes, or gives what is like something"),
        }
        client.flush().await?;
        helper::say("ended", now_micros())?;
        std::future::pending().await
    }
}

async fn source(outgoing: &mut Outgoing, count: u64) -> Result<()> {
    let run: u32 = rand::random();
    for number in 0..count {
        if outgoing.awaited.len() >= WINDOW {
            outgoing.acknowledged().await?;
        }
        // As long as an identity of Herald's: cluster, UID, version.
        let id = format!("bench/{run:08x}-0000-4000-8000-{number:012x}/{number}");
        outgoing.publish(&id, None).await?;
    }
    while !outgoing.awaited.is_empty() {
        outgoing.acknowledged().await?;
    }
    Ok(())
}

async fn relay(incoming: &mut Incoming, outgoing: &mut Outgoing, count: u64) -> Result<()> {
    let mut done = 0;
    while done < count {
        tokio::select! {
            biased;
            upstream = outgoing.acknowledged(), if !outgoing.awaited.is_empty() => {
                if let Some(upstream) = upstream? {
                    incoming.acknowledge(upstream).await?;
                }
                done += 1;
            }
            message = incoming.next(), if outgoing.awaited.len() < WINDOW => {
                let message = message?;
                let id = message.headers.as_ref().and_then(|headers| headers.get(MESSAGE_ID)).context("a message without an id")?;
                outgoing.publish(id.as_str(), message.reply).await?;
            }
        }
    }
    Ok(())
}

async fn drain(incoming: &mut Incoming, count: u64) -> Result<()> {
    for _ in 0..count {
        let message = incoming.next().await?;
        incoming.acknowledge(message.reply.context("a message that cannot be acknowledged")?).await?;
    }
    Ok(())
}

/// The pulling end.
struct Incoming {
    client: Client,
    request: String,
    inbox: String,
    messages: Subscriber,
    /// Messages asked for that have not come.
    open: usize,
}

impl Incoming {
    async fn open(client: &Client, stream: &str) -> Result<Self> {
        let inbox = client.new_inbox();
        let messages = client.subscribe(inbox.clone()).await?;
        let request = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.bench");
        let mut incoming = Self { client: client.clone(), request, inbox, messages, open: 0 };
        incoming.ask(PULL).await?;
        Ok(incoming)
    }

    async fn ask(&mut self, batch: usize) -> Result<()> {
        let body = json!({"batch": batch, "expires": Duration::from_secs(600).as_nanos() as u64}).to_string();
        self.client.publish_with_reply(self.request.clone(), self.inbox.clone(), body.into()).await?;
        self.open += batch;
        Ok(())
    }

    /// Cancelling it loses nothing.
    async fn next(&mut self) -> Result<async_nats::Message> {
        loop {
            if self.open <= PULL / 2 {
                self.ask(PULL / 2).await?;
            }
            let message = self.messages.next().await.context("the subscription ended")?;
            if message.reply.is_some() {
                self.open -= 1;
                return Ok(message);
            }
        }
    }

    async fn acknowledge(&self, reply: async_nats::Subject) -> Result<()> {
        Ok(self.client.publish(reply, AckKind::Ack.into()).await?)
    }
}

/// The publishing end.
struct Outgoing {
    client: Client,
    stream: String,
    samples: Vec<Sample>,
    header: Option<String>,
    sent: usize,
    inbox: String,
    acks: Subscriber,
    /// What is to be acknowledged upstream with each PubAck; the server answers in order.
    awaited: VecDeque<Option<async_nats::Subject>>,
}

impl Outgoing {
    async fn open(client: &Client, stream: &str, samples: Vec<Sample>, header: Option<String>) -> Result<Self> {
        let inbox = client.new_inbox();
        let acks = client.subscribe(inbox.clone()).await?;
        Ok(Self { client: client.clone(), stream: stream.to_owned(), samples, header, sent: 0, inbox, acks, awaited: VecDeque::new() })
    }

    async fn publish(&mut self, id: &str, upstream: Option<async_nats::Subject>) -> Result<()> {
        let sample = &self.samples[self.sent % self.samples.len()];
        self.sent += 1;
        let mut headers = sample.headers.clone();
        headers.insert(MESSAGE_ID, id);
        if let Some(name) = &self.header {
            headers.insert(name.as_str(), id);
        }
        let subject = format!("{}.{}", self.stream, sample.subject);
        self.client.publish_with_reply_and_headers(subject, self.inbox.clone(), headers, sample.payload.clone()).await?;
        self.awaited.push_back(upstream);
        Ok(())
    }

    /// Waits for the next PubAck and returns what is to be acknowledged upstream. Cancelling it loses nothing.
    async fn acknowledged(&mut self) -> Result<Option<async_nats::Subject>> {
        let ack = self.acks.next().await.context("the subscription ended")?;
        if !ack.payload.starts_with(b"{\"stream\"") {
            bail!("the relay's message was not taken: {}", String::from_utf8_lossy(&ack.payload));
        }
        Ok(self.awaited.pop_front().flatten())
    }
}

/// The first messages of a stream.
async fn samples(client: &Client, name: &str) -> Result<Vec<Sample>> {
    let stream = jetstream::new(client.clone()).get_stream(name).await?;
    let first = stream.cached_info().state.first_sequence;
    let mut samples = Vec::new();
    for sequence in first..first + SAMPLES {
        let Ok(message) = stream.get_raw_message(sequence).await else { break };
        samples.push(Sample { subject: message.subject.to_string(), headers: message.headers, payload: message.payload });
    }
    if samples.is_empty() {
        bail!("stream {name} holds nothing to be like");
    }
    Ok(samples)
}
