//! Receivers that are down, slow, or want a pause.

use std::time::Duration;

use herald_testkit::{
    receiver::{Answer, Received, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
    wait,
};
use jiff::SignedDuration;

use crate::fixture::{BOUND, Fixture, event, identity};

/// One batch of one event at a time, and the smallest number of attempts.
fn in_order(receiver: &WebhookReceiver) -> String {
    format!("receivers:\n- name: hook\n  concurrency: 1\n  maxAttempts: 1\n  webhook: {{endpoint: \"{}/\"}}\n", receiver.url())
}

fn bodies(received: &[Received]) -> Vec<String> {
    received.iter().map(Received::text).collect()
}

fn events(names: &[String]) -> Vec<String> {
    names.iter().map(|name| event(name)).collect()
}

async fn retried(fixture: &Fixture, receiver: &str, times: u64) {
    let metrics = fixture.metrics(receiver);
    wait::until("attempts to be repeated", BOUND, || async { metrics.retried.get() >= times }).await.expect("retried");
}

#[tokio::test]
async fn an_outage_loses_nothing_keeps_the_order_and_counts_no_attempts() {
    skip_unless!(Tool::NatsServer);
    for code in [503, 429, 401, 404, 301] {
        let receiver = WebhookReceiver::start().await.expect("starts");
        receiver.rule(Rule::new(Answer::Status(code)));
        let fixture = Fixture::start_with(&in_order(&receiver)).await;
        let names = fixture.publish_many("hook", 20).await;
        retried(&fixture, "hook", 3).await;
        assert_eq!(fixture.metrics("hook").received.get(), 1, "the others wait in the stream");
        receiver.clear_rules();
        let got = receiver.wait_for(20, BOUND).await.expect("all arrive");
        assert_eq!(bodies(&got), events(&names), "{code}");
        fixture.settled("hook").await;
        assert!(fixture.dead("hook").await.is_empty(), "{code}");
        assert!(fixture.process.metrics.send_event_errors.get() >= 3);
        assert_eq!(receiver.duplicates(), 0);
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_waited_for() {
    skip_unless!(Tool::NatsServer);
    let mut receiver = WebhookReceiver::start().await.expect("starts");
    receiver.stop().await;
    let fixture = Fixture::start_with(&in_order(&receiver)).await;
    let names = fixture.publish_many("hook", 20).await;
    retried(&fixture, "hook", 3).await;
    assert!(
        fixture.process.health.unready().is_empty(),
        "one receiver's outage is not the stage's: {:?}",
        fixture.process.health.unready()
    );
    receiver.start_again().await.expect("comes back");
    let got = receiver.wait_for(20, BOUND).await.expect("all arrive");
    assert_eq!(bodies(&got), events(&names));
    fixture.settled("hook").await;
    assert!(fixture.dead("hook").await.is_empty());
}

#[tokio::test]
async fn the_pause_a_receiver_asks_for_holds_for_all_of_its_events() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::RetryAfter(429, 2)).times(4));
    let config = format!("receivers:\n- name: hook\n  concurrency: 4\n  webhook: {{endpoint: \"{}/\"}}\n", receiver.url());
    let fixture = Fixture::prepare(&config).await;
    fixture.publish_many("hook", 12).await;
    let mut fixture = fixture;
    fixture.run().await;
    receiver.wait_for(12, BOUND).await.expect("all arrive");
    let all = receiver.received();
    let pause = all[4].at.duration_since(all[0].at);
    assert!(all[..4].iter().all(|request| !request.accepted), "the four in flight were turned away");
    assert!(pause >= SignedDuration::from_millis(1_900), "the next came after {pause:?}");
    assert!(pause < SignedDuration::from_secs(10), "and not much later: {pause:?}");
}

#[tokio::test]
async fn a_slow_or_broken_receiver_holds_up_nobody_else() {
    skip_unless!(Tool::NatsServer);
    let (slow, fast) = (WebhookReceiver::start().await.expect("starts"), WebhookReceiver::start().await.expect("starts"));
    slow.rule(Rule::new(Answer::Hang));
    let folder = tempfile::tempdir().expect("a folder");
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "").expect("written");
    let broken = in_the_way.join("events.json");
    let fixture = Fixture::start_with(&format!(
        "receivers:\n- {{name: slow, webhook: {{endpoint: \"{}/\"}}}}\n- {{name: broken, file: {{path: {}}}}}\n- {{name: fast, webhook: {{endpoint: \"{}/\"}}}}\n",
        slow.url(),
        broken.display(),
        fast.url()
    ))
    .await;
    for receiver in ["slow", "fast"] {
        fixture.publish_many(receiver, 20).await;
    }
    let names = fixture.publish_many("broken", 20).await;
    slow.wait_for_requests(4, BOUND).await.expect("asked");
    retried(&fixture, "broken", 2).await;
    fast.wait_for(20, BOUND).await.expect("the fast one has all");
    assert_eq!(slow.number_of_unique(), 0);
    // The file's folder can be made at last.
    std::fs::remove_file(&in_the_way).expect("removed");
    fixture.settled("broken").await;
    let lines = std::fs::read_to_string(&broken).expect("written");
    assert_eq!(lines.lines().map(str::to_owned).collect::<Vec<_>>(), events(&names));
}

#[tokio::test]
async fn an_attempt_ends_after_the_timeout_and_is_repeated_as_the_same_event() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Hang).times(1));
    receiver.rule(Rule::new(Answer::CutWithin).containing("cut").times(1));
    let config = format!("receivers:\n- name: hook\n  timeout: 500ms\n  webhook: {{endpoint: \"{}/\"}}\n", receiver.url());
    let fixture = Fixture::start_with(&config).await;
    fixture.publish("hook", &["e"]).await;
    receiver.wait_for(1, BOUND).await.expect("arrives");
    let all = receiver.received();
    assert_eq!(all.len(), 2);
    assert_eq!([all[0].identity(), all[1].identity()], [Some(identity("e").as_str()); 2]);
    assert!(all[1].at.duration_since(all[0].at) >= SignedDuration::from_millis(500));
    assert_eq!(all[0].headers["content-type"], "application/json");
}

#[tokio::test]
async fn what_waits_behind_a_slow_receiver_is_not_sent_twice() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Delay(Duration::from_millis(400))));
    // Messages wait here for longer than AckWait and are handed out again meanwhile.
    let fixture = Fixture::start_with(&format!("nats: {{ackWaitSeconds: 1}}\n{}", in_order(&receiver))).await;
    let names = fixture.publish_many("hook", 12).await;
    fixture.settled("hook").await;
    let (mut got, mut wanted) = (bodies(&receiver.received()), events(&names));
    // Those handed out again may change places.
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted);
}
