//! One read for each UID and resourceVersion.

use herald_common::event::ObjectReference;
use herald_testkit::{
    apiserver::{Fault, Trouble},
    skip_unless,
    tools::Tool,
};
use serde_json::json;

use crate::fixture::{Fixture, reference};

async fn one_read_an_object(replicas: usize) {
    let mut fixture = Fixture::start(replicas, "cacheSize: 10\n").await;
    // A slow answer, so that many events ask while the first is under way.
    fixture.api.fault(Fault::new("get", "pods", Trouble::Delay(50)));
    let pods: Vec<ObjectReference> = (0..50).map(|number| fixture.pod(&format!("pod-{number}"))).collect();
    for round in 0..10 {
        for (number, pod) in pods.iter().enumerate() {
            fixture.publish(&format!("e-{round}-{number}"), pod.clone()).await;
        }
    }
    let enriched = fixture.enriched(500).await;
    assert!(enriched.values().all(|found| found.event.object.labels["name"] == found.event.event.involved_object.name));
    let reads = fixture.reads();
    assert_eq!(reads.len(), 50);
    assert!(reads.values().all(|count| *count == 1), "{reads:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn an_object_is_read_once_even_when_the_cache_is_too_small() {
    skip_unless!(Tool::NatsServer);
    one_read_an_object(1).await;
}

#[tokio::test]
async fn three_replicas_read_an_object_once_between_them() {
    skip_unless!(Tool::NatsServer);
    one_read_an_object(3).await;
}

#[tokio::test]
async fn a_changed_object_is_read_again_and_an_unversioned_reference_every_time() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    let old = fixture.pod("p");
    fixture.publish("old", old.clone()).await;
    fixture.enriched(1).await;
    let changed = reference(&fixture.api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop", "uid": old.uid, "labels": {"name": "new"}}})).expect("stored"));
    fixture.publish("new", changed.clone()).await;
    assert_eq!(fixture.enriched(2).await["new"].event.object.labels["name"], "new");
    assert_eq!(fixture.reads()["p"], 2);
    let unversioned = ObjectReference { resource_version: String::new(), ..changed };
    for name in ["u1", "u2"] {
        fixture.publish(name, unversioned.clone()).await;
        fixture.enriched(if name == "u1" { 3 } else { 4 }).await;
    }
    assert_eq!(fixture.reads()["p"], 4, "never cached under a shared key");
    fixture.stop().await;
}

#[tokio::test]
async fn kinds_are_asked_for_once() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    for number in 0..20 {
        let pod = fixture.pod(&format!("p-{number}"));
        fixture.publish(&format!("e-{number}"), pod).await;
    }
    fixture.enriched(20).await;
    assert_eq!(fixture.api.discovery_requests(), 1);
    fixture.stop().await;
}

#[tokio::test]
async fn objects_are_shared_again_after_nats_lost_its_memory() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(3, "cacheSize: 1\n").await;
    let warm = fixture.pod("warm");
    fixture.publish("warm", warm).await;
    fixture.enriched(1).await;
    fixture.restart_nats().await;
    let again = fixture.pod("again");
    fixture.publish("again", again).await;
    fixture.enriched(2).await;
    let pods: Vec<ObjectReference> = (0..20).map(|number| fixture.pod(&format!("pod-{number}"))).collect();
    for round in 0..5 {
        for (number, pod) in pods.iter().enumerate() {
            fixture.publish(&format!("e-{round}-{number}"), pod.clone()).await;
        }
    }
    fixture.enriched(102).await;
    let reads = fixture.reads();
    assert!(pods.iter().all(|pod| reads[&pod.name] == 1), "{reads:?}");
    fixture.stop().await;
}
