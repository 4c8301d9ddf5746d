//! A watcher between a simulated API server and a real nats-server.

use std::time::Duration;

use herald_common::{
    CancellationToken,
    bus::{
        Bucket, BucketSpec, Bus, Headers, Message, Stream, header,
        inspect::{From, Stored},
    },
    config::Config,
    gap::Gap,
    stage::{self, Process},
};
use herald_testkit::{apiserver::ApiServer, nats::NatsServer, wait};
use herald_watcher::Watcher;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How long anything awaited may take.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) struct Fixture {
    pub(crate) nats: NatsServer,
    pub(crate) api: ApiServer,
    pub(crate) bus: Bus,
    pub(crate) period: Duration,
    pub(crate) process: Process,
    watchers: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Fixture {
    /// Servers without a watcher.
    pub(crate) async fn idle(config: &str) -> Self {
        let nats = NatsServer::start().await.expect("nats-server starts");
        let api = ApiServer::start().await.expect("the API server starts");
        let process = process(config, &nats.url());
        let bus = process.context::<Watcher>(None).await.expect("connects").bus;
        Self { nats, api, bus, period: Duration::from_secs(290), process, watchers: Vec::new() }
    }

    /// Servers and a watcher that has begun to watch.
    pub(crate) async fn watching() -> Self {
        let mut fixture = Self::idle("clusterName: c").await;
        fixture.run().await;
        fixture.opened(1).await;
        fixture
    }

    /// Starts a watcher, beside those that run.
    pub(crate) async fn run(&mut self) {
        if self.watchers.is_empty() {
            self.process.stop = CancellationToken::new();
        }
        let context = self.process.context::<Watcher>(Some(self.api.kubeconfig().expect("a kubeconfig"))).await.expect("connects");
        self.watchers.push(tokio::spawn(stage::run(Watcher::with_watch_period(self.period), context)));
    }

    /// Lets the watchers drain and end.
    pub(crate) async fn stop(&mut self) {
        self.process.stop.cancel();
        for watcher in self.watchers.drain(..) {
            tokio::time::timeout(BOUND, watcher).await.expect("ends in time").expect("no panic").expect("ends well");
        }
    }

    /// Ends the watchers at once, as SIGKILL does.
    pub(crate) async fn kill(&mut self) {
        for watcher in self.watchers.drain(..) {
            watcher.abort();
            assert!(watcher.await.is_err_and(|error| error.is_cancelled()));
        }
    }

    /// Waits until as many watches are open.
    pub(crate) async fn opened(&self, number: usize) {
        let open = || async { self.api.open_watches("events") == number };
        wait::until("the watches to be open", BOUND, open).await.expect("opens");
    }

    /// Creates or updates an event.
    pub(crate) fn put(&self, name: &str, count: u32) -> Value {
        self.put_in("shop", name, count)
    }

    pub(crate) fn put_in(&self, namespace: &str, name: &str, count: u32) -> Value {
        self.api.put(event(namespace, name, count, &now())).expect("stored")
    }

    /// Everything `HERALD_RAW` holds.
    pub(crate) async fn raw(&self) -> Vec<Stored> {
        let mut all = Vec::new();
        let filter = vec![self.bus.subjects().all("raw")];
        self.bus.read_back(&Stream::Raw, filter, From::Beginning, |stored| all.push(stored)).await.expect("reads");
        all
    }

    /// `name/count change` of everything in `HERALD_RAW`, sorted.
    pub(crate) async fn published(&self) -> Vec<String> {
        let mut all: Vec<String> = self.raw().await.iter().map(describe).collect();
        all.sort();
        all
    }

    /// Waits until `HERALD_RAW` holds as many messages.
    pub(crate) async fn holds(&self, number: usize) {
        let full = || async { self.raw().await.len() >= number };
        wait::until("the messages to be published", BOUND, full).await.expect("published");
        assert_eq!(self.raw().await.len(), number, "{:?}", self.published().await);
    }

    /// The gap markers.
    pub(crate) async fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let filter = vec![self.bus.subjects().gap("c")];
        let each = |stored: Stored| gaps.push(serde_json::from_slice(&stored.payload).expect("a gap marker"));
        self.bus.read_back(&Stream::Gap, filter, From::Beginning, each).await.expect("reads");
        gaps
    }

    pub(crate) async fn bucket(&self) -> Bucket {
        let spec = BucketSpec { name: "CHECKPOINT", max_age: Duration::ZERO, max_bytes: -1, in_memory: false };
        self.bus.bucket(&spec).await.expect("opens")
    }

    /// The checkpoint, `Null` when there is none.
    pub(crate) async fn checkpoint(&self) -> Value {
        let entry = self.bucket().await.get("c/_all").await.expect("reads");
        entry.map_or(Value::Null, |entry| serde_json::from_slice(&entry.value).expect("JSON"))
    }

    pub(crate) async fn set_checkpoint(&self, checkpoint: &Value) {
        self.bucket().await.put("c/_all", checkpoint.to_string().into()).await.expect("writes");
    }

    /// Waits until the checkpoint has the version of the last change.
    pub(crate) async fn checkpointed(&self) {
        let current = self.api.revision().to_string();
        let saved = || async { self.checkpoint().await["resourceVersion"] == current.as_str() };
        wait::until("the checkpoint to follow", BOUND, saved).await.expect("saved");
    }

    /// Waits until JetStream forgets message ids, so that it cannot hide what is published twice; needs a short `duplicateWindowSeconds`.
    pub(crate) async fn forget_ids(&self) {
        let subject = self.bus.subjects().raw("other", "n", "K", "R");
        let message = Message { stream: Stream::Raw, subject, id: "probe".to_owned(), headers: Headers::new(), payload: "{}".into() };
        self.bus.publish(message.clone()).await.expect("published");
        let forgotten = || async { !self.bus.publish(message.clone()).await.expect("published").duplicate };
        wait::until("the duplicate window to pass", BOUND, forgotten).await.expect("passes");
    }
}

pub(crate) fn process(config: &str, nats: &str) -> Process {
    let mut config = Config::parse("config.yaml", config, &|_| None).expect("the configuration loads").config;
    config.nats.url = Some(nats.to_owned());
    Process::bare(config).expect("metrics")
}

pub(crate) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

pub(crate) fn event(namespace: &str, name: &str, count: u32, last: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": namespace, "name": name},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "web", "uid": "p"},
        "reason": "R", "message": "m", "type": "Normal", "count": count, "lastTimestamp": last,
    })
}

/// `name/count change`
pub(crate) fn describe(stored: &Stored) -> String {
    let event = herald_common::event::decode_raw(&stored.payload, stored.headers.get(header::CONTENT_TYPE)).expect("an event");
    format!("{}/{} {}", event.metadata.name, event.count, stored.headers.get(header::CHANGE).unwrap_or_default())
}
