//! The core with a sink that answers as told, on a real nats-server.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use herald_common::{
    CancellationToken,
    bus::{Bus, Headers, Message, Stream, header},
    config::Config,
    stage::Process,
};
use herald_testkit::{nats::NatsServer, skip_unless, tools::Tool, wait};
use tokio::{sync::Semaphore, task::JoinHandle};

use super::{DURABLE, Lane};
use crate::{
    Sinks,
    registry::{Built, Defaults},
    render::Body,
    sink::{Item, Refusal, SendError, Sink},
};

const BOUND: Duration = Duration::from_secs(20);

type Answers = VecDeque<Result<(), SendError>>;

/// Records the batches and answers as told, then accepts.
#[derive(Clone)]
struct Scripted {
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    answers: Arc<Mutex<Answers>>,
    /// How many batches were sent, answered or not.
    sent: Arc<AtomicUsize>,
    /// Each answer waits for a permit, or for the end of permits.
    go: Arc<Semaphore>,
}

impl Sink for Scripted {
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        async {
            self.sent.fetch_add(1, Ordering::Relaxed);
            if let Ok(permit) = self.go.acquire().await {
                permit.forget();
            }
            self.batches.lock().expect("recorded").push(batch.iter().map(|item| item.identity.clone()).collect());
            self.answers.lock().expect("told").pop_front().unwrap_or(Ok(()))
        }
        .boxed()
    }
}

const DEFAULTS: Defaults =
    Defaults { batch: 4, max_batch: 4, max_bytes: 1 << 20, concurrency: 1, timeout: Duration::from_secs(5), summarises: false };

/// A lane at work on a stream, whose sink waits.
struct AtWork {
    bus: Bus,
    sink: Scripted,
    stop: CancellationToken,
    lane: JoinHandle<()>,
    _nats: NatsServer,
}

impl AtWork {
    async fn start(options: &str, defaults: Defaults, answers: Answers) -> Self {
        let nats = NatsServer::start().await.expect("starts");
        let yaml = format!("receivers: [{{name: r, stdout: {{}}{options}}}]");
        let mut config = Config::parse("config.yaml", &yaml, &|_| None).expect("loads").config;
        config.nats.url = Some(nats.url());
        let process = Process::bare(config).expect("metrics");
        let context = process.context::<Sinks>(None).await.expect("connects");
        let sink = Scripted {
            batches: Arc::default(),
            answers: Arc::new(Mutex::new(answers)),
            sent: Arc::default(),
            go: Arc::new(Semaphore::new(0)),
        };
        let built = Built { sink: Box::new(sink.clone()), defaults, body: Body::default() };
        let lane = tokio::spawn(Lane::new(&context, &context.config.receivers[0], built, context.stop.clone()).run());
        Self { bus: context.bus.clone(), sink, stop: context.stop.clone(), lane, _nats: nats }
    }

    /// Waits until the stream is empty, and ends the lane.
    async fn finish(&mut self) {
        let out = self.bus.stream_name(&Stream::Out("r".into()));
        let empty =
            || async { self.bus.stream_states().await.is_ok_and(|all| all.iter().any(|state| state.name == out && state.messages == 0)) };
        wait::until("the stream to be empty", BOUND, empty).await.expect("settles");
        self.stop.cancel();
        (&mut self.lane).await.expect("drains");
    }
}

/// Sends an event and then four in one batch; returns the batches the sink saw after the first and the dead letters as identity and attempts.
async fn deliver(options: &str, answers: impl IntoIterator<Item = Result<(), SendError>>) -> (Vec<String>, Vec<String>) {
    let mut at_work = AtWork::start(&format!(", {options}"), DEFAULTS, [Ok(())].into_iter().chain(answers).collect()).await;
    publish(&at_work.bus, "first").await;
    // While the first waits, the others gather.
    handed_out(&at_work.bus, 1).await;
    for identity in ["a", "b", "c", "d"] {
        publish(&at_work.bus, identity).await;
    }
    handed_out(&at_work.bus, 5).await;
    at_work.sink.go.close();
    at_work.finish().await;
    let batches = at_work.sink.batches.lock().expect("recorded").iter().skip(1).map(|batch| batch.concat()).collect();
    (batches, dead(&at_work.bus).await)
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

async fn handed_out(bus: &Bus, count: u64) {
    let out = Stream::Out("r".into());
    let handed_out = || async { bus.consumer_state(&out, DURABLE).await.ok().flatten().is_some_and(|state| state.ack_pending >= count) };
    wait::until("messages to be handed out", BOUND, handed_out).await.expect("gather");
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

#[tokio::test]
async fn a_receiver_is_sent_as_much_at_a_time_as_it_has_shown_to_take() {
    skip_unless!(Tool::NatsServer);
    let mut at_work = AtWork::start("", Defaults { batch: 1, concurrency: 64, ..DEFAULTS }, Answers::new()).await;
    let (bus, sink) = (at_work.bus.clone(), at_work.sink.clone());
    for number in 0..300 {
        publish(&bus, &number.to_string()).await;
    }
    let on_their_way = |answered: usize| sink.sent.load(Ordering::Relaxed).saturating_sub(answered);
    wait::until("batches to be sent", BOUND, || async { on_their_way(0) >= 4 }).await.expect("sent");
    // More could be sent: they are here.
    handed_out(&bus, 60).await;
    assert_eq!(on_their_way(0), 4);
    // Those on their way are answered, again and again, for as long as a rate is taken over.
    let mut answered = 0;
    let twice_as_many = || {
        let are_more = on_their_way(answered) >= 8;
        if !are_more {
            sink.go.add_permits(4);
            answered += 4;
        }
        std::future::ready(are_more)
    };
    wait::until("more batches at a time", BOUND, twice_as_many).await.expect("more");
    sink.go.close();
    at_work.finish().await;
}
