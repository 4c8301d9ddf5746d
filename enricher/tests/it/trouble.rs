//! An API server that refuses, throttles, fails or does not answer.

use std::time::Duration;

use herald_testkit::{
    apiserver::{Fault, Trouble},
    skip_unless,
    tools::Tool,
};

use crate::fixture::Fixture;

#[tokio::test]
async fn a_forbidden_kind_is_exported_and_asked_for_once() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    fixture.api.deny("get", "secrets");
    for number in 0..5 {
        let secret = fixture.object("v1", "Secret", "shop", &format!("s-{number}"));
        fixture.publish(&format!("e-{number}"), secret).await;
        fixture.enriched(number + 1).await;
    }
    let enriched = fixture.enriched(5).await;
    assert!(enriched.values().all(|found| found.enrichment == "forbidden" && found.event.object.labels.is_empty()));
    assert_eq!(fixture.api.count("get", "secrets"), 1);
    fixture.stop().await;
}

#[tokio::test]
async fn throttling_and_short_failures_are_waited_for() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    fixture.api.fault(Fault::status("get", "pods", 429).retry_after(Duration::from_secs(1)).times(1));
    fixture.api.fault(Fault::status("get", "pods", 500).times(1));
    let pod = fixture.pod("p");
    fixture.publish("e", pod).await;
    assert_eq!(fixture.enriched(1).await["e"].enrichment, "live");
    fixture.stop().await;
}

#[tokio::test]
async fn a_lookup_that_never_answers_holds_up_its_own_object_only() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "lookupPatience: 1s\n").await;
    fixture.api.fault(Fault::new("get", "pods", Trouble::Hang).named("stuck"));
    let (stuck, other) = (fixture.pod("stuck"), fixture.pod("other"));
    fixture.publish("s1", stuck.clone()).await;
    fixture.publish("s2", stuck).await;
    for number in 0..5 {
        fixture.publish(&format!("o{number}"), other.clone()).await;
    }
    let first = fixture.enriched(5).await;
    assert!(first.keys().all(|name| name.starts_with('o')), "the others did not wait");
    let places: Vec<u64> = (0..5).map(|number| first[&format!("o{number}")].sequence).collect();
    assert!(places.is_sorted(), "events about one object keep their order: {places:?}");
    let all = fixture.enriched(7).await;
    assert_eq!(
        (all["s1"].enrichment.as_str(), all["s2"].enrichment.as_str()),
        ("unavailable", "unavailable"),
        "exported without, once patience is over"
    );
    assert!(all["s1"].sequence < all["s2"].sequence);
    fixture.stop().await;
}

#[tokio::test]
async fn what_cannot_be_looked_up_now_comes_back_later() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::start(1, "").await;
    fixture.api.fault(Fault::status("get", "pods", 503).times(3));
    let pod = fixture.pod("p");
    fixture.publish("e", pod).await;
    let found = fixture.enriched(1).await;
    assert_eq!((found["e"].enrichment.as_str(), found["e"].event.object.labels["name"].as_str()), ("live", "p"));
    fixture.stop().await;
}
