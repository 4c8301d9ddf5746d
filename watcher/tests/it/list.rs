//! What lists publish.

use herald_testkit::{
    apiserver::{Fault, Trouble},
    skip_unless,
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture, event, now};

#[tokio::test]
async fn a_fresh_install_leaves_out_what_is_older_and_only_then() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c\nmaxEventAgeSeconds: 60").await;
    fixture.api.put(event("shop", "old", 1, "2020-01-01T00:00:00Z")).expect("stored");
    fixture.api.put(event("shop", "new", 1, &now())).expect("stored");
    fixture.run().await;
    fixture.opened(1).await;
    // What a watch brings is published whatever its age.
    fixture.api.put(event("shop", "late", 1, "2020-01-01T00:00:00Z")).expect("stored");
    fixture.holds(2).await;
    assert_eq!(fixture.published().await, ["late/1 added", "new/1 listed"]);
    let metrics = String::from_utf8(fixture.process.metrics.text().expect("text")).expect("UTF-8");
    assert!(metrics.contains("events_discarded 1\n"), "{metrics}");
    fixture.stop().await;
}

#[tokio::test]
async fn a_first_list_that_was_interrupted_keeps_its_age_limit() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c\nmaxEventAgeSeconds: 3600").await;
    fixture.put("a", 1);
    fixture.run().await;
    fixture.holds(1).await;
    fixture.kill().await;
    // As if the process had died in its first list, two hours ago.
    let begun = jiff::Timestamp::now() - std::time::Duration::from_secs(7_200);
    fixture.set_checkpoint(&serde_json::json!({"resourceVersion": "", "sequence": 0, "observed": null, "oldest": begun.to_string()})).await;
    let ninety_minutes_ago = jiff::Timestamp::now() - std::time::Duration::from_secs(5_400);
    fixture.api.put(event("shop", "b", 1, &ninety_minutes_ago.to_string())).expect("stored");
    fixture.run().await;
    fixture.holds(2).await;
    fixture.stop().await;
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_survives_an_expired_token() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c\nmaxEventAgeSeconds: 3600\nnats: {duplicateWindowSeconds: 2, ackWaitSeconds: 1}").await;
    for number in 0..1_100 {
        fixture.put(&format!("e{number:04}"), 1);
    }
    // The probe and the first page are answered, the third page's token is refused as expired.
    for _ in 0..3 {
        fixture.api.fault(Fault::new("list", "events", Trouble::Delay(1)).times(1));
    }
    fixture.api.fault(Fault::status("list", "events", 410).times(1));
    fixture.run().await;
    fixture.opened(1).await;
    fixture.holds(1_100).await;
    let pages = fixture.api.requests().iter().filter(|request| request.verb == "list" && request.path.contains("limit=250")).count();
    assert!(pages >= 7, "{pages} pages: two, one refused, and all five again");
    fixture.checkpointed().await;
    fixture.stop().await;
}

#[tokio::test]
async fn a_list_that_fails_goes_on_with_the_same_page() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("clusterName: c\nmaxEventAgeSeconds: 3600").await;
    for number in 0..300 {
        fixture.put(&format!("e{number}"), 1);
    }
    fixture.api.fault(Fault::new("list", "events", Trouble::Delay(1)).times(2));
    fixture.api.fault(Fault::status("list", "events", 500).times(2));
    fixture.run().await;
    fixture.holds(300).await;
    let lists = || async { fixture.api.count("list", "events") == 5 };
    wait::until("a probe, two pages, two failures", BOUND, lists).await.expect("listed");
    fixture.stop().await;
}
