//! Ends and starts: nothing lost, nothing repeated.

use herald_testkit::{skip_unless, tools::Tool};

use crate::fixture::Fixture;

const FORGETFUL: &str = "clusterName: c\nnats: {duplicateWindowSeconds: 2, ackWaitSeconds: 1}";

#[tokio::test]
async fn a_stopped_watcher_goes_on_where_it_was() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle(FORGETFUL).await;
    fixture.run().await;
    fixture.opened(1).await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.stop().await;
    fixture.checkpointed().await;
    fixture.put("b", 1);
    fixture.put("a", 2);
    fixture.run().await;
    fixture.holds(3).await;
    assert_eq!(fixture.published().await, ["a/1 added", "a/2 modified", "b/1 added"]);
    assert!(fixture.gaps().await.is_empty());
    fixture.stop().await;
}

#[tokio::test]
async fn what_was_published_after_the_checkpoint_is_not_published_again() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::idle(FORGETFUL).await;
    fixture.run().await;
    fixture.opened(1).await;
    fixture.put("a", 1);
    fixture.holds(1).await;
    fixture.checkpointed().await;
    let before = fixture.checkpoint().await;
    for number in 0..700 {
        fixture.put(&format!("e{number}"), 1);
    }
    fixture.holds(701).await;
    fixture.kill().await;
    // As if it had died before it saved anything of this.
    fixture.set_checkpoint(&before).await;
    fixture.forget_ids().await;
    let probes = fixture.raw_without_cluster().await;
    fixture.put("z", 1);
    fixture.run().await;
    fixture.holds(702 + probes).await;
    fixture.checkpointed().await;
    fixture.stop().await;
    fixture.holds(702 + probes).await;
}

#[tokio::test]
async fn a_watcher_killed_again_and_again_loses_and_repeats_nothing() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    let mut put = 0;
    for round in 0..6 {
        for _ in 0..50 {
            fixture.put(&format!("e{}", put % 70), put);
            put += 1;
        }
        // Killed somewhere within these fifty.
        fixture.reached((round * 50 + round * 7) as usize).await;
        fixture.kill().await;
        fixture.put(&format!("e{}", put % 70), put);
        put += 1;
        fixture.run().await;
    }
    fixture.holds(put as usize).await;
    fixture.stop().await;
    assert!(fixture.gaps().await.is_empty());
}

#[tokio::test]
async fn nats_may_go_away_and_come_back() {
    skip_unless!(Tool::NatsServer);
    let mut fixture = Fixture::watching().await;
    for number in 0..100 {
        fixture.put(&format!("e{number}"), 1);
    }
    fixture.reached(10).await;
    fixture.nats.kill();
    for number in 100..1_000 {
        fixture.put(&format!("e{number}"), 1);
    }
    fixture.nats.restart().await.expect("starts");
    fixture.reached(1_000).await;
    fixture.holds(1_000).await;
    fixture.checkpointed().await;
    fixture.stop().await;
}

impl Fixture {
    /// Waits until `HERALD_RAW` holds at least as many messages.
    pub(crate) async fn reached(&self, number: usize) {
        let name = self.bus.stream_name(&herald_common::bus::Stream::Raw);
        let enough = || async {
            let states = self.bus.stream_states().await.unwrap_or_default();
            states.iter().any(|state| state.name == name && state.messages >= number as u64) || number == 0
        };
        herald_testkit::wait::until("messages in HERALD_RAW", crate::fixture::BOUND, enough).await.expect("published");
    }

    /// How many messages of `HERALD_RAW` are not the watcher's.
    async fn raw_without_cluster(&self) -> usize {
        self.raw().await.iter().filter(|stored| stored.headers.cluster() != "c").count()
    }
}
