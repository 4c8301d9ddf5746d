//! What a watch publishes.

use std::time::Duration;

use herald_common::bus::header;
use herald_testkit::{
    apiserver::{Fault, Trouble, WatchTrouble},
    skip_unless,
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture};

#[tokio::test]
async fn changes_are_published_as_versions_of_their_own_and_deletions_are_not() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    let first = fixture.put("a", 1);
    fixture.put("a", 2);
    fixture.api.delete("events", "shop", "a");
    fixture.put("b", 1);
    fixture.holds(3).await;
    assert_eq!(fixture.published().await, ["a/1 added", "a/2 modified", "b/1 added"]);
    let messages = fixture.raw().await;
    assert_eq!(messages[0].subject, "herald.raw.c.shop.Pod.R");
    let (uid, version) = (&first["metadata"]["uid"], &first["metadata"]["resourceVersion"]);
    let identity = format!("c/{}/{}", uid.as_str().expect("a UID"), version.as_str().expect("a version"));
    assert_eq!(messages[0].headers.get(header::MESSAGE_ID), Some(identity.as_str()));
    assert!(messages[0].headers.observed().is_some());
    let metrics = String::from_utf8(fixture.process.metrics.text().expect("text")).expect("UTF-8");
    assert!(metrics.contains("events_sent 3\n"), "{metrics}");
    fixture.stop().await;
    fixture.checkpointed().await;
}

#[tokio::test]
async fn excluded_namespaces_are_left_out() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c\nexcludeNamespaces: [kube-system]").await;
    fixture.put_in("kube-system", "listed", 1);
    fixture.run().await;
    fixture.opened(1).await;
    fixture.put_in("kube-system", "x", 1);
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.checkpointed().await;
    assert_eq!(fixture.published().await, ["a/1 added"]);
    fixture.stop().await;
}

#[tokio::test]
async fn each_configured_namespace_is_watched_alone() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c\nnamespaces: [shop, bank]").await;
    fixture.run().await;
    fixture.opened(2).await;
    fixture.put_in("shop", "a", 1);
    fixture.put_in("other", "x", 1);
    fixture.put_in("bank", "b", 1);
    fixture.holds(2).await;
    fixture.stop().await;
    assert_eq!(fixture.published().await, ["a/1 added", "b/1 added"]);
}

#[tokio::test]
async fn a_connection_that_only_looks_open_is_given_up() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c").await;
    fixture.period = Duration::from_secs(1);
    fixture.run().await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.opened(1).await;
    fixture.api.disturb_watches("events", WatchTrouble::Silent);
    fixture.put("b", 1);
    fixture.put("c", 1);
    fixture.holds(3).await;
    fixture.stop().await;
}

#[tokio::test]
async fn watches_cut_off_go_on_where_they_were() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    for round in 1..=5 {
        fixture.put("a", round);
        fixture.api.disturb_watches("events", if round % 2 == 0 { WatchTrouble::Cut } else { WatchTrouble::Close });
    }
    fixture.holds(5).await;
    assert!(fixture.gaps().await.is_empty());
    fixture.stop().await;
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for_and_readiness_says_so() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c").await;
    fixture.api.stop().await;
    fixture.run().await;
    let health = fixture.process.health.clone();
    let unready = || async { health.unready().iter().any(|reason| reason.contains("kube-apiserver (_all): list of events failed")) };
    wait::until("the reason to be told", BOUND, unready).await.expect("told");
    fixture.api.start_again().await.expect("starts");
    fixture.opened(1).await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    let ready = || async { health.unready().is_empty() };
    wait::until("readiness", BOUND, ready).await.expect("ready");
    fixture.stop().await;
}

#[tokio::test]
async fn throttling_is_obeyed() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c").await;
    fixture.api.fault(Fault::status("watch", "events", 429).retry_after(Duration::from_secs(2)).times(1));
    fixture.api.fault(Fault::new("list", "events", Trouble::Cut).times(1));
    fixture.run().await;
    let refused = || async { fixture.api.count("watch", "events") == 1 };
    wait::until("the refused watch", BOUND, refused).await.expect("asked");
    let begun = std::time::Instant::now();
    fixture.opened(1).await;
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "asked again after {:?}", begun.elapsed());
    let metrics = String::from_utf8(fixture.process.metrics.text().expect("text")).expect("UTF-8");
    assert!(metrics.contains("watch_errors 2\n"), "{metrics}");
    fixture.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_becomes_a_gap_marker_and_stops_nothing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    let mut bad = crate::fixture::event("shop", "bad", 1, "");
    bad["reason"] = serde_json::json!(7);
    fixture.api.put(bad).expect("stored");
    fixture.put("a", 1);
    fixture.holds(1).await;
    let gaps = fixture.gaps().await;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].from.starts_with("c/") && gaps[0].message.contains("invalid type"), "{gaps:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn bytes_that_are_no_utf8_cost_no_event() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    let put = |fixture: &Fixture, name: &'static str| {
        let rest = |version: u64| {
            let start = format!(
                r#""metadata":{{"name":"{name}","namespace":"shop","uid":"{name}","resourceVersion":"{version}"}},"message":"bad "#
            );
            [start.as_bytes(), b"\xf0\x9f\xa6 \x80 \xc3", br#"","reason":"R","count":1}"#].concat()
        };
        fixture.api.put_bytes("events", "shop", name, rest).expect("stored")
    };
    put(&fixture, "watched");
    fixture.holds(1).await;
    fixture.stop().await;
    // The next comes by a list.
    put(&fixture, "listed");
    fixture.api.compact();
    fixture.run().await;
    fixture.holds(2).await;
    for stored in fixture.raw().await {
        let text = String::from_utf8_lossy(&stored.payload).into_owned();
        assert!(text.contains("bad \u{FFFD} \u{FFFD} \u{FFFD}"), "{text}");
    }
    assert!(fixture.gaps().await.is_empty());
    fixture.stop().await;
}
