//! How fast kinds of receivers deliver: events that wait in a receiver's stream go to its product's server, beside it and 50 ms away.
//!
//! The sinks run alone, as a process of their own, with the kind's defaults. The time is that from the first look that finds some delivered to the last. A server that is
//! not there is left out.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use async_nats::{HeaderMap, jetstream};
use serde_json::json;

use super::{
    Options,
    receiver::Receiver,
    report::{Goal, Section},
    say,
};
use crate::{
    chaos::proxy::{Proxy, State},
    nats::NatsServer,
    scratch::{Port, Scratch},
    servers::{
        kafka::{KAFKA, KafkaOptions, KafkaServer, Listener},
        loki::{LOKI, Loki},
        rsyslog::{RSYSLOG, Rsyslog},
        search::{ELASTICSEARCH, OPENSEARCH, SearchServer},
    },
    stage::{Stage, StageOptions},
    tools::Tool,
    wait,
};

const BOUND: Duration = Duration::from_secs(300);
/// What a message takes in each direction; there and back is twice as much.
const ONE_WAY: Duration = Duration::from_millis(25);
/// Events a second that kinds for many events must reach.
const WANTED: f64 = 5_000.0;
const STREAM: &str = "HERALD_OUT_out";
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// PubAcks awaited at a time.
const WINDOW: u64 = 1_000;

/// A kind with its product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Webhook,
    Elasticsearch,
    OpenSearch,
    Loki,
    Kafka,
    Syslog,
}

const KINDS: [Kind; 6] = [Kind::Webhook, Kind::Elasticsearch, Kind::OpenSearch, Kind::Loki, Kind::Kafka, Kind::Syslog];

/// A server, running as long as this.
enum Backend {
    Webhook(Receiver),
    Search(SearchServer),
    Loki(Loki),
    Kafka(KafkaServer),
    Syslog(Rsyslog),
}

impl Kind {
    fn needs(self) -> Option<Tool> {
        match self {
            Self::Webhook => None,
            Self::Elasticsearch => Some(ELASTICSEARCH),
            Self::OpenSearch => Some(OPENSEARCH),
            Self::Loki => Some(LOKI),
            Self::Kafka => Some(KAFKA),
            Self::Syslog => Some(RSYSLOG),
        }
    }

    /// Starts the server; a broker has to know where its proxy will be.
    async fn start(self, far: Option<u16>) -> Result<Backend> {
        Ok(match self {
            Self::Webhook => Backend::Webhook(Receiver::start(Duration::ZERO).await?),
            Self::Elasticsearch => Backend::Search(SearchServer::start(ELASTICSEARCH, None).await?),
            Self::OpenSearch => Backend::Search(SearchServer::start(OPENSEARCH, None).await?),
            Self::Loki => Backend::Loki(Loki::start(None).await?),
            Self::Kafka => Backend::Kafka(KafkaServer::start(KafkaOptions { certificates: None, creates_topics: true, far }).await?),
            Self::Syslog => Backend::Syslog(Rsyslog::start(None).await?),
        })
    }

    /// The kind's keys for a server at an address.
    fn keys(self, address: SocketAddr) -> String {
        match self {
            Self::Webhook => format!("webhook: {{endpoint: \"http://{address}/\"}}"),
            Self::Elasticsearch => format!("elasticsearch: {{hosts: [\"http://{address}\"], index: events}}"),
            Self::OpenSearch => format!("opensearch: {{hosts: [\"http://{address}\"], index: events}}"),
            Self::Loki => format!("loki: {{url: \"http://{address}/loki/api/v1/push\", tenantID: bench}}"),
            Self::Kafka => format!("kafka: {{topic: events, brokers: [\"localhost:{}\"]}}", address.port()),
            Self::Syslog => format!("syslog: {{network: tcp, address: \"{address}\", format: rfc5424}}"),
        }
    }
}

impl Backend {
    /// Where it listens, for receivers beside it or behind a proxy.
    fn address(&self, is_far: bool) -> Result<SocketAddr> {
        let of = |url: &str| {
            let place = url.rsplit('/').find(|part| part.contains(':')).unwrap_or_default().replace("localhost", "127.0.0.1");
            place.parse().with_context(|| format!("no address in {url}"))
        };
        match self {
            Self::Webhook(receiver) => of(receiver.url()),
            Self::Search(node) => of(&node.url()),
            Self::Loki(loki) => of(&loki.url()),
            Self::Kafka(broker) => Ok(broker.address(if is_far { Listener::Far } else { Listener::Plain })),
            Self::Syslog(rsyslog) => of(&rsyslog.address()),
        }
    }
}

pub(super) async fn section(options: &Options) -> Result<Section> {
    let about = format!("{} runs of {} events that wait, delivered with the kind's defaults", options.runs, options.events);
    let mut section = Section::new("receivers", about);
    for kind in KINDS {
        if let Some(missing) = kind.needs().and_then(|tool| tool.path().err()) {
            say(&format!("receivers: {kind:?} is left out, {missing}"));
            continue;
        }
        for (is_far, place) in [(false, "beside it"), (true, "50 ms away")] {
            let case = format!("{kind:?}, {place}").to_lowercase();
            if !case.contains(&options.case) {
                continue;
            }
            say(&format!("receivers: {case}"));
            let mut rates = Vec::new();
            for _ in 0..options.runs {
                let rate = run(kind, is_far, options.events).await?;
                say(&format!("  {rate:.0} events/s"));
                rates.push(rate);
            }
            match kind {
                Kind::Syslog => section.add(case, "events/s", &rates),
                _ => section.add_with_goal(case, "events/s", &rates, Goal::AtLeast(WANTED)),
            }
        }
    }
    Ok(section)
}

/// Delivers so many events and returns how many a second.
async fn run(kind: Kind, is_far: bool, events: u64) -> Result<f64> {
    let port = Port::take()?;
    let backend = kind.start(is_far.then_some(port.number())).await?;
    let mut address = backend.address(is_far)?;
    let proxy = Proxy::start_at(port.address(), address).await?;
    proxy.set(State::Slow(ONE_WAY));
    if is_far {
        address = proxy.address();
    }
    let (nats, scratch) = (NatsServer::start().await?, Scratch::new("receivers")?);
    let conf = format!(
        "logLevel: warn\nlogFormat: json\nnats: {{streams: {{out: {{maxBytes: 1500000000}}}}}}\nreceivers: [{{name: out, {}}}]\n",
        kind.keys(address)
    );
    let conf = scratch.write("config.yaml", &conf)?;
    let start = || -> Result<Stage> {
        let options = StageOptions::new("herald-sinks").conf(&conf).nats(&nats.url());
        options.env("HERALD_LOG", "warn,herald_common::admin=info").start()
    };
    // They make stream and consumer, and go.
    let sinks = start()?;
    sinks.ready().await?;
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await?);
    let made = || async { jetstream.get_stream(STREAM).await.is_ok() };
    wait::until("the receiver's stream", BOUND, made).await?;
    drop(sinks);
    fill(&jetstream, events).await?;
    let sinks = start()?;
    sinks.ready().await?;
    let labels = ["stage=\"sinks\"", "receiver=\"out\""];
    let (began, mut first) = (Instant::now(), None);
    while began.elapsed() < BOUND {
        let delivered = sinks.metric("herald_events_published_total", &labels).await? as u64;
        let (since, before) = *first.get_or_insert((Instant::now(), delivered));
        if before == 0 {
            first = None;
        }
        if delivered >= events {
            return Ok((events - before) as f64 / since.elapsed().as_secs_f64());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("{kind:?} did not deliver {events} events within {BOUND:?}")
}

/// Puts events into the receiver's stream, as the router does.
async fn fill(jetstream: &jetstream::Context, events: u64) -> Result<()> {
    let mut acks = Vec::new();
    for number in 0..events {
        let uid = format!("5f0c2d7e-0d0c-4a43-9a57-{number:012x}");
        let identity = format!("bench/{uid}/{number}");
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("Content-Type", "application/json"), ("Nats-Msg-Id", &format!("{identity}/out")), ("Herald-Identity", &identity)]
        {
            headers.insert(name, value);
        }
        let event = event(&uid, number).into();
        acks.push(jetstream.publish_with_headers("herald.out.out", headers, event).await?);
        if acks.len() as u64 == WINDOW || number + 1 == events {
            for ack in acks.drain(..) {
                ack.await?;
            }
        }
    }
    Ok(())
}

/// An event as it is exported, of a usual size.
fn event(uid: &str, number: u64) -> String {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "metadata": {"name": format!("web-{number}.17c0f3a9be21d0f4"), "namespace": "shop", "uid": uid, "resourceVersion": number.to_string(), "creationTimestamp": now},
        "reason": "BackOff",
        "message": format!("Back-off restarting failed container \"web\" in pod web-7d9f8c6b5-{number}_shop(968ca75e-681c-4f76-8ddd-61ddc2667afc)"),
        "source": {"component": "kubelet", "host": "ip-10-0-3-17.eu-west-1.compute.internal"},
        "firstTimestamp": now, "lastTimestamp": now, "count": 7, "type": "Warning", "eventTime": null,
        "reportingComponent": "kubelet", "reportingInstance": "ip-10-0-3-17.eu-west-1.compute.internal", "clusterName": "bench",
        "involvedObject": {
            "kind": "Pod", "namespace": "shop", "name": format!("web-7d9f8c6b5-{number}"), "uid": "968ca75e-681c-4f76-8ddd-61ddc2667afc", "apiVersion": "v1",
            "resourceVersion": "948100", "fieldPath": "spec.containers{web}", "labels": {"app": "web", "tier": "front", "pod-template-hash": "7d9f8c6b5"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9f8c6b5", "uid": "86ca77ef-fce0-4033-99b3-35ee9a45a1d7", "controller": true}],
            "deleted": false
        }
    })
    .to_string()
}
