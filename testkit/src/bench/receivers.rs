//! How fast kinds of receivers deliver: events that wait in a receiver's stream go to the kind's server, beside it and 50 ms away.
//!
//! ```text
//! kind      what is to be known of a kind          servers, aws, people, local      the kinds
//! ```
//!
//! The sinks run alone, as a process of their own, with the kind's defaults. The time is that from the first look that finds some delivered to the
//! last. A kind's server is started once; each run has a place of its own there. What stands for a product that cannot be run here is named in the
//! row: its speed may be what is measured. A server that is not installed is left out.

mod aws;
mod kind;
mod local;
mod people;
mod servers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::{HeaderMap, jetstream};
use serde_json::json;

use self::{
    aws::{Aws, EventBridge, Firehose, Kinesis, OpsCenter, Sns, Sqs},
    kind::{Kind, Line},
    local::{File, Pipe, Stdout},
    people::{Opsgenie, Slack, StandIn, Teams},
    servers::{Otlp, Search, Webhook},
};
use super::{
    Options,
    report::{Goal, Section, number},
    say,
};
use crate::{
    chaos::proxy::{Proxy, State},
    nats::NatsServer,
    scratch::{Port, Scratch},
    servers::{bigquery::BigQuery, kafka::KafkaServer, loki::Loki, pubsub::PubSub, rsyslog::Rsyslog},
    stage::{Stage, StageOptions},
    wait,
};

const BOUND: Duration = Duration::from_secs(300);
/// What a message takes in each direction; there and back is twice as much.
const ONE_WAY: Duration = Duration::from_millis(25);
const STREAM: &str = "HERALD_OUT_out";
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// PubAcks awaited at a time.
const WINDOW: u64 = 1_000;
/// Lines of the sinks' output in an error.
const SHOWN: usize = 5;

pub(super) async fn section(options: &Options) -> Result<Section> {
    let about =
        format!("{} runs of events that wait, delivered with the kind's defaults; in brackets what stands for the product", options.runs);
    let mut section = Section::new("receivers", about);
    measure::<Webhook>(options, &mut section).await?;
    measure::<Search<false>>(options, &mut section).await?;
    measure::<Search<true>>(options, &mut section).await?;
    measure::<Loki>(options, &mut section).await?;
    measure::<KafkaServer>(options, &mut section).await?;
    measure::<Rsyslog>(options, &mut section).await?;
    measure::<Otlp<false>>(options, &mut section).await?;
    measure::<Otlp<true>>(options, &mut section).await?;
    measure::<PubSub>(options, &mut section).await?;
    measure::<BigQuery>(options, &mut section).await?;
    measure::<Aws<Kinesis>>(options, &mut section).await?;
    measure::<Aws<Firehose>>(options, &mut section).await?;
    measure::<Aws<Sns>>(options, &mut section).await?;
    measure::<Aws<Sqs>>(options, &mut section).await?;
    measure::<Aws<EventBridge>>(options, &mut section).await?;
    measure::<OpsCenter>(options, &mut section).await?;
    measure::<StandIn<Slack>>(options, &mut section).await?;
    measure::<StandIn<Teams>>(options, &mut section).await?;
    measure::<StandIn<Opsgenie>>(options, &mut section).await?;
    measure::<File>(options, &mut section).await?;
    measure::<Pipe>(options, &mut section).await?;
    measure::<Stdout>(options, &mut section).await?;
    Ok(section)
}

/// Adds the rows of a kind that are asked for.
async fn measure<K: Kind>(options: &Options, section: &mut Section) -> Result<()> {
    let name = K::STAND_IN.map_or(K::NAME.to_owned(), |stand_in| format!("{} ({stand_in})", K::NAME));
    let lines = [Line::Beside, Line::Far].map(|line| (line, format!("{name}, {}", line.words())));
    let lines: Vec<_> = lines.into_iter().filter(|(_, case)| case.contains(&options.case)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    if let Some(missing) = K::NEEDS.and_then(|tool| tool.path().err()) {
        say(&format!("receivers: {name} is left out, {missing}"));
        return Ok(());
    }
    let far = Port::take()?;
    let kind = K::start(&far).await?;
    for (line, case) in lines {
        let address = kind.address(line)?;
        let proxy = match (line, address) {
            (Line::Beside, _) => None,
            // Nothing can be away from it.
            (Line::Far, None) => continue,
            (Line::Far, Some(address)) => {
                let proxy = Proxy::start_at(far.address(), address).await?;
                proxy.set(State::Slow(ONE_WAY));
                Some(proxy)
            }
        };
        let at = proxy.as_ref().map(Proxy::address).or(address).map(|at| at.to_string()).unwrap_or_default();
        let events = if line == Line::Far { K::EVENTS_FAR } else { K::EVENTS }.min(options.events);
        say(&format!("receivers: {case}"));
        let mut rates = Vec::new();
        for number in 1..=options.runs {
            let place = format!("{}-{number}", line.place());
            kind.prepare(&place).await?;
            let rate = run(&kind.keys(&at, &place), events).await.with_context(|| format!("{case}, {events} events"))?;
            say(&format!("  {rate:.0} events/s"));
            rates.push(rate);
        }
        let row = format!("{case}, {} events", number(events as f64));
        match K::WANTED {
            None => section.add(row, "events/s", &rates),
            Some(wanted) => section.add_with_goal(row, "events/s", &rates, Goal::AtLeast(wanted)),
        }
    }
    Ok(())
}

/// Delivers so many events by a receiver with these keys, and returns how many a second.
async fn run(keys: &str, events: u64) -> Result<f64> {
    let (nats, scratch) = (NatsServer::start().await?, Scratch::new("receivers")?);
    let conf = format!(
        "logLevel: warn\nlogFormat: json\nnats: {{streams: {{out: {{maxBytes: 1500000000}}}}}}\nreceivers: [{{name: out, {keys}}}]\n"
    );
    let conf = scratch.write("config.yaml", &conf)?;
    let start = || -> Result<Stage> {
        let options = StageOptions::new("herald-sinks").conf(&conf).nats(&nats.url());
        options.env("HERALD_LOG", "warn,herald_common::admin=info").start()
    };
    // They make stream and consumer, and go; killed, they would take some of the events with them for an AckWait.
    let sinks = start()?;
    sinks.ready().await?;
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await?);
    let made = || async { jetstream.get_stream(STREAM).await.is_ok() };
    wait::until("the receiver's stream", BOUND, made).await?;
    sinks.terminate(BOUND).await?;
    fill(&jetstream, events).await?;
    let sinks = start()?;
    sinks.ready().await?;
    let labels = ["stage=\"sinks\"", "receiver=\"out\""];
    let (began, mut first) = (Instant::now(), None);
    let mut delivered = 0;
    while began.elapsed() < BOUND {
        delivered = sinks.metric("herald_events_published_total", &labels).await? as u64;
        let (since, before) = *first.get_or_insert((Instant::now(), delivered));
        if before == 0 {
            first = None;
        }
        if delivered >= events {
            ensure!(before < events, "all were delivered at the first look: too few to measure");
            return Ok((events - before) as f64 / since.elapsed().as_secs_f64());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let said = sinks.process().output();
    bail!("{delivered} were delivered within {BOUND:?}; the sinks said last:\n{}", said[said.len().saturating_sub(SHOWN)..].join("\n"))
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
