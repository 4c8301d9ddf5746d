//! What is exported of objects in all their states.

use herald_common::event::ObjectReference;
use herald_testkit::{skip_unless, tools::Tool};
use serde_json::json;

use crate::fixture::{Fixture, reference};

#[tokio::test]
async fn an_objects_metadata_and_fate_are_added() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    let live = fixture.pod("live");
    let gone = ObjectReference { name: "gone".to_owned(), ..fixture.pod("gone") };
    fixture.api.delete("pods", "shop", "gone");
    let going = reference(&fixture.api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "going", "namespace": "shop", "labels": {"l": "v"}, "deletionTimestamp": "2024-01-01T00:00:00Z"}})).expect("stored"));
    let impostor = ObjectReference { uid: "another".to_owned(), ..fixture.pod("impostor") };
    // kubelet writes the node's name where the UID belongs, and events about nodes have no namespace in the reference, or one that means nothing.
    let node = ObjectReference { uid: "node-a".to_owned(), namespace: "default".to_owned(), ..fixture.object("v1", "Node", "", "node-a") };
    for (name, about) in [("live", live), ("gone", gone), ("going", going), ("impostor", impostor), ("node", node)] {
        fixture.publish(name, about).await;
    }
    let enriched = fixture.enriched(5).await;
    let state = |name: &str| {
        let found = &enriched[name];
        (found.enrichment.as_str(), found.event.object.deleted, found.event.object.labels.len())
    };
    assert_eq!(state("live"), ("live", false, 1));
    assert_eq!(enriched["live"].event.object.annotations["a"], "b");
    assert_eq!(enriched["live"].event.object.owner_references[0].name, "o");
    assert_eq!(enriched["live"].event.cluster_name, "c");
    assert_eq!(state("gone"), ("deleted", true, 0));
    assert_eq!(state("going"), ("deleted", true, 1), "an object being deleted keeps its labels");
    assert_eq!(state("impostor"), ("deleted", true, 0), "another object of that name lends no labels");
    assert_eq!(state("node"), ("live", false, 1));
    fixture.stop().await;
}

#[tokio::test]
async fn a_custom_resource_is_found_and_an_unknown_kind_stops_nothing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    fixture.api.register("example.com", "v1", "Widget", "widgets", true);
    let widget = fixture.object("example.com/v1", "Widget", "shop", "w");
    fixture.publish("widget", widget).await;
    for (name, api_version) in [("kind", "v1"), ("group", "nowhere.example.com/v1")] {
        let about = ObjectReference {
            api_version: api_version.to_owned(),
            kind: "Unheard".to_owned(),
            name: "x".to_owned(),
            ..ObjectReference::default()
        };
        fixture.publish(name, about).await;
    }
    let enriched = fixture.enriched(3).await;
    assert_eq!(enriched["widget"].event.object.labels["name"], "w");
    assert_eq!((enriched["kind"].enrichment.as_str(), enriched["group"].enrichment.as_str()), ("unavailable", "unavailable"));
    fixture.stop().await;
}

#[tokio::test]
async fn without_lookups_the_api_server_is_not_asked() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "omitLookup: true\n").await;
    let pod = fixture.pod("p");
    fixture.publish("e", pod).await;
    assert_eq!(fixture.enriched(1).await["e"].enrichment, "omitted");
    assert_eq!((fixture.api.count("*", "*"), fixture.api.discovery_requests()), (0, 0));
    fixture.stop().await;
}
