//! Two watchers: side by side, and by turns.

use std::time::Duration;

use herald_testkit::{
    scratch::Scratch,
    skip_unless,
    stage::{Stage, StageOptions},
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture};

#[tokio::test]
async fn two_side_by_side_publish_each_change_once() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    fixture.run().await;
    fixture.opened(2).await;
    for number in 0..500 {
        fixture.put(&format!("e{}", number % 50), number);
    }
    fixture.holds(500).await;
    fixture.checkpointed().await;
    fixture.stop().await;
    fixture.holds(500).await;
}

#[tokio::test]
async fn one_of_two_watches_and_the_other_takes_over() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::idle("clusterName: c").await;
    let scratch = Scratch::new("lease").expect("a folder");
    let config =
        scratch.write("config.yaml", "clusterName: c\nleaderElection: {enabled: true, leaderElectionID: herald}\n").expect("written");
    let kubeconfig = fixture.api.kubeconfig().expect("a kubeconfig");
    let start = |name: &str| -> Stage {
        let options = StageOptions::new("herald-watcher").conf(&config).kubeconfig(&kubeconfig).nats(&fixture.nats.url());
        options.env("POD_NAME", name).env("POD_NAMESPACE", "herald").start().expect("starts")
    };
    let holder = || {
        let lease = fixture.api.get("leases.coordination.k8s.io", "herald", "herald");
        lease.and_then(|lease| lease["spec"]["holderIdentity"].as_str().map(str::to_owned)).unwrap_or_default()
    };
    let first = start("first");
    fixture.opened(1).await;
    assert_eq!(holder(), "first");
    let second = start("second");
    second.ready().await.expect("a standby is ready");
    fixture.put("a", 1);
    fixture.holds(1).await;
    assert_eq!(fixture.api.open_watches("events"), 1, "the standby does not watch");
    first.terminate(BOUND).await.expect("ends well");
    let begun = std::time::Instant::now();
    let taken = || async { holder() == "second" && fixture.api.open_watches("events") == 1 };
    wait::until("the standby to take over", BOUND, taken).await.expect("takes over");
    assert!(begun.elapsed() < Duration::from_secs(8), "a lease given back need not expire: {:?}", begun.elapsed());
    fixture.put("b", 1);
    fixture.holds(2).await;
    // Killed without giving it back: the lease expires.
    second.kill();
    fixture.put("c", 1);
    let third = start("third");
    let taken = || async { holder() == "third" };
    wait::until("the lease to expire", BOUND, taken).await.expect("expires");
    fixture.holds(3).await;
    third.terminate(BOUND).await.expect("ends well");
}
