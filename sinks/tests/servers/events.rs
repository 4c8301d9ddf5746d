//! The events that checks send, and what became of them: shown by the product, repeated, or kept as a dead letter.

use std::cell::RefCell;

use anyhow::{Context as _, Result, ensure};
use herald_common::bus::header;
use herald_testkit::wait;
use serde_json::{Value, json};

use crate::{
    fixture::{BOUND, Fixture, identity},
    kind::Kind,
};

/// The only receiver.
pub(crate) const RECEIVER: &str = "r";

/// An event as it is exported, with what texts may hold.
pub(crate) fn event(name: &str) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "7", "creationTimestamp": now},
        "reason": "BackOff", "message": format!("<{name}> \"said\" ünï & 日本"), "source": {"component": "kubelet"},
        "firstTimestamp": now, "lastTimestamp": now, "count": 3, "type": "Warning", "eventTime": null,
        "reportingComponent": "", "reportingInstance": "", "clusterName": "c",
        "involvedObject": {
            "kind": "Pod", "namespace": "shop", "name": name, "uid": "u", "apiVersion": "v1", "deleted": false, "labels": {"app": "x"}
        }
    })
}

/// So many events, named by the place that they are for.
pub(crate) fn events(place: &str, count: usize) -> Vec<Value> {
    (0..count).map(|number| event(&format!("{place}-{number}"))).collect()
}

/// Puts events into the stream, as the router does.
pub(crate) async fn publish(sinks: &Fixture, events: &[Value]) {
    for event in events {
        let name = event["metadata"]["name"].as_str().unwrap_or_default();
        sinks.publish_payload(RECEIVER, name, event.to_string().into_bytes(), "application/json").await;
    }
}

/// Waits until a place shows all of these, and fails when it shows anything else, or one of them twice and `once` forbids it.
pub(crate) async fn shows<K: Kind>(kind: &K, place: &str, events: &[Value], once: bool) -> Result<()> {
    let sorted = |mut texts: Vec<String>| {
        texts.sort_unstable();
        if !once {
            texts.dedup();
        }
        texts
    };
    let wanted = sorted(events.iter().map(|event| K::shown(event).to_string()).collect());
    let last = RefCell::new(Ok(Vec::new()));
    let all_there = || async {
        let arrived = kind.arrived(place).await.map(|arrived| sorted(arrived.iter().map(Value::to_string).collect()));
        let is_all = arrived.as_ref().is_ok_and(|arrived| wanted.iter().all(|text| arrived.binary_search(text).is_ok()));
        *last.borrow_mut() = arrived;
        is_all
    };
    // What did not come is said below.
    let _ = wait::until("the events to be shown", BOUND, all_there).await;
    let arrived = last.into_inner().context("could not read what arrived")?;
    if arrived == wanted {
        return Ok(());
    }
    let missing: Vec<_> = wanted.iter().filter(|text| arrived.binary_search(text).is_err()).collect();
    let more: Vec<_> = arrived.iter().filter(|text| wanted.binary_search(text).is_err()).collect();
    anyhow::bail!(
        "{} of {} wanted: {} missing, such as {:?}, {} others, such as {:?}",
        arrived.len(),
        wanted.len(),
        missing.len(),
        missing.first(),
        more.len(),
        more.first()
    )
}

/// Fails when an event was given up.
pub(crate) async fn no_dead_letters(sinks: &Fixture) -> Result<()> {
    let letters = sinks.dead(RECEIVER).await;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.headers.get(header::DEAD_REASON)).collect();
    ensure!(reasons.is_empty(), "dead letters: {reasons:?}");
    Ok(())
}

/// Waits until what was sent had to be sent again.
pub(crate) async fn retried(sinks: &Fixture, times: u64) -> Result<()> {
    wait::until("attempts to be repeated", BOUND, || async { sinks.metric("retried", RECEIVER) >= times }).await
}

/// Whether the dead letters are this event alone, with what the server said of it.
pub(crate) async fn is_kept(sinks: &Fixture, event: &Value, reason: &str) -> Result<()> {
    let letters = sinks.dead(RECEIVER).await;
    ensure!(letters.len() == 1, "{} dead letters", letters.len());
    let of = |name| letters[0].headers.get(name).unwrap_or_default();
    let name = event["metadata"]["name"].as_str().unwrap_or_default();
    ensure!(of(header::IDENTITY) == identity(name), "the dead letter is {}", of(header::IDENTITY));
    ensure!(letters[0].payload == event.to_string(), "the dead letter is not the event");
    ensure!(of(header::DEAD_REASON).contains(reason), "its reason is {:?} and does not say {reason:?}", of(header::DEAD_REASON));
    Ok(())
}
