//! Sinks at work in this process, on a nats-server of their own.

use std::time::Duration;

use herald_common::{
    CancellationToken,
    bus::{
        Bus, Headers, Message, Stream, header,
        inspect::{From, Stored},
    },
    config::Config,
    metrics::StageMetrics,
    stage::{self, Process, Stage as _},
};
use herald_sinks::Sinks;
use herald_testkit::{nats::NatsServer, wait};
use tokio::task::JoinHandle;

pub(crate) const BOUND: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) nats: NatsServer,
    pub(crate) process: Process,
    pub(crate) bus: Bus,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Fixture {
    /// Starts the sinks with these receivers (YAML).
    pub(crate) async fn start(receivers: &str) -> Self {
        Self::start_with(&format!("nats: {{ackWaitSeconds: 5}}\nreceivers:\n{receivers}")).await
    }

    /// Starts the sinks with a whole configuration (YAML); `nats.url` is added.
    pub(crate) async fn start_with(config: &str) -> Self {
        let mut fixture = Self::prepare(config).await;
        fixture.run().await;
        fixture
    }

    /// Starts everything but the sinks.
    pub(crate) async fn prepare(config: &str) -> Self {
        let nats = NatsServer::start().await.expect("nats-server starts");
        let mut config = Config::parse("config.yaml", config, &|_| None).unwrap_or_else(|error| panic!("{error}")).config;
        config.nats.url = Some(nats.url());
        let process = Process::bare(config).expect("metrics");
        let bus = process.context::<Sinks>(None).await.expect("connects").bus;
        Self { nats, process, bus, running: None }
    }

    pub(crate) async fn run(&mut self) {
        self.process.stop = CancellationToken::new();
        let context = self.process.context::<Sinks>(None).await.expect("connects");
        self.running = Some(tokio::spawn(stage::run(Sinks::default(), context)));
    }

    /// Ends the sinks as a kill does: nothing is finished or handed back.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }

    pub(crate) async fn stop(&mut self) {
        self.process.stop.cancel();
        if let Some(running) = self.running.take() {
            tokio::time::timeout(BOUND, running).await.expect("drains in time").expect("no panic").expect("ends well");
        }
    }

    /// Puts events into a receiver's stream, as the router does.
    pub(crate) async fn publish(&self, receiver: &str, names: &[&str]) {
        for name in names {
            self.publish_payload(receiver, name, event(name).into_bytes(), "application/json").await;
        }
    }

    pub(crate) async fn publish_payload(&self, receiver: &str, name: &str, payload: Vec<u8>, content_type: &str) {
        let identity = identity(name);
        let headers = Headers::new()
            .with(header::CONTENT_TYPE, content_type)
            .with(header::OBSERVED, "2024-01-01T00:00:00Z")
            .with(header::IDENTITY, &identity);
        let message = Message {
            stream: Stream::Out(receiver.into()),
            subject: self.bus.subjects().out(receiver),
            id: format!("{identity}/{receiver}"),
            headers,
            payload: payload.into(),
        };
        self.bus.publish(message).await.expect("published");
    }

    /// Puts `count` events into a receiver's stream and returns their names.
    pub(crate) async fn publish_many(&self, receiver: &str, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|number| format!("e-{number}.")).collect();
        for name in &names {
            self.publish(receiver, &[name]).await;
        }
        names
    }

    /// Waits until a receiver's stream is empty: everything was accepted or kept.
    pub(crate) async fn settled(&self, receiver: &str) {
        let name = self.bus.stream_name(&Stream::Out(receiver.into()));
        let empty = || async {
            let states = self.bus.stream_states().await.unwrap_or_default();
            states.iter().any(|state| state.name == name && state.messages == 0)
        };
        if let Err(error) = wait::until("the receiver's stream to be empty", BOUND, empty).await {
            let consumer = self.bus.consumer_state(&Stream::Out(receiver.into()), "sinks").await;
            let metrics = self.metrics(receiver);
            let (in_flight, retried, published) = (metrics.in_flight.get(), metrics.retried.get(), metrics.published.get());
            panic!("{error}; {in_flight} in flight, {retried} retried, {published} published; the consumer: {consumer:?}");
        }
    }

    /// A receiver's metrics.
    pub(crate) fn metrics(&self, receiver: &str) -> StageMetrics {
        self.process.metrics.receiver(Sinks::NAME, receiver)
    }

    /// A receiver's counter.
    pub(crate) fn metric(&self, name: &str, receiver: &str) -> u64 {
        let metrics = self.metrics(receiver);
        match name {
            "published" => metrics.published.get(),
            "retried" => metrics.retried.get(),
            "dead" => metrics.dead_lettered.get(),
            other => panic!("no metric {other}"),
        }
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        wait::until(what, BOUND, || std::future::ready(condition())).await.expect("in time");
    }

    /// Looks whether a receiver whose server never answers leaves the second of two events in the stream; `what` it is stands in a failure.
    pub(crate) async fn takes_one_at_a_time(&self, receiver: &str, what: &str) {
        self.publish(receiver, &["a"]).await;
        self.until("the first to be taken", || self.metrics(receiver).received.get() == 1).await;
        self.publish(receiver, &["b"]).await;
        self.until("the first to be tried again", || self.metric("retried", receiver) >= 2).await;
        assert_eq!(self.metrics(receiver).received.get(), 1, "{what}: the other waits in the stream");
    }

    /// The dead letters of a receiver.
    pub(crate) async fn dead(&self, receiver: &str) -> Vec<Stored> {
        let mut letters = Vec::new();
        self.bus
            .read_back(&Stream::Dead, vec![self.bus.subjects().dead(receiver)], From::Beginning, |letter| letters.push(letter))
            .await
            .expect("reads");
        letters
    }
}

/// Sinks that were left running would look for their nats-server for ever.
impl Drop for Fixture {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An exported event; its name tells it apart.
pub(crate) fn event(name: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","uid":"{name}","resourceVersion":"1","creationTimestamp":null,"labels":{{"a.b":"c"}}}},"reason":"R","message":"\u003c{name}\u003e","source":{{}},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"c","involvedObject":{{"kind":"Pod","deleted":false}}}}"#
    )
}

pub(crate) fn identity(name: &str) -> String {
    format!("c/{name}/1")
}
