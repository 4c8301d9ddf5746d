//! Several enrichers share the work and what they read.

use std::collections::HashSet;

use herald_testkit::{
    apiserver::{Fault, Trouble},
    skip_unless,
    tools::Tool,
};
use serde_json::Value;

use crate::fixture::{Fixture, reference};

const OBJECTS: usize = 50;
const ROUNDS: usize = 20;

async fn one_read_for_each_version(replicas: usize) {
    let mut fixture = Fixture::running(replicas, "").await;
    // Slow answers, so that many events ask while the first is under way.
    fixture.api.fault(Fault::new("get", "pods", Trouble::Delay(50)));
    let pods: Vec<Value> = (0..OBJECTS).map(|number| reference(&fixture.pod(&format!("p{number}")))).collect();
    for round in 0..ROUNDS {
        for (number, pod) in pods.iter().enumerate() {
            fixture.publish(&format!("{number}-{round}"), pod).await;
        }
    }
    let events = fixture.holds(OBJECTS * ROUNDS).await;
    assert_eq!(events.iter().map(|event| &event.name).collect::<HashSet<_>>().len(), OBJECTS * ROUNDS);
    assert!(events.iter().all(|event| event.object["labels"]["name"] == event.object["name"]));
    let reads = fixture.api.reads();
    assert_eq!(reads.len(), OBJECTS);
    assert!(reads.values().all(|reads| reads.total == 1 && reads.metadata_only == 1), "{reads:?}");
    assert_eq!(events.iter().filter(|event| event.how == "live").count(), OBJECTS);
    assert_eq!(fixture.process.metrics.read_cache_misses.get(), OBJECTS as u64);
    assert_eq!(fixture.process.metrics.read_cache_hits.get(), (OBJECTS * (ROUNDS - 1)) as u64);
    assert_eq!(fixture.api.discovery_requests(), replicas as u64, "kinds are asked for once");
    if replicas > 1 {
        assert!(events.iter().any(|event| event.how == "shared"), "the work was shared");
    }
    fixture.acknowledged().await;
    fixture.stop().await;
}

#[tokio::test]
async fn one_replica_reads_each_version_once() {
    skip_unless!(Tool::NatsServer);
    one_read_for_each_version(1).await;
}

#[tokio::test]
async fn three_replicas_read_each_version_once() {
    skip_unless!(Tool::NatsServer);
    one_read_for_each_version(3).await;
}

#[tokio::test]
async fn a_small_cache_is_backed_by_what_is_shared() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "cacheSize: 1").await;
    let pods = [reference(&fixture.pod("a")), reference(&fixture.pod("b"))];
    let mut how = Vec::new();
    for number in 0..4 {
        how.push(fixture.enrich(&format!("e{number}"), &pods[number % 2]).await.how);
    }
    assert_eq!(how, ["live", "live", "shared", "shared"]);
    assert_eq!(fixture.gets(), 2);
}
