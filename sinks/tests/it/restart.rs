//! Ends in the middle: of the sinks, of NATS.

use std::time::{Duration, Instant};

use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};

use crate::fixture::{BOUND, Fixture};

fn config(receiver: &WebhookReceiver, nats: &str) -> String {
    format!("nats: {{{nats}}}\nreceivers:\n- {{name: hook, concurrency: 4, webhook: {{endpoint: \"{}/\"}}}}\n", receiver.url())
}

#[tokio::test]
async fn what_was_on_its_way_at_a_crash_comes_again_under_the_same_key() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    // The receiver takes the first four, but the crash comes before its answers.
    receiver.rule(Rule::new(Answer::Delay(Duration::from_secs(20))).times(4));
    let mut fixture = Fixture::start_with(&config(&receiver, "ackWaitSeconds: 2")).await;
    fixture.publish_many("hook", 20).await;
    receiver.wait_for_requests(4, BOUND).await.expect("on their way");
    fixture.kill();
    fixture.run().await;
    receiver.wait_for(20, BOUND).await.expect("all arrive");
    fixture.settled("hook").await;
    assert_eq!(receiver.number_of_requests(), 24, "only what was on its way came again");
    assert_eq!(receiver.unique().len(), 20);
}

#[tokio::test]
async fn stopping_finishes_what_is_being_sent_and_hands_the_rest_back() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Delay(Duration::from_secs(1))).times(4));
    let mut fixture = Fixture::start_with(&config(&receiver, "")).await;
    fixture.publish_many("hook", 20).await;
    receiver.wait_for_requests(4, BOUND).await.expect("on their way");
    fixture.stop().await;
    assert_eq!(receiver.number_of_requests(), 4, "nothing new was begun");
    assert_eq!(fixture.metrics("hook").acked.get(), 4, "and all of it finished");
    assert_eq!(fixture.metrics("hook").in_flight.get(), 0);
    let again = Instant::now();
    fixture.run().await;
    receiver.wait_for(20, BOUND).await.expect("the rest arrives");
    // What is not handed back would be there only after AckWait, 30 s.
    assert!(again.elapsed() < Duration::from_secs(15), "{:?}", again.elapsed());
    assert_eq!(receiver.duplicates(), 0);
}

#[tokio::test]
async fn stopping_in_an_outage_hands_everything_back_at_once() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::RetryAfter(503, 600)));
    let mut fixture = Fixture::start_with(&config(&receiver, "")).await;
    fixture.publish_many("hook", 6).await;
    receiver.wait_for_requests(1, BOUND).await.expect("asked");
    let began = Instant::now();
    fixture.stop().await;
    receiver.clear_rules();
    fixture.run().await;
    receiver.wait_for(6, BOUND).await.expect("all arrive");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_takes_too_long_at_a_stop_is_handed_back() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Hang).times(1));
    let config = format!("shutdownGrace: 6s\nreceivers:\n- {{name: hook, timeout: 10m, webhook: {{endpoint: \"{}/\"}}}}\n", receiver.url());
    let mut fixture = Fixture::start_with(&config).await;
    fixture.publish("hook", &["e"]).await;
    receiver.wait_for_requests(1, BOUND).await.expect("on its way");
    let began = Instant::now();
    fixture.stop().await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    fixture.run().await;
    receiver.wait_for(1, Duration::from_secs(10)).await.expect("arrives without waiting for AckWait");
}

#[tokio::test]
async fn a_restart_of_nats_loses_nothing() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Delay(Duration::from_millis(20))));
    let mut fixture = Fixture::start_with(&config(&receiver, "ackWaitSeconds: 2")).await;
    fixture.publish_many("hook", 200).await;
    receiver.wait_for(20, BOUND).await.expect("it flows");
    fixture.nats.restart().await.expect("comes back");
    receiver.wait_for(200, BOUND).await.expect("all arrive");
    fixture.settled("hook").await;
    assert!(fixture.dead("hook").await.is_empty());
}
