//! An API server that forbids, throttles, fails, hangs, or is away.

use std::time::{Duration, Instant};

use herald_testkit::{
    apiserver::{Fault, Trouble},
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::json;

use crate::fixture::{BOUND, Fixture, reference};

#[tokio::test]
async fn a_forbidden_kind_is_asked_for_once_and_its_events_go_on() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.api.deny("get", "pods");
    for number in 0..5 {
        let event = fixture.enrich(&format!("e{number}"), &reference(&fixture.pod(&format!("p{number}")))).await;
        assert_eq!((event.how.as_str(), event.is_deleted()), ("forbidden", false));
    }
    assert_eq!(fixture.gets(), 1);
    // Permissions may differ by namespace.
    let metadata = json!({"namespace": "other", "name": "p"});
    let pod = fixture.api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})).expect("stored");
    fixture.api.allow("pods");
    assert_eq!(fixture.enrich("other", &reference(&pod)).await.how, "live");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.ready().await;
    fixture.api.fault(Fault::status("get", "pods", 429).retry_after(Duration::from_secs(2)).times(2));
    let begun = Instant::now();
    assert_eq!(fixture.enrich("e", &reference(&fixture.pod("web"))).await.how, "live");
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(fixture.gets(), 3);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.api.fault(Fault::new("get", "pods", Trouble::Hang).times(1));
    fixture.api.fault(Fault::new("get", "pods", Trouble::Cut).times(1));
    assert_eq!(fixture.enrich("e", &reference(&fixture.pod("web"))).await.how, "live");
    assert_eq!(fixture.gets(), 3);
}

#[tokio::test]
async fn an_event_whose_lookup_fails_comes_later() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.api.fault(Fault::status("get", "pods", 500));
    fixture.publish("e", &reference(&fixture.pod("web"))).await;
    let put_back = || async { fixture.process.metrics.stage("enricher").retried.get() > 0 };
    wait::until("the event to be put back", BOUND, put_back).await.expect("put back");
    assert!(fixture.enriched().await.is_empty());
    fixture.api.clear_faults();
    assert_eq!(fixture.arrives("e").await.how, "live");
    fixture.acknowledged().await;
}

#[tokio::test]
async fn patience_ends() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "lookupPatience: 3s").await;
    fixture.api.fault(Fault::status("get", "pods", 500));
    let pod = fixture.pod("web");
    let event = fixture.enrich("e", &reference(&pod)).await;
    assert_eq!((event.how.as_str(), event.is_deleted(), event.object["labels"].is_null()), ("unavailable", false, true));
    fixture.api.clear_faults();
    assert_eq!(fixture.enrich("next", &reference(&pod)).await.how, "live", "not knowing is not remembered");
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle("").await;
    let pods: Vec<_> = (0..20).map(|number| fixture.pod(&format!("p{number}"))).collect();
    fixture.api.stop().await;
    fixture.run().await;
    for (number, pod) in pods.iter().enumerate() {
        fixture.publish(&format!("e{number}"), &reference(pod)).await;
    }
    let waiting = || async { fixture.process.health.unready().iter().any(|why| why.contains("waiting for kube-apiserver")) };
    wait::until("the enricher to say what it waits for", BOUND, waiting).await.expect("said");
    assert!(fixture.enriched().await.is_empty());
    fixture.api.start_again().await.expect("starts");
    fixture.ready().await;
    assert!(fixture.holds(20).await.iter().all(|event| event.how == "live"));
    assert_eq!(fixture.gets(), 20);
    fixture.stop().await;
}

#[tokio::test]
async fn a_broken_group_does_not_matter_to_others() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "lookupPatience: 2s").await;
    fixture.ready().await;
    // The core group is known; every other is broken.
    fixture.api.fault(Fault::new("discovery", "*", Trouble::Hang));
    let broken = json!({"apiVersion": "metrics.example.com/v1", "kind": "Broken", "namespace": "shop", "name": "b", "uid": "b", "resourceVersion": "1"});
    for number in 0..100 {
        let mut about = broken.clone();
        about["uid"] = json!(format!("b{number}"));
        fixture.publish(&format!("b{number}"), &about).await;
    }
    let begun = Instant::now();
    assert_eq!(fixture.enrich("fine", &reference(&fixture.pod("web"))).await.how, "live");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let all = fixture.holds(101).await;
    assert_eq!(all.iter().filter(|event| event.how == "unavailable").count(), 100);
}
