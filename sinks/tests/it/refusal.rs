//! Receivers that refuse events.

use herald_common::bus::header;
use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture, event, identity};

fn hook(receiver: &WebhookReceiver, options: &str) -> String {
    format!("receivers:\n- name: hook\n  webhook: {{endpoint: \"{}/\"}}\n  {options}\n", receiver.url())
}

#[tokio::test]
async fn a_refused_event_is_kept_with_the_reason_and_the_others_pass() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Status(422)).containing("bad"));
    let fixture = Fixture::start_with(&hook(&receiver, "")).await;
    fixture.publish("hook", &["good-1", "bad", "good-2"]).await;
    fixture.settled("hook").await;
    assert_eq!(receiver.number_of_unique(), 2);
    assert_eq!(receiver.number_of_requests(), 3, "what is refused for ever is tried once");
    let letters = fixture.dead("hook").await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter.subject, fixture.bus.subjects().dead("hook"));
    assert_eq!(letter.payload, event("bad"), "the payload as it was");
    let of = |name| letter.headers.get(name).unwrap_or_default().to_owned();
    assert_eq!(of(header::DEAD_REASON), format!("{}/ answered 422 Unprocessable Entity", receiver.url()));
    assert_eq!(of(header::DEAD_ATTEMPTS), "1");
    assert_eq!(of(header::IDENTITY), identity("bad"));
    assert_eq!(of(header::OBSERVED), "2024-01-01T00:00:00Z", "headers are passed on");
    assert_eq!(of(header::MESSAGE_ID), format!("{}/hook/dead/2", identity("bad")));
    for time in [header::DEAD_FIRST, header::DEAD_LAST] {
        assert!(of(time).parse::<jiff::Timestamp>().is_ok(), "{time}");
    }
    let metrics = fixture.metrics("hook");
    assert_eq!((metrics.dead_lettered.get(), metrics.published.get(), metrics.acked.get(), metrics.in_flight.get()), (1, 2, 3, 0));
    assert_eq!(metrics.delivery_seconds.get_sample_count(), 2);
    assert_eq!(fixture.process.metrics.send_event_errors.get(), 1);
}

#[tokio::test]
async fn an_event_that_alone_is_refused_is_given_up_after_its_attempts() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Status(500)).containing("bad"));
    let fixture = Fixture::start_with(&hook(&receiver, "maxAttempts: 2")).await;
    fixture.publish("hook", &["bad"]).await;
    receiver.wait_for_requests(1, BOUND).await.expect("tried");
    // It holds up nobody: these pass while it waits for its second attempt.
    fixture.publish_many("hook", 5).await;
    receiver.wait_for(5, BOUND).await.expect("the others pass");
    fixture.settled("hook").await;
    let letters = fixture.dead("hook").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].headers.get(header::DEAD_ATTEMPTS), Some("2"));
    assert_eq!(letters[0].headers.get(header::IDENTITY), Some(identity("bad").as_str()));
    let tries: Vec<_> = receiver.received().into_iter().filter(|request| request.text().contains("bad")).collect();
    assert_eq!(tries.len(), 2);
    assert!(tries[1].at.duration_since(tries[0].at) >= jiff::SignedDuration::from_millis(900), "it is put back for a second");
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_loses_nothing_and_is_not_flooded() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Status(500)));
    let fixture = Fixture::start_with(&hook(&receiver, "maxAttempts: 2")).await;
    fixture.publish_many("hook", 200).await;
    let retried = || async { fixture.metrics("hook").retried.get() >= 16 };
    wait::until("several refusals", BOUND, retried).await.expect("retried");
    let requests = receiver.number_of_requests();
    assert!(requests < 60, "{requests} requests: it is down, not each of the events bad");
    receiver.clear_rules();
    receiver.wait_for(200, BOUND).await.expect("all arrive");
    fixture.settled("hook").await;
    assert!(fixture.dead("hook").await.is_empty(), "nothing else was accepted between the refusals");
}

#[tokio::test]
async fn messages_that_hold_no_event_are_kept_and_packed_events_are_posted_as_json() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    let fixture = Fixture::start_with(&hook(&receiver, "")).await;
    let packed = "application/msgpack";
    fixture.publish_payload("hook", "broken", b"\xc1".to_vec(), packed).await;
    let decoded = herald_common::event::decode_enriched(event("fine").as_bytes(), None).expect("an event");
    fixture.publish_payload("hook", "fine", rmp_serde::to_vec_named(&decoded).expect("packs"), packed).await;
    let got = receiver.wait_for(1, BOUND).await.expect("arrives");
    assert_eq!(got[0].text(), event("fine"));
    fixture.settled("hook").await;
    let letters = fixture.dead("hook").await;
    assert!(letters[0].headers.get(header::DEAD_REASON).is_some_and(|reason| reason.starts_with("no event: ")), "{letters:?}");
}
