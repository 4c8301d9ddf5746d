//! What is found out about an object, and how often the API server is asked.

use herald_common::{
    bus::{Stream, header, inspect::From},
    event::Event,
};
use herald_testkit::{skip_unless, tools::Tool, wait};
use serde_json::{Value, json};

use crate::fixture::{BOUND, Fixture, reference};

#[tokio::test]
async fn labels_annotations_and_owners_come_from_one_metadata_read() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::running(1, "").await;
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "r", "controller": true, "blockOwnerDeletion": true});
    let metadata =
        json!({"namespace": "shop", "name": "web", "labels": {"app": "web"}, "annotations": {"a/b": "<c>"}, "ownerReferences": [owner]});
    let pod = fixture.api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n"}})).expect("stored");
    let first = fixture.enrich("e1", &reference(&pod)).await;
    let mut wanted = reference(&pod);
    wanted["labels"] = json!({"app": "web"});
    wanted["annotations"] = json!({"a/b": "<c>"});
    wanted["ownerReferences"] = json!([owner]);
    wanted["deleted"] = json!(false);
    assert_eq!((first.how.as_str(), &first.object), ("live", &wanted));
    let second = fixture.enrich("e2", &reference(&pod)).await;
    assert_eq!((second.how.as_str(), &second.object), ("cached", &wanted));
    // A changed object is another one.
    let pod = fixture.pod("web");
    let third = fixture.enrich("e3", &reference(&pod)).await;
    assert_eq!((third.how.as_str(), &third.object["labels"]), ("live", &json!({"name": "web"})));
    assert_eq!(fixture.gets(), 2);
    assert!(fixture.api.requests().iter().filter(|request| request.verb != "discovery").all(|request| request.metadata_only));
    assert_eq!(fixture.process.metrics.read_cache_misses.get(), 2);
    assert_eq!(fixture.process.metrics.read_cache_hits.get(), 1);

    let stored = &fixture.stored().await[0];
    assert_eq!(stored.subject, "herald.enriched.c.Normal.shop.Pod.R");
    let headers = [header::MESSAGE_ID, header::CONTENT_TYPE, header::SCHEMA, header::CLUSTER, header::CHANGE, header::OBSERVED];
    let headers = headers.map(|name| stored.headers.get(name).unwrap_or_default());
    assert_eq!(headers, ["c/event-e1/7", "application/json", "1", "c", "added", "2026-01-02T03:04:05Z"]);
    assert!(stored.headers.get(header::TRACEPARENT).is_some());
    fixture.acknowledged().await;
    fixture.stop().await;
}

#[tokio::test]
async fn an_object_is_deleted_when_it_is_gone_going_or_replaced() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    let pod = fixture.pod("gone");
    fixture.api.delete("pods", "shop", "gone");
    let gone = fixture.enrich("gone", &reference(&pod)).await;
    assert!(gone.is_deleted() && gone.how == "deleted", "{gone:?}");
    fixture.enrich("again", &reference(&pod)).await;
    assert_eq!(fixture.gets(), 1, "that it is gone is remembered too");

    let metadata = json!({"namespace": "shop", "name": "going", "labels": {"a": "b"}, "deletionTimestamp": "2026-01-02T03:04:05Z"});
    let pod = fixture.api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})).expect("stored");
    let going = fixture.enrich("going", &reference(&pod)).await;
    assert!(going.is_deleted(), "{going:?}");
    assert_eq!(going.object["labels"], json!({"a": "b"}), "it is still there to be read");

    let pod = fixture.pod("reused");
    fixture.api.delete("pods", "shop", "reused");
    assert_ne!(fixture.pod("reused")["metadata"]["uid"], pod["metadata"]["uid"]);
    let reused = fixture.enrich("reused", &reference(&pod)).await;
    assert!(reused.is_deleted() && reused.object["labels"].is_null(), "labels of another object: {reused:?}");
}

#[tokio::test]
async fn scope_decides_the_path_and_nodes_may_be_named_by_name() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"zone": "a"}}});
    fixture.api.put(node).expect("stored");
    let about = json!({"apiVersion": "v1", "kind": "Node", "namespace": "default", "name": "n1", "uid": "n1"});
    let event = fixture.enrich("node", &about).await;
    assert_eq!((event.how.as_str(), &event.object["labels"], event.is_deleted()), ("live", &json!({"zone": "a"}), false));
    let paths: Vec<String> =
        fixture.api.requests().into_iter().filter(|request| request.verb == "get").map(|request| request.path).collect();
    assert_eq!(paths, ["/api/v1/nodes/n1"]);
}

#[tokio::test]
async fn a_reference_without_uid_or_version_is_asked_for_every_time() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    let pod = fixture.pod("web");
    let mut number = 0;
    for field in ["uid", "resourceVersion"] {
        let mut about = reference(&pod);
        about[field] = json!("");
        for _ in 0..3 {
            number += 1;
            let event = fixture.enrich(&format!("e{number}"), &about).await;
            assert_eq!((event.how.as_str(), &event.object["labels"]), ("live", &json!({"name": "web"})));
            assert_eq!(fixture.gets(), number);
        }
    }
    // Such a key would be shared with this one.
    let other = fixture.pod("other");
    let mut about = reference(&other);
    about["uid"] = json!("");
    about["resourceVersion"] = json!("");
    assert_eq!(fixture.enrich("other", &about).await.object["labels"], json!({"name": "other"}));
}

#[tokio::test]
async fn a_kind_registered_later_is_found_and_discovery_rests_otherwise() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.ready().await;
    let about = |name: &str| json!({"apiVersion": "example.com/v1", "kind": "Gadget", "namespace": "shop", "name": name, "uid": name, "resourceVersion": "1"});
    let unknown = fixture.enrich("before", &about("before")).await;
    assert_eq!((unknown.how.as_str(), unknown.is_deleted()), ("unavailable", false));
    fixture.api.register("example.com", "v1", "Gadget", "gadgets", true);
    let metadata = json!({"namespace": "shop", "name": "g", "uid": "g", "labels": {"l": "v"}});
    fixture.api.put(json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": metadata})).expect("stored");
    let known = fixture.enrich("after", &about("g")).await;
    assert_eq!((known.how.as_str(), &known.object["labels"]), ("live", &json!({"l": "v"})));
    let asked = fixture.api.discovery_requests();
    for number in 0..5 {
        fixture.enrich(&format!("g{number}"), &about(&format!("g{number}"))).await;
        let mut unknown = about("u");
        unknown["kind"] = json!(format!("Unknown{number}"));
        fixture.enrich(&format!("u{number}"), &unknown).await;
    }
    assert_eq!(fixture.api.discovery_requests(), asked, "one refresh a minute and group");
}

#[tokio::test]
async fn without_lookups_the_api_server_is_not_asked() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "omitLookup: true").await;
    let event = fixture.enrich("e", &reference(&fixture.pod("web"))).await;
    assert_eq!((event.how.as_str(), event.is_deleted(), &event.object["labels"]), ("omitted", false, &Value::Null));
    assert!(fixture.api.requests().is_empty());
}

#[tokio::test]
async fn a_reference_to_nothing_is_not_looked_up() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    for (name, about) in
        [("no-kind", json!({"name": "web"})), ("no-name", json!({"kind": "Pod"})), ("dots", json!({"kind": "Pod", "name": ".."}))]
    {
        assert_eq!(fixture.enrich(name, &about).await.how, "omitted");
    }
    assert_eq!(fixture.gets(), 0);
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.publish_raw(&Event::default(), b"\xc1 no event".to_vec(), "application/msgpack").await;
    fixture.enrich("next", &reference(&fixture.pod("web"))).await;
    fixture.acknowledged().await;
    let dead = || async {
        let mut all = Vec::new();
        let filter = vec![fixture.bus.subjects().dead("enricher")];
        let read = fixture.bus.read_back(&Stream::Dead, filter, From::Beginning, |stored| all.push(stored)).await;
        read.ok().and(all.pop())
    };
    let dead = wait::some("the dead letter", BOUND, dead).await.expect("kept");
    assert_eq!(&dead.payload[..], b"\xc1 no event");
    assert!(dead.headers.get(header::DEAD_REASON).is_some());
}

#[tokio::test]
async fn the_recorded_events_come_out_byte_for_byte() {
    skip_unless!(Tool::NatsServer);
    for recorded in [
        include_str!("../../../common/tests/conformance/deleted-with-owner.json"),
        include_str!("../../../common/tests/conformance/live-with-owner.json"),
        include_str!("../../../common/tests/conformance/no-owner.json"),
    ] {
        let recorded = recorded.trim_end();
        let fixture = Fixture::running(1, "").await;
        let mut event: Value = serde_json::from_str(recorded).expect("JSON");
        let object = event["involvedObject"].as_object_mut().expect("an object");
        let mut metadata = json!({});
        for key in ["name", "namespace", "uid", "resourceVersion"] {
            metadata[key] = object[key].clone();
        }
        for key in ["labels", "annotations", "ownerReferences"] {
            if let Some(value) = object.remove(key) {
                metadata[key] = value;
            }
        }
        if object.remove("deleted") == Some(json!(true)) {
            metadata["deletionTimestamp"] = json!("2023-11-17T19:37:03Z");
        }
        let about = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata});
        fixture.api.put_exact(about).expect("stored");
        let event: Event = serde_json::from_value(event).expect("an event");
        let payload = serde_json::to_vec(&event).expect("encodes");
        fixture.publish_raw(&event, payload, "application/json").await;
        fixture.holds(1).await;
        // The cluster's name comes with the message.
        let wanted = recorded.replace("\"clusterName\":\"my-super-local-cluster\"", "\"clusterName\":\"c\"");
        assert_eq!(String::from_utf8_lossy(&fixture.stored().await[0].payload), wanted);
    }
}
