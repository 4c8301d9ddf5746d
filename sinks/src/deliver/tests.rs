//! The core with a sink that answers as told, on a real nats-server.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use herald_common::{
    bus::{Bus, Headers, Message, Stream, header},
    config::Config,
    stage::Process,
};
use herald_testkit::{nats::NatsServer, skip_unless, tools::Tool, wait};

use tokio::sync::Semaphore;

use super::{DURABLE, Lane};
use crate::{
    Sinks,
    registry::{Built, Defaults},
    render::Body,
    sink::{Item, Refusal, SendError, Sink},
};

type Answers = VecDeque<Result<(), SendError>>;

/// Records the batches and answers as told, then accepts.
#[derive(Clone)]
struct Scripted {
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    answers: Arc<Mutex<Answers>>,
    /// The first batch waits for this.
    go: Arc<Semaphore>,
}

impl Sink for Scripted {
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        async {
            let permit = self.go.acquire().await.expect("open");
            drop(permit);
            self.batches.lock().expect("recorded").push(batch.iter().map(|item| item.identity.clone()).collect());
            self.answers.lock().expect("told").pop_front().unwrap_or(Ok(()))
        }
        .boxed()
    }
}

/// Sends an event and then four in one batch; returns the batches the sink saw after the first and the dead letters as identity and attempts.
async fn deliver(options: &str, answers: impl IntoIterator<Item = Result<(), SendError>>) -> (Vec<String>, Vec<String>) {
    let nats = NatsServer::start().await.expect("starts");
    let yaml = format!("receivers: [{{name: r, stdout: {{}}, {options}}}]");
    let mut config = Config::parse("config.yaml", &yaml, &|_| None).expect("loads").config;
    config.nats.url = Some(nats.url());
    let process = Process::bare(config).expect("metrics");
    let context = process.context::<Sinks>(None).await.expect("connects");
    let bus = context.bus.clone();
    publish(&bus, "first").await;
    let answers = [Ok(())].into_iter().chain(answers).collect();
    let sink = Scripted { batches: Arc::default(), answers: Arc::new(Mutex::new(answers)), go: Arc::new(Semaphore::new(0)) };
    let defaults =
        Defaults { batch: 4, max_batch: 4, max_bytes: 1 << 20, concurrency: 1, timeout: Duration::from_secs(5), summarises: false };
    let built = Built { sink: Box::new(sink.clone()), defaults, body: Body::default() };

    let lane = tokio::spawn(Lane::new(&context, &context.config.receivers[0], built, context.stop.clone()).run());
    // While the first waits, the others gather.
    let out = Stream::Out("r".into());
    handed_out(&bus, &out, 1).await;
    for identity in ["a", "b", "c", "d"] {
        publish(&bus, identity).await;
    }
    handed_out(&bus, &out, 5).await;
    sink.go.add_permits(1);
    let out = bus.stream_name(&out);
    let empty = || async { bus.stream_states().await.is_ok_and(|all| all.iter().any(|state| state.name == out && state.messages == 0)) };
    wait::until("the stream to be empty", Duration::from_secs(20), empty).await.expect("settles");
    context.stop.cancel();
    lane.await.expect("drains");
    let batches = sink.batches.lock().expect("recorded").iter().skip(1).map(|batch| batch.concat()).collect();
    (batches, dead(&bus).await)
}

async fn publish(bus: &Bus, identity: &str) {
    let message = Message {
        stream: Stream::Out("r".into()),
        subject: bus.subjects().out("r"),
        id: format!("{identity}/r"),
        headers: Headers::new().with(header::IDENTITY, identity),
        payload: "{}".into(),
    };
    bus.publish(message).await.expect("published");
}

async fn handed_out(bus: &Bus, out: &Stream, count: u64) {
    let handed_out = || async { bus.consumer_state(out, DURABLE).await.ok().flatten().is_some_and(|state| state.ack_pending == count) };
    wait::until("messages to be handed out", Duration::from_secs(20), handed_out).await.expect("gather");
}

async fn dead(bus: &Bus) -> Vec<String> {
    let mut letters = Vec::new();
    for sequence in 1.. {
        let Ok(Some(letter)) = bus.stored(&Stream::Dead, sequence).await else { break };
        let of = |name| letter.headers.get(name).unwrap_or_default().to_owned();
        letters.push(format!("{} {} {}", of(header::IDENTITY), of(header::DEAD_ATTEMPTS), of(header::DEAD_REASON)));
    }
    letters
}

fn no(permanent: bool) -> Refusal {
    Refusal { reason: "no".to_owned(), permanent }
}

#[tokio::test]
async fn a_batch_with_bad_items_loses_only_those() {
    skip_unless!(Tool::NatsServer);
    let refused = SendError::Partial(vec![(1, no(true)), (3, no(false))]);
    let (batches, dead) = deliver("maxAttempts: 2", [Err(refused)]).await;
    assert_eq!(batches, ["abcd", "d"], "what may be accepted later is sent again alone");
    assert_eq!(dead, ["b 1 no"]);
}

#[tokio::test]
async fn what_an_outage_leaves_of_a_batch_is_sent_again_alone() {
    skip_unless!(Tool::NatsServer);
    let interrupted = || SendError::Interrupted { left: vec![1, 2, 3], reason: "gone".to_owned() };
    let again = SendError::Interrupted { left: vec![0, 2], reason: "gone".to_owned() };
    let answers =
        [Err(interrupted()), Err(again), Err(SendError::permanent("no".to_owned())), Ok(()), Err(SendError::permanent("no".to_owned()))];
    let (batches, dead) = deliver("maxAttempts: 1", answers).await;
    assert_eq!(batches, ["abcd", "bcd", "bd", "b", "d"]);
    assert_eq!(dead, ["d 1 no"], "an outage counts against nobody");
}

#[tokio::test]
async fn a_batch_refused_as_a_whole_is_tried_one_by_one() {
    skip_unless!(Tool::NatsServer);
    let outage = || Err(SendError::outage("gone".to_owned()));
    let answers = [outage(), Err(SendError::permanent("no".to_owned())), Ok(()), outage(), Err(SendError::permanent("no".to_owned()))];
    let (batches, dead) = deliver("maxAttempts: 1", answers).await;
    assert_eq!(batches, ["abcd", "abcd", "a", "b", "b", "c", "d"]);
    assert_eq!(dead, ["b 1 no"], "an outage in between is nobody's fault");
}

#[tokio::test]
async fn what_is_refused_again_and_again_is_given_up_once_others_were_accepted() {
    skip_unless!(Tool::NatsServer);
    let refused = || Err(SendError::refused("no".to_owned()));
    // The batch, then each: b is refused, comes back alone while nothing else is accepted, and is accepted in the end.
    let answers = [refused(), Ok(()), refused(), Ok(()), Ok(()), refused()];
    let (batches, dead) = deliver("maxAttempts: 3", answers).await;
    assert_eq!(batches, ["abcd", "a", "b", "c", "d", "b", "b"]);
    assert!(dead.is_empty(), "{dead:?}");
}
