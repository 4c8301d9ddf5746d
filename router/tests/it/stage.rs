//! The stage on a real nats-server.

use std::time::Duration;

use herald_common::{
    CancellationToken,
    bus::{Bus, Headers, Message, Stream, header, inspect::From},
    config::Config,
    stage::{self, Process},
};
use herald_router::{DURABLE, Router};
use herald_testkit::{nats::NatsServer, skip_unless, tools::Tool, wait};
use tokio::task::JoinHandle;

const BOUND: Duration = Duration::from_secs(20);

const CONFIG: &str = r#"
route:
  routes:
    - drop: [{namespace: kube-system, type: Normal}]
      match: [{receiver: archive}, {receiver: archive}]
    - match: [{type: Warning, receiver: chat}]
receivers:
  - {name: archive, stdout: {}}
  - {name: chat, updates: false, stdout: {}}
"#;

/// A router at work on a nats-server of its own.
struct Fixture {
    _nats: NatsServer,
    process: Process,
    bus: Bus,
    router: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Fixture {
    async fn start() -> Self {
        let nats = NatsServer::start().await.expect("nats-server starts");
        let mut config = Config::parse("config.yaml", CONFIG, &|_| None).expect("the configuration loads").config;
        config.nats.url = Some(nats.url());
        let process = Process::bare(config).expect("metrics");
        let bus = process.context::<Router>(None).await.expect("connects").bus;
        let mut fixture = Self { _nats: nats, process, bus, router: None };
        fixture.run().await;
        fixture
    }

    async fn run(&mut self) {
        self.process.stop = CancellationToken::new();
        let context = self.process.context::<Router>(None).await.expect("connects");
        self.router = Some(tokio::spawn(stage::run(Router, context)));
    }

    async fn stop(&mut self) {
        self.process.stop.cancel();
        if let Some(router) = self.router.take() {
            router.await.expect("the router does not panic").expect("the router ends well");
        }
    }

    async fn publish(&self, uid: &str, version: u32, namespace: &str, type_: &str) {
        let payload = format!(
            r#"{{"metadata":{{"namespace":"{namespace}","uid":"{uid}","resourceVersion":"{version}"}},"reason":"R","type":"{type_}","count":{version},"involvedObject":{{"kind":"Pod","deleted":false}}}}"#
        );
        self.publish_raw(&format!("c/{uid}/{version}"), payload.into_bytes()).await;
    }

    async fn publish_raw(&self, id: &str, payload: Vec<u8>) {
        let headers = Headers::new().with(header::CONTENT_TYPE, "application/json").with(header::OBSERVED, "2024-01-01T00:00:00Z");
        let subject = self.bus.subjects().enriched("c", "Normal", "ns", "Pod", "R");
        let message = Message { stream: Stream::Enriched, subject, id: id.to_owned(), headers, payload: payload.into() };
        self.bus.publish(message).await.expect("published");
    }

    /// Waits until everything published was decided.
    async fn settled(&self, published: u64) {
        let done = || async {
            let state = self.bus.consumer_state(&Stream::Enriched, DURABLE).await;
            state.ok().flatten().is_some_and(|state| state.ack_floor >= published && state.pending == 0)
        };
        wait::until("the router to acknowledge everything", BOUND, done).await.expect("settles");
    }

    /// The message ids that wait for a receiver.
    async fn waiting(&self, stream: Stream) -> Vec<String> {
        let mut ids = Vec::new();
        let mut keep = |stored: herald_common::bus::inspect::Stored| {
            let payload = String::from_utf8_lossy(&stored.payload).into_owned();
            if let Some(identity) = stored.headers.get(header::IDENTITY)
                && !identity.ends_with("/bad")
            {
                let version = identity.rsplit('/').next().unwrap_or_default();
                assert!(payload.contains(&format!("\"resourceVersion\":\"{version}\"")), "{identity} carries {payload}");
                assert_eq!(stored.headers.get(header::OBSERVED), Some("2024-01-01T00:00:00Z"), "headers are passed on");
            }
            ids.push(stored.headers.get(header::MESSAGE_ID).unwrap_or_default().to_owned());
        };
        // A work queue takes no second consumer, so its messages are read one by one.
        let states = self.bus.stream_states().await.expect("states");
        let name = self.bus.stream_name(&stream);
        if let Some(state) = states.iter().find(|state| state.name == name).filter(|state| state.messages > 0) {
            for sequence in state.first_sequence..=state.last_sequence {
                if let Some(stored) = self.bus.stored(&stream, sequence).await.expect("reads") {
                    keep(stored);
                }
            }
        }
        ids
    }
}

fn out(receiver: &str) -> Stream {
    Stream::Out(receiver.into())
}

#[tokio::test]
async fn each_receiver_gets_one_message_with_the_same_bytes() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start().await;
    fixture.publish("a", 1, "shop", "Warning").await;
    fixture.publish("b", 1, "kube-system", "Normal").await;
    fixture.publish("c", 1, "shop", "Normal").await;
    fixture.settled(3).await;
    assert_eq!(fixture.waiting(out("archive")).await, ["c/a/1/archive", "c/c/1/archive"], "reached twice in the tree, delivered once");
    assert_eq!(fixture.waiting(out("chat")).await, ["c/a/1/chat"]);
    let metrics = String::from_utf8(fixture.process.metrics.text().expect("text")).expect("UTF-8");
    assert!(metrics.contains("herald_events_dropped_total{rule=\"route.routes[0].drop[0]\"} 1\n"), "{metrics}");
    fixture.stop().await;
}

#[tokio::test]
async fn without_updates_the_first_version_comes_and_comes_again_only_as_itself() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start().await;
    for version in [4, 5, 6] {
        fixture.publish("a", version, "shop", "Warning").await;
    }
    fixture.settled(3).await;
    assert_eq!(fixture.waiting(out("archive")).await.len(), 3, "a data receiver gets every version");
    assert_eq!(fixture.waiting(out("chat")).await, ["c/a/4/chat"]);
    // Another replica, started later, remembers too.
    fixture.stop().await;
    fixture.run().await;
    fixture.publish("a", 7, "shop", "Warning").await;
    fixture.publish("b", 1, "shop", "Warning").await;
    fixture.settled(5).await;
    assert_eq!(fixture.waiting(out("chat")).await, ["c/a/4/chat", "c/b/1/chat"]);
    fixture.stop().await;
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter_and_stops_nothing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start().await;
    fixture.publish_raw("c/x/bad", b"{\"metadata\":".to_vec()).await;
    fixture.publish("a", 1, "shop", "Warning").await;
    fixture.settled(2).await;
    assert_eq!(fixture.waiting(out("archive")).await, ["c/a/1/archive"]);
    let mut reasons = Vec::new();
    let dead = vec![fixture.bus.subjects().dead("router")];
    let each =
        |stored: herald_common::bus::inspect::Stored| reasons.push(stored.headers.get(header::DEAD_REASON).unwrap_or_default().to_owned());
    fixture.bus.read_back(&Stream::Dead, dead, From::Beginning, each).await.expect("reads");
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains("EOF"), "{reasons:?}");
    fixture.stop().await;
}
