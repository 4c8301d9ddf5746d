//! Enrichers and nats-server that stop, or are killed, in the middle.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use herald_common::bus::header;
use herald_testkit::{
    apiserver::{Fault, Trouble},
    nats::NatsOptions,
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::Value;

use crate::fixture::{BOUND, Fixture, reference};

/// Waits until that many events came out.
async fn at_least(fixture: &Fixture, number: usize) {
    let reached = || async { fixture.stored().await.len() >= number };
    wait::until("some events", BOUND, reached).await.expect("published");
}

async fn ids_of_all(fixture: &Fixture, number: usize) {
    fixture.holds(number).await;
    let stored = fixture.stored().await;
    let ids: HashSet<&str> = stored.iter().filter_map(|stored| stored.headers.get(header::MESSAGE_ID)).collect();
    assert_eq!(ids.len(), number);
    assert!((0..number).all(|number| ids.contains(format!("c/event-e{number}/7").as_str())), "the identities they came with");
}

#[tokio::test]
async fn killed_enrichers_lose_and_repeat_nothing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("nats: {ackWaitSeconds: 2}").await;
    for number in 0..600 {
        fixture.publish(&format!("e{number}"), &reference(&fixture.pod(&format!("p{}", number % 60)))).await;
    }
    for reached in [50, 200, 400] {
        fixture.run().await;
        at_least(&fixture, reached).await;
        fixture.kill().await;
    }
    fixture.run().await;
    fixture.acknowledged().await;
    ids_of_all(&fixture, 600).await;
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_next_stream_has_it() {
    skip_unless!(Tool::NatsServer);
    let users = "authorization { users: [ {user: full, password: p}, \
                 {user: mute, password: p, permissions: {publish: {deny: \"herald.enriched.>\"}, subscribe: \">\"}} ] }";
    let options = NatsOptions { config: users.to_owned(), ..NatsOptions::default() };
    let mut fixture = Fixture::idle_on(options, "nats: {user: full, password: p, ackWaitSeconds: 2}").await;
    let pod = reference(&fixture.pod("web"));
    fixture.publish("e0", &pod).await;
    fixture.publish("e1", &pod).await;
    // This one may do everything but publish what it enriched.
    fixture.log_in_as("mute");
    fixture.run().await;
    let enriched = || async { fixture.process.metrics.read_cache_hits.get() > 0 };
    wait::until("both events to be enriched", BOUND, enriched).await.expect("enriched");
    fixture.kill().await;
    fixture.log_in_as("full");
    fixture.run().await;
    ids_of_all(&fixture, 2).await;
}

#[tokio::test]
async fn a_restart_of_nats_loses_and_repeats_nothing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("nats: {ackWaitSeconds: 2}").await;
    for number in 0..600 {
        fixture.publish(&format!("e{number}"), &reference(&fixture.pod(&format!("p{number}")))).await;
    }
    fixture.run().await;
    at_least(&fixture, 50).await;
    fixture.nats.kill();
    fixture.nats.restart().await.expect("restarts");
    ids_of_all(&fixture, 600).await;
    fixture.acknowledged().await;
    fixture.stop().await;
}

#[tokio::test]
async fn objects_are_shared_again_after_nats_lost_its_memory() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::running(3, "cacheSize: 1").await;
    fixture.enrich("before", &reference(&fixture.pod("before"))).await;
    fixture.nats.kill();
    fixture.nats.restart().await.expect("restarts");
    fixture.enrich("after", &reference(&fixture.pod("after"))).await;
    let pods: Vec<Value> = (0..20).map(|number| reference(&fixture.pod(&format!("p{number}")))).collect();
    for round in 0..5 {
        for (number, pod) in pods.iter().enumerate() {
            fixture.publish(&format!("{number}-{round}"), pod).await;
        }
    }
    fixture.holds(102).await;
    let reads = fixture.api.reads();
    assert_eq!(reads.len(), 22);
    assert!(reads.values().all(|reads| reads.total == 1), "{reads:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn what_cannot_be_finished_is_handed_back() {
    skip_unless!(Tool::NatsServer);
    // AckWait would hand it out much later.
    let mut fixture = Fixture::running(1, "nats: {ackWaitSeconds: 50}").await;
    fixture.ready().await;
    fixture.api.fault(Fault::new("get", "pods", Trouble::Hang));
    fixture.publish("e0", &reference(&fixture.pod("web"))).await;
    let asked = || async { fixture.gets() > 0 };
    wait::until("the lookup to hang", BOUND, asked).await.expect("asked");
    let begun = Instant::now();
    fixture.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    fixture.api.clear_faults();
    fixture.run().await;
    let begun = Instant::now();
    // The claim that was left behind is respected for a while.
    assert_eq!(fixture.arrives("e0").await.how, "live");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_long_lookup_is_not_handed_out_twice() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "nats: {ackWaitSeconds: 4}").await;
    fixture.ready().await;
    // Hangs for longer than AckWait, is repeated, and works.
    fixture.api.fault(Fault::new("get", "pods", Trouble::Hang).times(1));
    let event = fixture.enrich("e0", &reference(&fixture.pod("web"))).await;
    assert_eq!(event.how, "live");
    fixture.acknowledged().await;
    assert_eq!(fixture.process.metrics.stage("enricher").received.get(), 1);
}
