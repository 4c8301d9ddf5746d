//! History that was compacted or went back: everything that still exists is published, and a gap is said only when there may be one.

use herald_common::gap::Reason;
use herald_testkit::{
    apiserver::{ApiServer, WatchTrouble},
    skip_unless,
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture};

#[tokio::test]
async fn the_routine_410_of_a_quiet_cluster_is_no_gap() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    fixture.put("a", 3);
    fixture.holds(1).await;
    // Other resources change, history goes, the watch hears 410 within its stream.
    fixture.put_other();
    fixture.api.compact();
    let lists = fixture.api.count("list", "events");
    fixture.api.disturb_watches("events", WatchTrouble::Expired);
    let listed = || async { fixture.api.count("list", "events") > lists && fixture.api.open_watches("events") == 1 };
    wait::until("a list and a new watch", BOUND, listed).await.expect("listed");
    fixture.put("b", 1);
    fixture.holds(2).await;
    assert_eq!(fixture.published().await, ["a/3 added", "b/1 added"]);
    assert!(fixture.gaps().await.is_empty());
    fixture.stop().await;
}

#[tokio::test]
async fn after_a_410_at_the_start_what_still_exists_is_published_without_a_gap_when_none_recurred() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.stop().await;
    for number in 0..300 {
        fixture.put(&format!("b{number}"), 1);
    }
    fixture.put_other();
    fixture.api.compact();
    fixture.run().await;
    fixture.holds(301).await;
    fixture.checkpointed().await;
    let listed = fixture.published().await.iter().filter(|message| message.ends_with("listed")).count();
    assert_eq!(listed, 300);
    assert!(fixture.gaps().await.is_empty());
    fixture.stop().await;
}

#[tokio::test]
async fn events_that_expired_faster_than_usual_are_said_to_be_missing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.stop().await;
    fixture.put("unseen", 1);
    for name in ["a", "unseen"] {
        assert!(fixture.api.delete("events", "shop", name));
    }
    fixture.put("b", 1);
    fixture.api.compact();
    fixture.run().await;
    let marked = || async { fixture.gaps().await.iter().any(|gap| gap.message.contains("nothing is left")) };
    wait::until("a gap marker", BOUND, marked).await.expect("said");
    fixture.holds(2).await;
    fixture.stop().await;
}

#[tokio::test]
async fn versions_that_were_compacted_away_are_said_to_be_missing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.stop().await;
    let from = fixture.checkpoint().await["resourceVersion"].clone();
    fixture.put("a", 2);
    fixture.put("a", 3);
    fixture.api.compact();
    fixture.run().await;
    fixture.holds(2).await;
    let marked = || async { fixture.gaps().await.len() == 1 };
    wait::until("a gap marker", BOUND, marked).await.expect("said");
    assert_eq!(fixture.published().await, ["a/1 added", "a/3 listed"]);
    let gap = fixture.gaps().await.remove(0);
    assert_eq!((gap.reason, gap.source.as_str(), gap.from.as_str()), (Reason::Compacted, "_all", from.as_str().expect("text")));
    assert_eq!(gap.to, fixture.api.revision().to_string());
    let metrics = String::from_utf8(fixture.process.metrics.text().expect("text")).expect("UTF-8");
    assert!(metrics.contains("herald_gaps_total{reason=\"compacted\"} 1\n"), "{metrics}");
    fixture.stop().await;
}

#[tokio::test]
async fn an_absence_longer_than_events_live_is_said() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.stop().await;
    let mut checkpoint = fixture.checkpoint().await;
    checkpoint["observed"] = serde_json::json!("2020-01-01T00:00:00Z");
    fixture.set_checkpoint(&checkpoint).await;
    fixture.put("b", 1);
    fixture.api.compact();
    fixture.run().await;
    fixture.holds(2).await;
    let marked = || async { fixture.gaps().await.iter().any(|gap| gap.message.contains("expired meanwhile")) };
    wait::until("a gap marker", BOUND, marked).await.expect("said");
    fixture.stop().await;
}

#[tokio::test]
async fn a_restored_api_server_is_noticed_and_listed() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    let kept = fixture.put("a", 1);
    for number in 0..20 {
        fixture.put(&format!("b{number}"), 1);
    }
    fixture.holds(21).await;
    fixture.stop().await;
    fixture.checkpointed().await;
    // A backup from before the b's, and one event since.
    fixture.api = ApiServer::start().await.expect("starts");
    fixture.api.put_exact(kept).expect("stored");
    fixture.put("after", 1);
    fixture.run().await;
    fixture.opened(1).await;
    fixture.put("later", 1);
    fixture.holds(23).await;
    let gaps = fixture.gaps().await;
    assert_eq!(gaps.iter().map(|gap| gap.reason).collect::<Vec<_>>(), [Reason::Restored]);
    fixture.checkpointed().await;
    fixture.stop().await;
}

impl Fixture {
    /// Something happens that is no event.
    fn put_other(&self) {
        for number in 0..3 {
            let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": format!("m{number}")}});
            self.api.put(object).expect("stored");
        }
    }
}
