//! Retrying, giving up, pacing, and what a kill leaves.

use std::time::Instant;

use herald_common::bus::header;
use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};

use crate::fixture::{BOUND, Fixture, event};

fn hook(name: &str, receiver: &WebhookReceiver, options: &str) -> String {
    format!("  - {{name: {name}, {options}webhook: {{endpoint: '{}/hook?token=hunter2'}}}}\n", receiver.url())
}

fn names(receiver: &WebhookReceiver) -> Vec<String> {
    receiver
        .unique()
        .iter()
        .map(|request| request.identity().unwrap_or_default().split('/').nth(1).unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_with_its_reason() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Status(422)).containing("bad"));
    let mut fixture = Fixture::start(&hook("w", &receiver, "")).await;
    fixture.publish("w", &["a", "bad", "b"]).await;
    receiver.wait_for(2, BOUND).await.expect("others pass");
    fixture.until("the dead letter", || fixture.metric("dead", "w") == 1).await;
    let letters = fixture.dead("w").await;
    assert_eq!(letters.len(), 1);
    let header = |name| letters[0].headers.get(name).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&letters[0].payload), event("bad"));
    assert!(
        header(header::DEAD_REASON).contains("422") && !header(header::DEAD_REASON).contains("hunter2"),
        "{}",
        header(header::DEAD_REASON)
    );
    assert_eq!((header(header::DEAD_ATTEMPTS), header(header::IDENTITY)), ("1", "c/bad/1"));
    assert!(header(header::DEAD_FIRST) <= header(header::DEAD_LAST));
    fixture.stop().await;
}

#[tokio::test]
async fn one_event_that_is_refused_again_and_again_is_given_up_while_others_pass() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Status(500)).containing("bad"));
    let mut fixture = Fixture::start(&hook("w", &receiver, "maxAttempts: 2, ")).await;
    fixture.publish("w", &["bad", "a"]).await;
    receiver.wait_for(1, BOUND).await.expect("the other passes");
    // The refusals count only while the receiver accepts something else.
    let mut number = 0;
    let started = Instant::now();
    while fixture.metric("dead", "w") == 0 {
        assert!(started.elapsed() < BOUND, "never given up");
        number += 1;
        fixture.publish("w", &[&format!("more-{number}")]).await;
        receiver.wait_for(number + 1, BOUND).await.expect("passes");
    }
    assert_eq!(fixture.dead("w").await[0].headers.get(header::DEAD_ATTEMPTS), Some("2"));
    fixture.stop().await;
}

#[tokio::test]
async fn an_outage_costs_no_event_and_no_attempt() {
    skip_unless!(Tool::NatsServer);
    let mut receiver = WebhookReceiver::start().await.expect("starts");
    let mut fixture = Fixture::start(&hook("w", &receiver, "maxAttempts: 1, concurrency: 1, ")).await;
    fixture.publish("w", &["a"]).await;
    receiver.wait_for(1, BOUND).await.expect("arrives");
    receiver.stop().await;
    fixture.publish("w", &["b", "c", "d"]).await;
    fixture.until("some tries", || fixture.metric("retried", "w") >= 3).await;
    receiver.rule(Rule::new(Answer::Status(503)).times(2));
    receiver.start_again().await.expect("starts again");
    receiver.wait_for(4, BOUND).await.expect("all arrive");
    assert_eq!(names(&receiver), ["a", "b", "c", "d"], "in order with concurrency 1");
    assert_eq!(fixture.metric("dead", "w"), 0);
    fixture.stop().await;
}

#[tokio::test]
async fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::RetryAfter(429, 2)).times(1));
    let mut fixture = Fixture::start(&hook("w", &receiver, "")).await;
    fixture.publish("w", &["a"]).await;
    receiver.wait_for(1, BOUND).await.expect("arrives");
    let requests = receiver.received();
    let pause = requests[1].at.duration_since(requests[0].at);
    assert!(pause.as_millis() >= 1_990, "came again after {pause:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn a_slow_receiver_holds_up_no_other() {
    skip_unless!(Tool::NatsServer);
    let (slow, fast) = (WebhookReceiver::start().await.expect("starts"), WebhookReceiver::start().await.expect("starts"));
    slow.rule(Rule::new(Answer::Hang));
    let mut fixture = Fixture::start(&(hook("slow", &slow, "timeout: 1s, ") + &hook("fast", &fast, ""))).await;
    fixture.publish("slow", &["a", "b"]).await;
    fixture.publish("fast", &["a", "b"]).await;
    fast.wait_for(2, BOUND).await.expect("arrives");
    fixture.until("the slow one's timeout", || fixture.metric("retried", "slow") >= 1).await;
    slow.clear_rules();
    slow.wait_for(2, BOUND).await.expect("arrives at last");
    fixture.stop().await;
}

#[tokio::test]
async fn the_pace_is_kept() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    let mut fixture = Fixture::start(&hook("w", &receiver, "rateLimit: 2/s, ")).await;
    fixture.publish("w", &["a", "b", "c", "d", "e", "f"]).await;
    receiver.wait_for(6, BOUND).await.expect("arrive");
    let requests = receiver.received();
    let took = requests[5].at.duration_since(requests[0].at);
    assert!(took.as_millis() >= 1_900, "six events at two a second, two at once, took {took:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn what_a_kill_repeats_comes_under_the_same_identity() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    // Accepted, but the answer never arrives: the event is sent again.
    receiver.rule(Rule::new(Answer::CutWithin).times(1));
    let mut fixture = Fixture::start(&hook("w", &receiver, "")).await;
    fixture.publish("w", &["a"]).await;
    receiver.wait_for(1, BOUND).await.expect("arrives");
    fixture.kill();
    fixture.publish("w", &["b"]).await;
    fixture.nats.restart().await.expect("restarts");
    fixture.run().await;
    receiver.wait_for(2, BOUND).await.expect("arrives");
    let left = || async {
        fixture
            .bus
            .stream_states()
            .await
            .is_ok_and(|states| states.iter().all(|state| !state.name.contains("_OUT_") || state.messages == 0))
    };
    herald_testkit::wait::until("nothing to be left", BOUND, left).await.expect("all acknowledged");
    let mut got = names(&receiver);
    got.sort();
    assert_eq!(got, ["a", "b"]);
    fixture.stop().await;
}

#[tokio::test]
async fn a_file_gets_lines_and_dots_are_replaced_on_demand() {
    skip_unless!(Tool::NatsServer);
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, dotted) = (folder.path().join("plain"), folder.path().join("dotted"));
    let receivers = format!(
        "  - {{name: plain, file: {{path: {}}}}}\n  - {{name: dotted, file: {{path: {}, deDot: true}}}}\n",
        plain.display(),
        dotted.display()
    );
    let mut fixture = Fixture::start(&receivers).await;
    fixture.publish("plain", &["a", "b"]).await;
    fixture.publish("dotted", &["a"]).await;
    fixture.until("both files", || fixture.metric("published", "plain") == 2 && fixture.metric("published", "dotted") == 1).await;
    assert_eq!(std::fs::read_to_string(&plain).expect("read"), format!("{}\n{}\n", event("a"), event("b")));
    assert_eq!(std::fs::read_to_string(&dotted).expect("read"), format!("{}\n", event("a").replace("a.b", "a_b")));
    fixture.stop().await;
}
