//! Enrichers between a real nats-server and a simulated API server.

use std::{sync::Arc, time::Duration};

use herald_common::{
    CancellationToken,
    bus::{
        Bus, Headers, Message, Stream, header,
        inspect::{From, Stored},
    },
    config::Config,
    event::Event,
    stage::{self, Process},
    subjects,
};
use herald_enricher::Enricher;
use herald_testkit::{
    apiserver::ApiServer,
    nats::{NatsOptions, NatsServer},
    wait,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How long anything awaited may take.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) nats: NatsServer,
    pub(crate) api: ApiServer,
    pub(crate) bus: Bus,
    pub(crate) process: Process,
    enrichers: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Fixture {
    /// Servers without an enricher.
    pub(crate) async fn idle(config: &str) -> Self {
        Self::idle_on(NatsOptions::default(), config).await
    }

    /// Servers without an enricher, one of them with options.
    pub(crate) async fn idle_on(nats: NatsOptions, config: &str) -> Self {
        let nats = NatsServer::start_with(nats).await.expect("nats-server starts");
        let api = ApiServer::start().await.expect("the API server starts");
        let config = format!("clusterName: c\nkubeQPS: 1000\nkubeBurst: 1000\n{config}");
        let mut config = Config::parse("config.yaml", &config, &|_| None).expect("the configuration loads").config;
        config.nats.url = Some(nats.url());
        let process = Process::bare(config).expect("metrics");
        let bus = process.context::<Enricher>(None).await.expect("connects").bus;
        Self { nats, api, bus, process, enrichers: Vec::new() }
    }

    /// Servers and so many enrichers.
    pub(crate) async fn running(enrichers: usize, config: &str) -> Self {
        let mut fixture = Self::idle(config).await;
        for _ in 0..enrichers {
            fixture.run().await;
        }
        fixture
    }

    /// Starts an enricher, beside those that run.
    pub(crate) async fn run(&mut self) {
        if self.enrichers.is_empty() {
            self.process.stop = CancellationToken::new();
        }
        let context = self.process.context::<Enricher>(Some(self.api.kubeconfig().expect("a kubeconfig"))).await.expect("connects");
        self.enrichers.push(tokio::spawn(stage::run(Enricher, context)));
    }

    /// Lets enrichers that start from now on use another user of NATS.
    pub(crate) fn log_in_as(&mut self, user: &str) {
        Arc::make_mut(&mut self.process.config).nats.user = Some(user.to_owned());
    }

    /// Lets the enrichers drain and end.
    pub(crate) async fn stop(&mut self) {
        self.process.stop.cancel();
        for enricher in self.enrichers.drain(..) {
            tokio::time::timeout(BOUND, enricher).await.expect("ends in time").expect("no panic").expect("ends well");
        }
    }

    /// Ends the enrichers at once, as SIGKILL does.
    pub(crate) async fn kill(&mut self) {
        for enricher in self.enrichers.drain(..) {
            enricher.abort();
            assert!(enricher.await.is_err_and(|error| error.is_cancelled()));
        }
        self.process.stop.cancel();
    }

    /// Waits until the enrichers have found the API server.
    pub(crate) async fn ready(&self) {
        let ready = || async { self.api.discovery_requests() > 0 && self.process.health.unready().is_empty() };
        wait::until("the enrichers to be ready", BOUND, ready).await.expect("ready");
    }

    /// Makes a pod.
    pub(crate) fn pod(&self, name: &str) -> Value {
        let metadata = json!({"namespace": "shop", "name": name, "labels": {"name": name}});
        self.api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})).expect("stored")
    }

    /// Publishes a raw event about what a reference says, as the watcher does.
    pub(crate) async fn publish(&self, name: &str, reference: &Value) {
        let event = json!({
            "metadata": {"namespace": "shop", "name": name, "uid": format!("event-{name}"), "resourceVersion": "7"},
            "involvedObject": reference, "reason": "R", "message": "a < b", "type": "Normal", "count": 1,
        });
        let event: Event = serde_json::from_value(event).expect("an event");
        let payload = rmp_serde::to_vec_named(&event).expect("encodes");
        self.publish_raw(&event, payload, "application/msgpack").await;
    }

    pub(crate) async fn publish_raw(&self, event: &Event, payload: Vec<u8>, content_type: &str) {
        let object = &event.involved_object;
        let headers = Headers::new()
            .with(header::CONTENT_TYPE, content_type)
            .with(header::CLUSTER, &self.process.config.cluster_name)
            .with(header::CHANGE, "added")
            .with(header::OBSERVED, "2026-01-02T03:04:05Z")
            .with(header::TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let message = Message {
            stream: Stream::Raw,
            subject: self.bus.subjects().raw(&self.process.config.cluster_name, &object.namespace, &object.kind, &event.reason),
            id: subjects::identity(&self.process.config.cluster_name, &event.metadata.uid, &event.metadata.resource_version),
            headers,
            payload: payload.into(),
        };
        self.bus.publish(message).await.expect("published");
    }

    /// Everything the stream of enriched events holds, in its order.
    pub(crate) async fn stored(&self) -> Vec<Stored> {
        let mut all = Vec::new();
        let filter = vec![self.bus.subjects().all("enriched")];
        // Not there before the first event.
        let _ = self.bus.read_back(&Stream::Enriched, filter, From::Beginning, |stored| all.push(stored)).await;
        all
    }

    /// The enriched events in their order.
    pub(crate) async fn enriched(&self) -> Vec<Enriched> {
        self.stored().await.iter().map(Enriched::of).collect()
    }

    /// Waits until there are as many enriched events, and returns them.
    pub(crate) async fn holds(&self, number: usize) -> Vec<Enriched> {
        let full = || async { self.enriched().await.len() >= number };
        wait::until("the enriched events", BOUND, full).await.expect("published");
        let all = self.enriched().await;
        assert_eq!(all.len(), number, "{:?}", all.iter().map(|event| &event.name).collect::<Vec<_>>());
        all
    }

    /// Publishes an event and waits for it to be enriched.
    pub(crate) async fn enrich(&self, name: &str, reference: &Value) -> Enriched {
        self.publish(name, reference).await;
        self.arrives(name).await
    }

    /// Waits for an event to be enriched.
    pub(crate) async fn arrives(&self, name: &str) -> Enriched {
        let found = || async { self.enriched().await.into_iter().find(|event| event.name == name) };
        wait::some(&format!("the event {name}"), BOUND, found).await.expect("published")
    }

    /// The GETs of objects so far.
    pub(crate) fn gets(&self) -> u64 {
        self.api.count("get", "*")
    }

    /// Waits until the raw stream's consumer has everything acknowledged.
    pub(crate) async fn acknowledged(&self) {
        let done = || async {
            let state = self.bus.consumer_state(&Stream::Raw, "enricher_c").await;
            state.ok().flatten().is_some_and(|state| state.pending == 0 && state.ack_pending == 0)
        };
        wait::until("everything to be acknowledged", BOUND, done).await.expect("acknowledged");
    }
}

/// An enriched event as it was published.
#[derive(Debug)]
pub(crate) struct Enriched {
    pub(crate) name: String,
    pub(crate) how: String,
    pub(crate) object: Value,
}

impl Enriched {
    fn of(stored: &Stored) -> Self {
        let mut event: Value = serde_json::from_slice(&stored.payload).expect("JSON");
        Self {
            name: event["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            how: stored.headers.get(header::ENRICHMENT).unwrap_or_default().to_owned(),
            object: event["involvedObject"].take(),
        }
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.object["deleted"] == true
    }
}

/// A reference to an object as it is now.
pub(crate) fn reference(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "namespace": metadata["namespace"], "name": metadata["name"],
        "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
    })
}
