//! The order of events, and who waits for whom.

use std::{future::ready, time::Duration};

use herald_testkit::{
    apiserver::{Fault, Trouble},
    skip_unless,
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture, reference};

#[tokio::test]
async fn a_slow_lookup_holds_up_the_events_of_its_object_only() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.ready().await;
    fixture.api.fault(Fault::new("get", "pods", Trouble::Delay(4_000)).named("slow"));
    let slow = fixture.pod("slow");
    for number in 0..5 {
        fixture.publish(&format!("slow-{number}"), &reference(&slow)).await;
    }
    for number in 0..50 {
        fixture.publish(&format!("fast-{number}"), &reference(&fixture.pod(&format!("fast-{number}")))).await;
    }
    let (names, how): (Vec<String>, Vec<String>) = fixture.holds(55).await.into_iter().map(|event| (event.name, event.how)).unzip();
    assert!(names[..50].iter().all(|name| name.starts_with("fast")), "{names:?}");
    assert_eq!(names[50..], ["slow-0", "slow-1", "slow-2", "slow-3", "slow-4"]);
    assert_eq!(how[50..], ["live", "cached", "cached", "cached", "cached"], "they waited for one answer");
    assert_eq!(fixture.gets(), 51);
}

#[tokio::test]
async fn events_of_an_object_keep_their_order_whatever_version_they_name() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::running(1, "").await;
    fixture.api.fault(Fault::new("get", "pods", Trouble::Delay(300)).probability(0.5));
    let mut published = Vec::new();
    for round in 0..20 {
        for pod in 0..5 {
            // Every other round, the pod has changed.
            let object = if round % 2 == 0 {
                fixture.pod(&format!("p{pod}"))
            } else {
                fixture.api.get("pods", "shop", &format!("p{pod}")).expect("there")
            };
            let name = format!("p{pod}-{round:02}");
            fixture.publish(&name, &reference(&object)).await;
            published.push(name);
        }
    }
    let arrived = fixture.holds(100).await;
    for pod in 0..5 {
        let of = |names: Vec<String>| names.into_iter().filter(|name| name.starts_with(&format!("p{pod}-"))).collect::<Vec<_>>();
        assert_eq!(of(arrived.iter().map(|event| event.name.clone()).collect()), of(published.clone()));
    }
    assert_eq!(fixture.gets(), 50);
}

/// The server learns late that the first was put back, so that by its clock the second comes back before it.
#[tokio::test]
async fn what_was_put_back_is_not_overtaken() {
    skip_unless!(Tool::NatsServer);
    const LATE: Duration = Duration::from_millis(200);
    let fixture = Fixture::running(1, "").await;
    let pod = fixture.pod("web");
    fixture.api.fault(Fault::new("get", "pods", Trouble::Hang).named("web"));
    fixture.publish("first", &reference(&pod)).await;
    wait::until("the lookup to begin", BOUND, || ready(fixture.gets() == 1)).await.expect("begins");
    fixture.nats.process().pause().expect("paused");
    fixture.api.stop().await;
    let put_back = || ready(fixture.process.metrics.stage("enricher").retried.get() == 1);
    wait::until("the event to be put back", BOUND, put_back).await.expect("put back");
    tokio::time::sleep(LATE).await;
    fixture.nats.process().resume().expect("resumed");
    fixture.api.clear_faults();
    fixture.api.start_again().await.expect("starts again");
    fixture.publish("second", &reference(&pod)).await;
    let names: Vec<String> = fixture.holds(2).await.into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["first", "second"]);
}
