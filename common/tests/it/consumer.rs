//! Reading from a shared durable consumer.

use std::time::Duration;

use herald_common::{
    bus::{ConsumerSpec, Message, Outbox, Stream},
    config::Nats,
};
use herald_testkit::{nats::NatsServer, skip_unless, tools::Tool, wait};

use crate::bus::{BOUND, connect, message, publish, settings, spec};

#[tokio::test]
async fn replicas_share_a_consumer_and_a_stopped_one_leaves_nothing_behind() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    publish(&bus, 0..500).await;
    let (mut first, mut second) = (bus.consume(spec("shared")), bus.consume(spec("shared")));
    let mut seen = Vec::new();
    for _ in 0..20 {
        let delivery = tokio::time::timeout(BOUND, first.next()).await.expect("in time").expect("a message");
        seen.push(delivery.sequence);
        delivery.ack().await;
    }
    first.stop();
    while let Some(delivery) = tokio::time::timeout(BOUND, first.next()).await.expect("ends") {
        delivery.put_back(Duration::ZERO).await;
    }
    // Well below AckWait: what the first had in hand comes at once.
    while seen.len() < 500 {
        let delivery = tokio::time::timeout(Duration::from_secs(10), second.next()).await.expect("in time").expect("a message");
        seen.push(delivery.sequence);
        delivery.ack().await;
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=500).collect::<Vec<_>>(), "each handed to one of them");
}

#[tokio::test]
async fn a_message_that_was_not_acknowledged_comes_again_when_nothing_else_does() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&Nats { ack_wait_seconds: 1, ..settings(nats.url()) }).await;
    publish(&bus, 0..1).await;
    // The request that brings it again was opened when it was handed out, an AckWait before.
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 1, ..spec("again") });
    for time in 1..=3 {
        let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
        assert_eq!(delivery.delivered, time, "none was passed over");
    }
}

#[tokio::test]
async fn of_large_messages_only_a_part_is_here_at_a_time() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    let large = |number: usize| Message { payload: vec![b'x'; 900_000].into(), ..message(&bus, number) };
    let mut outbox = Outbox::new(bus.clone(), 1_000);
    for number in 0..200 {
        while outbox.is_full() {
            outbox.next().await;
        }
        assert!(outbox.len() < 10, "no more than ten are awaited");
        outbox.publish(large(number), ()).await.expect("small enough");
    }
    while outbox.next().await.is_some() {}
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 1_000, ..spec("large") });
    for sequence in 1..=200 {
        let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
        assert_eq!(delivery.sequence, sequence);
        let handed_out = bus.consumer_state(&Stream::Raw, "large").await.expect("answers").expect("is there").ack_pending;
        assert!(handed_out < 100, "{handed_out} of two hundred were handed out at once");
        delivery.ack().await;
    }
}

#[tokio::test]
async fn what_has_arrived_is_kept_for_a_slow_stage() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    publish(&bus, 0..200).await;
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 200, ..spec("slow") });
    let mut taken = Vec::new();
    while taken.len() < 200 {
        let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
        taken.push((delivery.sequence, delivery.delivered));
        delivery.ack().await;
        if taken.len() == 50 {
            // Longer than a pull request is open, shorter than AckWait.
            tokio::time::sleep(Duration::from_secs(8)).await;
        }
    }
    assert_eq!(taken, (1..=200).map(|sequence| (sequence, 1)).collect::<Vec<_>>(), "each is handed out once");
}

#[tokio::test]
async fn a_deleted_consumer_is_made_again() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    publish(&bus, 0..1).await;
    let mut consumer = bus.consume(spec("gone"));
    tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message").ack().await;
    let client = async_nats::jetstream::new(async_nats::connect(nats.url()).await.expect("connects"));
    let stream = client.get_stream("HERALD_RAW").await.expect("there");
    stream.delete_consumer("gone").await.expect("deleted");
    publish(&bus, 1..2).await;
    let again = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
    assert_eq!(again.sequence, 1, "a new consumer begins at the beginning");
}

#[tokio::test]
async fn what_is_here_is_taken_without_waiting_for_more() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    publish(&bus, 0..200).await;
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 200, ..spec("ready") });
    let first = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
    // The answer comes behind the messages, on the same connection.
    let all_are_here =
        || async { bus.consumer_state(&Stream::Raw, "ready").await.is_ok_and(|state| state.is_some_and(|state| state.ack_pending == 200)) };
    wait::until("all messages to be handed out", BOUND, all_are_here).await.expect("handed out");
    let mut taken = vec![first.sequence];
    while let Some(delivery) = consumer.next_ready().await {
        taken.push(delivery.sequence);
    }
    assert_eq!(taken, (1..=200).collect::<Vec<_>>(), "more than the reading task hands over at a time");
}
