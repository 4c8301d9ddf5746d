//! Catching up: after an outage of everything behind the watcher, after one of the receiver, and with what an API server already holds at the first start.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::{
    Options,
    report::{Goal, Section},
    rig::{Accepts, Plan, Rig, STAGES, STREAMS},
    say,
};
use crate::{
    kubernetes::{ControlPlane, ControlPlaneOptions},
    tools::Tool,
};

const BOUND: Duration = Duration::from_secs(600);
const OBJECTS: usize = 2_000;
/// Events that a real API server holds.
const LISTED: u64 = 100_000;
/// Requests under way while they are made.
const MAKING: usize = 32;
/// What the other exporter needed for 109,000 events, seconds.
const OTHERS: f64 = 9.0;

pub(super) async fn section(options: &Options) -> Result<Section> {
    let mut section = Section::new("catch-up", "events that wait are delivered");
    say("catch-up: an outage behind the watcher");
    outage(options, &mut section, "outage behind the watcher", &["enricher", "router", "sinks"], STREAMS[0]).await?;
    say("catch-up: an outage of the receiver");
    outage(options, &mut section, "outage of the receiver", &["sinks"], STREAMS[2]).await?;
    match [Tool::Etcd, Tool::KubeApiserver].map(Tool::path) {
        [Ok(_), Ok(_)] => first_list(&mut section).await?,
        [Err(missing), _] | [_, Err(missing)] => say(&format!("catch-up: the first list is left out, {missing}")),
    }
    Ok(section)
}

/// Some stages are away until so many events wait in a stream; then they work them off.
async fn outage(options: &Options, section: &mut Section, name: &str, away: &[&'static str], stream: &str) -> Result<()> {
    let mut rig = Rig::start(Plan { started: false, ..Plan::new(Accepts::Null) }).await?;
    // Those away make their streams and consumers before they go.
    rig.start_stages(&STAGES).await?;
    for stage in away {
        rig.kill(stage);
    }
    let began = Instant::now();
    rig.feed(options.backlog, OBJECTS).await?;
    rig.fill(stream, options.backlog, BOUND).await?;
    let filled = began.elapsed();
    let mut peaks = rig.peaks()?;
    let began = Instant::now();
    rig.start_stages(away).await?;
    let drained = rig.deliver(options.backlog, BOUND).await?.duration_since(began);
    let rate = |elapsed: Duration| options.backlog as f64 / elapsed.as_secs_f64();
    section.add(format!("{name}: filling"), "events/s", &[rate(filled)]);
    section.add(format!("{name}: {} events drained", options.backlog), "s", &[drained.as_secs_f64()]);
    section.add(format!("{name}: draining"), "events/s", &[rate(drained)]);
    for (stage, peak) in rig.peaks()? {
        let most = peaks.entry(stage).or_insert(peak);
        *most = most.max(peak);
    }
    for (stage, peak) in peaks {
        section.add_with_goal(format!("{name}: peak {stage}"), "MiB", &[peak], Goal::Below(30.0));
    }
    Ok(())
}

/// The first list of a real API server.
async fn first_list(section: &mut Section) -> Result<()> {
    say("catch-up: filling a real API server");
    let plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let admin = &plane.admin()?;
    for number in 0..1_000 {
        let object = json!({"metadata": {"name": format!("config-{number}"), "labels": {"app": "web", "number": number.to_string()}}});
        admin.create("/api/v1/namespaces/default/configmaps", &object).await?;
    }
    let objects = admin.get("/api/v1/namespaces/default/configmaps").await?;
    let objects = objects["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let making = stream::iter(0..LISTED).map(|number| async move {
        let object = &objects[usize::try_from(number).unwrap_or(0) % objects.len()]["metadata"];
        let event = json!({
            "metadata": {"name": format!("event-{number}")}, "reason": "Measured", "type": "Normal", "count": 1,
            "message": format!("Container image \"registry.example.com/web:1.4.2\" already present on machine ({number})"),
            "source": {"component": "kubelet", "host": "node-1"},
            "firstTimestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "lastTimestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "default", "name": object["name"],
                "uid": object["uid"], "resourceVersion": object["resourceVersion"]},
        });
        admin.create("/api/v1/namespaces/default/events", &event).await
    });
    making.buffer_unordered(MAKING).try_for_each(|_| std::future::ready(Ok(()))).await?;
    say("catch-up: the first list");
    let mut rig = Rig::start(Plan { started: false, ..Plan::new(Accepts::Null) }).await?;
    let began = Instant::now();
    rig.spawn_stages(&STAGES, plane.kubeconfig())?;
    let ready = async {
        for (_, stage) in &rig.stages {
            stage.ready().await?;
        }
        anyhow::Ok(())
    };
    ready.await?;
    // The API server's own events of its start come with them.
    let took = rig.deliver(LISTED, BOUND).await?.duration_since(began);
    let goal = Goal::Below(OTHERS * LISTED as f64 / 109_000.0);
    section.add_with_goal(
        "first list of 100,000 events of a real API server, from start to last delivery",
        "s",
        &[took.as_secs_f64()],
        goal,
    );
    for (stage, peak) in rig.peaks()? {
        section.add_with_goal(format!("first list: peak {stage}"), "MiB", &[peak], Goal::Below(30.0));
    }
    Ok(())
}
