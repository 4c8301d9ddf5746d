//! Enrichers at work in this process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use herald_common::{
    CancellationToken,
    bus::{Bus, Headers, Message, Stream, header, inspect::From},
    config::Config,
    event::{EnrichedEvent, Event, ObjectReference},
    health::Health,
    metrics::Metrics,
    stage::{self, Process},
};
use herald_enricher::Enricher;
use herald_testkit::{apiserver::ApiServer, nats::NatsServer, wait};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub(crate) const BOUND: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) api: ApiServer,
    pub(crate) bus: Bus,
    nats: NatsServer,
    replicas: Vec<(Process, JoinHandle<anyhow::Result<()>>)>,
    published: u64,
}

/// What came out of one event.
pub(crate) struct Enriched {
    pub(crate) event: EnrichedEvent,
    pub(crate) enrichment: String,
    /// Its place in the stream.
    pub(crate) sequence: u64,
}

impl Fixture {
    /// Starts so many enrichers with this configuration.
    pub(crate) async fn start(replicas: usize, config: &str) -> Self {
        let (api, nats) = (ApiServer::start().await.expect("starts"), NatsServer::start().await.expect("starts"));
        let text = format!("clusterName: c\nkubeQPS: 10000\nkubeBurst: 10000\nnats: {{url: '{}'}}\n{config}", nats.url());
        let config = Arc::new(Config::parse("config.yaml", &text, &|_| None).unwrap_or_else(|error| panic!("{error}")).config);
        let kubeconfig = api.kubeconfig().expect("written");
        let mut running = Vec::new();
        let mut bus = None;
        for _ in 0..replicas {
            let process = Process {
                config: config.clone(),
                metrics: Metrics::new("").expect("metrics"),
                health: Health::default(),
                stop: CancellationToken::new(),
            };
            let context = process.context::<Enricher>(Some(kubeconfig.clone())).await.expect("connects");
            bus = Some(context.bus.clone());
            running.push((process, tokio::spawn(stage::run(Enricher, context))));
        }
        Self { api, bus: bus.expect("one replica at least"), nats, replicas: running, published: 0 }
    }

    pub(crate) async fn stop(self) {
        for (process, replica) in self.replicas {
            process.stop.cancel();
            replica.await.expect("no panic").expect("ends well");
        }
    }

    /// Kills nats-server and starts it again: what was in its memory is gone.
    pub(crate) async fn restart_nats(&mut self) {
        self.nats.restart().await.expect("restarts");
    }

    /// Publishes an event about an object, as the watcher does.
    pub(crate) async fn publish(&mut self, name: &str, about: ObjectReference) {
        self.published += 1;
        let mut event = Event { involved_object: about, reason: "R".to_owned(), type_: "Normal".to_owned(), ..Event::default() };
        name.clone_into(&mut event.metadata.uid);
        "1".clone_into(&mut event.metadata.resource_version);
        let object = &event.involved_object;
        let subject = self.bus.subjects().raw("c", &object.namespace, &object.kind, &event.reason);
        let headers =
            Headers::new().with(header::CONTENT_TYPE, "application/json").with(header::CLUSTER, "c").with(header::CHANGE, "added");
        let payload = serde_json::to_vec(&event).expect("encodes");
        self.bus
            .publish(Message { stream: Stream::Raw, subject, id: format!("c/{name}/1"), headers, payload: payload.into() })
            .await
            .expect("published");
    }

    /// Waits until so many events are enriched, and returns them by name.
    pub(crate) async fn enriched(&self, count: usize) -> BTreeMap<String, Enriched> {
        let read = || async {
            let mut found = BTreeMap::new();
            let each = |stored: herald_common::bus::inspect::Stored| {
                let event: EnrichedEvent = serde_json::from_slice(&stored.payload).expect("an event");
                assert_eq!(
                    stored.headers.get(header::MESSAGE_ID),
                    Some(format!("c/{}/1", event.event.metadata.uid).as_str()),
                    "the same identity"
                );
                assert_eq!(stored.headers.get(header::CHANGE), Some("added"), "headers are passed on");
                let enrichment = stored.headers.get(header::ENRICHMENT).unwrap_or_default().to_owned();
                found.insert(event.event.metadata.uid.clone(), Enriched { event, enrichment, sequence: stored.sequence });
            };
            self.bus.read_back(&Stream::Enriched, Vec::new(), From::Beginning, each).await.ok()?;
            (found.len() >= count).then_some(found)
        };
        wait::some(&format!("{count} enriched events"), BOUND, read).await.expect("enriched")
    }

    /// Puts an object and returns a reference to it.
    pub(crate) fn object(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectReference {
        let mut object = json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "labels": {"name": name}, "annotations": {"a": "b"}, "ownerReferences": [{"apiVersion": "v1", "kind": "Owner", "name": "o", "uid": "ou"}]}
        });
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        reference(&self.api.put(object).expect("stored"))
    }

    pub(crate) fn pod(&self, name: &str) -> ObjectReference {
        self.object("v1", "Pod", "shop", name)
    }

    /// How often the objects of a resource were read, by name; every read must have asked for metadata only.
    pub(crate) fn reads(&self) -> BTreeMap<String, u64> {
        let reads = self.api.reads();
        assert!(reads.values().all(|reads| reads.total == reads.metadata_only), "{reads:?}");
        let mut by_name = BTreeMap::new();
        for (object, reads) in reads {
            *by_name.entry(object.name).or_default() += reads.total;
        }
        by_name
    }
}

/// A reference to an object.
pub(crate) fn reference(object: &Value) -> ObjectReference {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    ObjectReference {
        kind: text("/kind"),
        api_version: text("/apiVersion"),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
        uid: text("/metadata/uid"),
        resource_version: text("/metadata/resourceVersion"),
        field_path: String::new(),
    }
}
