//! Publishing, streams, buckets and gap markers, with a server that comes late, goes away and comes back.

use std::{collections::BTreeSet, time::Duration};

use herald_common::{
    CancellationToken,
    bus::{
        Bucket, BucketError, BucketSpec, Bus, ConsumerSpec, DeadLetter, Headers, LossWatch, Message, Outbox, Stream, header, inspect::From,
    },
    config::{Limits, Nats},
    gap::Gap,
    health::Health,
    metrics::Metrics,
};
use herald_testkit::{
    nats::{NatsCluster, NatsServer},
    scratch::Port,
    skip_unless,
    tools::Tool,
    wait,
};

pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) fn settings(url: String) -> Nats {
    Nats { url: Some(url), ..Nats::default() }
}

pub(crate) async fn connect(settings: &Nats) -> Bus {
    Bus::connect(settings, "test", Health::default().condition("nats"), &CancellationToken::new()).await.expect("connects")
}

pub(crate) fn message(bus: &Bus, number: usize) -> Message {
    Message {
        stream: Stream::Raw,
        subject: bus.subjects().raw("c", "ns", "Pod", "R"),
        id: format!("c/u{number}/1"),
        headers: Headers::new(),
        payload: format!("{number}").into_bytes().into(),
    }
}

pub(crate) fn spec(durable: &str) -> ConsumerSpec {
    ConsumerSpec { stream: Stream::Raw, durable: durable.to_owned(), filters: Vec::new(), prefetch: 64, max_ack_pending: 1_000 }
}

pub(crate) async fn publish(bus: &Bus, numbers: std::ops::Range<usize>) {
    let mut outbox = Outbox::new(bus.clone(), 64);
    for number in numbers {
        while outbox.is_full() {
            outbox.next().await;
        }
        outbox.publish(message(bus, number), number).await.expect("small enough");
    }
    while outbox.next().await.is_some() {}
}

/// What the stream holds; asked again while a cluster elects a leader.
async fn held(bus: &Bus) -> Vec<usize> {
    let read = || async {
        let mut numbers = Vec::new();
        let each =
            |stored: herald_common::bus::inspect::Stored| numbers.push(String::from_utf8_lossy(&stored.payload).parse().expect("a number"));
        bus.read_back(&Stream::Raw, Vec::new(), From::Beginning, each).await.ok().map(|_| numbers)
    };
    wait::some("the stream to be read", BOUND, read).await.expect("reads")
}

#[tokio::test]
async fn tokens_come_back_in_order_and_a_repeat_is_told() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    let mut outbox = Outbox::new(bus.clone(), 8);
    for number in [1, 2, 1] {
        outbox.publish(message(&bus, number), number).await.expect("small enough");
    }
    let mut acknowledged = Vec::new();
    while let Some((number, published)) = outbox.next().await {
        acknowledged.push((number, published.sequence, published.duplicate));
    }
    assert_eq!(acknowledged, [(1, 1, false), (2, 2, false), (1, 1, true)]);
    let huge = Message { payload: vec![b'x'; 2 << 20].into(), ..message(&bus, 9) };
    let (number, error) = outbox.publish(huge, 9).await.expect_err("too large");
    assert_eq!(
        (number, error.to_string().as_str()),
        (9, "message of 2097185 bytes is larger than the 1048576 bytes nats-server takes (its max_payload)")
    );
}

/// A message that takes so many bytes on the wire.
fn sized(bus: &Bus, bytes: usize) -> Message {
    const OVERHEAD: usize = "NATS/1.0\r\nNats-Msg-Id: c/u1/1\r\nHerald-Cluster: c\r\n\r\n".len();
    let headers = Headers::new().with(header::CLUSTER, "c");
    Message { headers, payload: vec![b'x'; bytes - OVERHEAD].into(), ..message(bus, 1) }
}

#[tokio::test]
async fn a_message_may_fill_the_limit_and_a_letter_beyond_it_is_named_by_a_gap_marker() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    let limit = bus.max_payload();
    let error = bus.publish(sized(&bus, limit + 1)).await.expect_err("one byte too many");
    assert!(error.to_string().contains(&format!("{} bytes", limit + 1)), "{error}");
    bus.publish(sized(&bus, limit)).await.expect("fits");

    let mut consumer = bus.consume(spec("reader"));
    let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
    let reason = format!("refused {}", "ü".repeat(4_000));
    bus.dead_letter("hook", &delivery, &DeadLetter::at_once(reason)).await;
    let mut gaps = Vec::new();
    let each = |stored: herald_common::bus::inspect::Stored| gaps.push(serde_json::from_slice::<Gap>(&stored.payload).expect("a gap"));
    bus.read_back(&Stream::Gap, Vec::new(), From::Beginning, each).await.expect("reads");
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].subject.as_str(), gaps[0].from.as_str()), ("c", "c/u1/1"));
    assert!(gaps[0].message.starts_with("dead letter of hook cannot be kept: message of "), "{}", gaps[0].message);
    assert!(gaps[0].message.len() < 3_000, "a long reason is cut");
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_when_the_server_is_killed_in_mid_flow() {
    skip_unless!(Tool::NatsServer);
    let mut nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    publish(&bus, 0..100).await;
    let flow = tokio::spawn({
        let bus = bus.clone();
        async move { publish(&bus, 100..5_000).await }
    });
    let mut consumer = bus.consume(spec("reader"));
    let mut seen = BTreeSet::new();
    for kills in 0..3 {
        while seen.len() < 150 * (kills + 1) {
            let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
            seen.insert(delivery.sequence);
            delivery.ack().await;
        }
        nats.restart().await.expect("restarts");
    }
    tokio::time::timeout(BOUND, flow).await.expect("in time").expect("publishes");
    let mut numbers = held(&bus).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (0..5_000).collect::<Vec<_>>(), "each once");
    while seen.len() < 5_000 {
        let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
        seen.insert(delivery.sequence);
        delivery.ack().await;
    }
}

#[tokio::test]
async fn a_stage_that_starts_before_nats_waits_and_says_so() {
    skip_unless!(Tool::NatsServer);
    let port = Port::take().expect("a port");
    let settings = settings(format!("nats://user:hunter2@{}", port.address()));
    let health = Health::default();
    let condition = health.condition("nats");
    let stop = CancellationToken::new();
    let waiting = tokio::spawn({
        let stop = stop.clone();
        async move { Bus::connect(&settings, "test", condition, &stop).await.map(|_| ()) }
    });
    let told = || async { health.unready().first().is_some_and(|reason| reason.contains("waiting for NATS at nats://127.0.0.1")) };
    wait::until("the reason to be told", BOUND, told).await.expect("says for what it waits");
    assert!(!health.unready()[0].contains("hunter2"), "no login in the reason");
    stop.cancel();
    let error = waiting.await.expect("does not panic").expect_err("was stopped");
    assert!(!format!("{error:#}").contains("hunter2"));
}

#[tokio::test]
async fn a_stream_made_by_hand_is_respected_and_one_of_ours_follows_the_configuration() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let client = async_nats::jetstream::new(async_nats::connect(nats.url()).await.expect("connects"));
    let by_hand = async_nats::jetstream::stream::Config {
        name: "HERALD_RAW".into(),
        subjects: vec!["herald.raw.>".into()],
        max_bytes: 12_345,
        ..Default::default()
    };
    client.create_stream(by_hand).await.expect("created");
    let mut settings = settings(nats.url());
    connect(&settings).await.ensure_stream(&Stream::Raw).await.expect("usable");
    connect(&settings).await.ensure_stream(&Stream::Dead).await.expect("created");
    settings.streams.raw = Limits { max_age_seconds: None, max_bytes: Some(99_999) };
    settings.streams.dead = Limits { max_age_seconds: None, max_bytes: Some(99_999) };
    let bus = connect(&settings).await;
    bus.ensure_stream(&Stream::Raw).await.expect("usable");
    bus.ensure_stream(&Stream::Dead).await.expect("updated");
    let limits: Vec<(String, i64)> =
        bus.stream_states().await.expect("states").into_iter().map(|state| (state.name, state.max_bytes)).collect();
    assert_eq!(limits, [("HERALD_DEAD".to_owned(), 99_999), ("HERALD_RAW".to_owned(), 12_345)]);
}

#[tokio::test]
async fn what_a_limit_drops_is_counted_and_named_in_a_gap_marker() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let mut settings = settings(nats.url());
    settings.streams.raw = Limits { max_age_seconds: None, max_bytes: Some(4_000) };
    let bus = connect(&settings).await;
    publish(&bus, 0..1).await;
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 2, ..spec("slow") });
    tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message").ack().await;
    consumer.stop();
    while consumer.next().await.is_some() {}
    publish(&bus, 1..200).await;
    let metrics = Metrics::new("").expect("metrics").receiver("sinks", "slow");
    let stop = CancellationToken::new();
    LossWatch::new(bus.clone(), spec("slow"), "slow", metrics.clone()).begin(&Health::default().condition("looked"), stop.clone()).await;
    wait::until("the loss to be noticed", BOUND, || async { metrics.lost.get() > 0 }).await.expect("noticed");
    let first =
        bus.stream_states().await.expect("states").into_iter().find(|state| state.name == "HERALD_RAW").expect("there").first_sequence;
    let mut reader = bus.read(&Stream::Gap, Vec::new(), From::Beginning).await.expect("reads");
    let stored = tokio::time::timeout(BOUND, reader.next()).await.expect("in time").expect("reads").expect("a marker");
    let gap: Gap = serde_json::from_slice(&stored.payload).expect("a marker");
    assert_eq!((gap.from.as_str(), gap.to.as_str(), gap.source.as_str()), ("2", (first - 1).to_string().as_str(), "HERALD_RAW"));
    assert_eq!(metrics.lost.get(), first - 2);
    stop.cancel();
}

#[tokio::test]
async fn what_was_handed_out_and_never_done_is_lost_too_and_what_was_done_is_not() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let mut settings = settings(nats.url());
    settings.streams.raw = Limits { max_age_seconds: None, max_bytes: Some(4_000) };
    let bus = connect(&settings).await;
    publish(&bus, 0..10).await;
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 8, ..spec("gone") });
    for number in 1..=6 {
        let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
        // Four are done; the others are in the hands of one that is gone for good.
        if number <= 4 {
            delivery.ack().await;
        }
    }
    bus.flush().await;
    drop(consumer);
    let done = || async { bus.consumer_state(&Stream::Raw, "gone").await.ok().flatten().is_some_and(|state| state.ack_floor == 4) };
    wait::until("the acknowledgements to be there", BOUND, done).await.expect("there");
    let metrics = Metrics::new("").expect("metrics").receiver("sinks", "gone");
    let stop = CancellationToken::new();
    LossWatch::new(bus.clone(), spec("gone"), "gone", metrics.clone()).begin(&Health::default().condition("looked"), stop.clone()).await;
    assert_eq!(metrics.lost.get(), 0);
    publish(&bus, 10..200).await;
    wait::until("the loss to be noticed", BOUND, || async { metrics.lost.get() > 0 }).await.expect("noticed");
    wait::until("the marker", BOUND, || async { !gaps(&bus).await.is_empty() }).await.expect("published");
    let gaps = gaps(&bus).await;
    assert_eq!((gaps.len(), gaps[0].from.as_str()), (1, "5"), "{gaps:?}");
    assert_eq!(metrics.lost.get(), gaps[0].to.parse::<u64>().expect("a sequence") - 4);
    stop.cancel();
}

#[tokio::test]
async fn who_cannot_look_what_was_lost_is_not_ready_and_says_why() {
    skip_unless!(Tool::NatsServer);
    let mut nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    nats.kill();
    let (health, stop) = (Health::default(), CancellationToken::new());
    let metrics = Metrics::new("").expect("metrics").stage("test");
    let begun = tokio::spawn({
        let (looked, watch, stop) =
            (health.condition("consumer"), LossWatch::new(bus.clone(), spec("away"), "away", metrics), stop.clone());
        async move { watch.begin(&looked, stop).await }
    });
    let told = || async { health.unready().first().is_some_and(|reason| reason.contains("the state of the consumer away")) };
    wait::until("the reason to be told", BOUND, told).await.expect("says for what it waits");
    nats.start_again().expect("starts again");
    wait::until("it to be ready", BOUND, || async { health.unready().is_empty() }).await.expect("ready");
    begun.await.expect("no panic");
    stop.cancel();
}

/// A message that waits for a receiver.
fn waiting(bus: &Bus, number: usize, bytes: usize) -> Message {
    Message {
        stream: Stream::Out("full".into()),
        subject: bus.subjects().out("full"),
        id: format!("c/u{number}/1/full"),
        headers: Headers::new().with(header::IDENTITY, &format!("c/u{number}/1")).with(header::CLUSTER, "c"),
        payload: vec![b'x'; bytes].into(),
    }
}

async fn gaps(bus: &Bus) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let each = |stored: herald_common::bus::inspect::Stored| gaps.push(serde_json::from_slice::<Gap>(&stored.payload).expect("a gap"));
    bus.read_back(&Stream::Gap, Vec::new(), From::Beginning, each).await.expect("reads");
    gaps
}

#[tokio::test]
async fn a_full_receivers_stream_gets_room_and_every_message_dropped_is_named_however_fast_others_are_read() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let mut settings = settings(nats.url());
    settings.streams.out = Limits { max_age_seconds: None, max_bytes: Some(20_000) };
    let bus = connect(&settings).await;
    let dropped = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = dropped.clone();
    let mut outbox = Outbox::new(bus.clone(), 64).on_dropped(move |_, number| {
        count.fetch_add(number, std::sync::atomic::Ordering::SeqCst);
    });
    for number in 0..300 {
        while outbox.is_full() {
            outbox.next().await;
        }
        // One in the middle has no room even in an empty stream.
        let bytes = if number == 150 { 30_000 } else { 500 };
        outbox.publish(waiting(&bus, number, bytes), number).await.expect("small enough for the server");
    }
    let mut returned = 0;
    while outbox.next().await.is_some() {
        returned += 1;
    }
    assert!(returned > 0, "tokens come back");
    let state = bus.stream_states().await.expect("states").into_iter().find(|state| state.name == "HERALD_OUT_full").expect("there");
    assert_eq!(state.last_sequence, 299, "each was stored once, but the one that is too large");
    assert_eq!(dropped.load(std::sync::atomic::Ordering::SeqCst), 299 - state.messages);
    let gaps = gaps(&bus).await;
    let (ranges, too_large): (Vec<&Gap>, Vec<&Gap>) = gaps.iter().partition(|gap| gap.reason == herald_common::gap::Reason::Limits);
    assert_eq!(too_large.iter().map(|gap| gap.from.as_str()).collect::<Vec<_>>(), ["c/u150/1"]);
    let named = |sequence: u64| {
        let within = |gap: &&&Gap| gap.from.parse().is_ok_and(|from| sequence >= from) && gap.to.parse().is_ok_and(|to| sequence <= to);
        ranges.iter().find(within).is_some_and(|gap| gap.subject == "full" && gap.source == "HERALD_OUT_full")
    };
    assert!((1..state.first_sequence).all(named), "{ranges:?}");
    assert!(!named(state.first_sequence));
}

#[tokio::test]
async fn a_bucket_lets_one_create_a_key_and_one_update_a_revision() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let bus = connect(&settings(nats.url())).await;
    let spec = BucketSpec { name: "TEST", max_age: Duration::ZERO, max_bytes: -1, in_memory: true };
    let bucket: Bucket = bus.bucket(&spec).await.expect("created");
    let key = "prod.eu/a b*>/ü";
    assert!(bucket.get(key).await.expect("answers").is_none());
    let revision = bucket.create(key, "1".into()).await.expect("created");
    assert!(matches!(bucket.create(key, "2".into()).await, Err(BucketError::Conflict { .. })));
    bucket.update(key, "3".into(), revision).await.expect("updated");
    assert!(matches!(bucket.update(key, "4".into(), revision).await, Err(BucketError::Conflict { .. })));
    assert_eq!(bus.bucket(&spec).await.expect("opened").get(key).await.expect("answers").expect("there").value, "3");
    bucket.delete(key).await.expect("deleted");
    assert!(bucket.get(key).await.expect("answers").is_none());
    bucket.create(key, "5".into()).await.expect("created again");
}

#[tokio::test]
async fn three_copies_survive_the_loss_of_a_server() {
    skip_unless!(Tool::NatsServer);
    let cluster = NatsCluster::start().await.expect("starts");
    let bus = connect(&Nats { replicas: 3, ..settings(cluster.urls()) }).await;
    publish(&bus, 0..200).await;
    let mut consumer = bus.consume(ConsumerSpec { prefetch: 4, ..spec("copies") });
    for sequence in 1..=200 {
        let delivery = tokio::time::timeout(BOUND, consumer.next()).await.expect("in time").expect("a message");
        assert_eq!((delivery.sequence, delivery.delivered), (sequence, 1), "each is handed out once, in order");
        delivery.ack().await;
    }
    cluster.kill(0);
    publish(&bus, 200..400).await;
    assert_eq!(held(&bus).await, (0..400).collect::<Vec<_>>());
}
