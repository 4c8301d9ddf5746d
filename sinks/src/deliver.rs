//! The core of every receiver: batches, pace, retries, dead letters, metrics.
//!
//! In go the messages of a receiver's stream; out go batches to its sink. A message is acknowledged when the sink accepted it or when it is kept as a dead
//! letter. In an outage the batch stays in hand and nothing more is asked for: memory is bounded by concurrency and batch. A refused message is put back for
//! later, so that others pass. Attempts count refusals, not outages.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use herald_common::{
    CancellationToken,
    bus::{Bus, Consumer, ConsumerSpec, DeadLetter, Delivery, LossWatch, Stream},
    config::Receiver,
    health::Pulse,
    metrics::{Metrics, StageMetrics},
    stage::{Context, Stage as _},
};
use jiff::Timestamp;

use crate::{
    Sinks,
    registry::Built,
    retry::{self, Memory},
    sink::{Item, SendError, Sink},
};

/// The consumer that all replicas share, on each receiver's own stream.
pub(crate) const DURABLE: &str = "sinks";
/// Refusals before a message becomes a dead letter.
const MAX_ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// One receiver at work.
pub(crate) struct Lane {
    spec: ConsumerSpec,
    batch: usize,
    concurrency: usize,
    stop: CancellationToken,
    bus: Bus,
    pulse: Pulse,
    sender: Arc<Sender>,
}

impl Lane {
    pub(crate) fn new(context: &Context, receiver: &Receiver, built: Built) -> Self {
        let (name, options, defaults) = (&receiver.name.value, &receiver.options, built.defaults);
        let batch = options.batch.unwrap_or(defaults.batch).min(defaults.max_batch);
        let concurrency = options.concurrency.unwrap_or(defaults.concurrency);
        let in_hand = batch * concurrency;
        let limiter = options.rate_limit.and_then(|rate| {
            let quota = Quota::with_period(rate.per / rate.count.get())?.allow_burst(rate.count);
            Some(RateLimiter::direct(quota))
        });
        let sender = Sender {
            name: name.clone(),
            sink: built.sink,
            de_dot: built.de_dot,
            timeout: options.timeout.map_or(defaults.timeout, |timeout| timeout.0),
            limiter,
            keep_alive: context.bus.settings().ack_wait() / 3,
            memory: Mutex::new(Memory::new(options.max_attempts.unwrap_or(MAX_ATTEMPTS))),
            accepted: AtomicU64::new(0),
            down: Mutex::new(None),
            bus: context.bus.clone(),
            stop: context.stop.clone(),
            metrics: context.metrics.receiver(Sinks::NAME, name),
            all_metrics: context.metrics.clone(),
        };
        Self {
            spec: ConsumerSpec {
                stream: Stream::Out(name.as_str().into()),
                durable: DURABLE.to_owned(),
                filters: Vec::new(),
                prefetch: in_hand.clamp(1, 1_024),
                max_ack_pending: i64::try_from((in_hand * 8).max(4_096)).unwrap_or(i64::MAX),
            },
            batch,
            concurrency,
            stop: context.stop.clone(),
            bus: context.bus.clone(),
            pulse: context.health.pulse(&format!("sinks: {name}"), Duration::from_secs(120)),
            sender: Arc::new(sender),
        }
    }

    /// Delivers until stopped; what is not being sent then goes back to the stream.
    pub(crate) async fn run(self) {
        let watch = LossWatch::new(self.bus.clone(), self.spec.clone(), &self.sender.name, self.sender.metrics.clone());
        tokio::spawn(watch.run(self.stop.clone()));
        let mut consumer = self.bus.consume(self.spec.clone());
        let mut sending = FuturesUnordered::new();
        let mut tick = tokio::time::interval(Duration::from_secs(5));
        let mut drained = false;
        let mut stopping = false;
        while !(drained && sending.is_empty()) {
            tokio::select! {
                biased;
                Some(()) = sending.next(), if !sending.is_empty() => {}
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    consumer.stop();
                }
                delivery = consumer.next(), if !drained && (stopping || sending.len() < self.concurrency) => match delivery {
                    Some(delivery) if stopping => delivery.put_back(Duration::ZERO).await,
                    Some(delivery) => {
                        let batch = self.gather(delivery, &mut consumer);
                        sending.push(self.sender.clone().deliver(batch));
                    }
                    None => drained = true,
                },
                _ = tick.tick() => {}
            }
            self.pulse.beat();
        }
        self.pulse.end();
    }

    /// Takes what is there now, up to a batch; never waits for more.
    fn gather(&self, first: Delivery, consumer: &mut Consumer) -> VecDeque<Delivery> {
        let mut batch = VecDeque::from([first]);
        while batch.len() < self.batch
            && let Some(Some(delivery)) = consumer.next().now_or_never()
        {
            batch.push_back(delivery);
        }
        let count = batch.len();
        self.sender.metrics.received.inc_by(count as u64);
        self.sender.metrics.in_flight.add(i64::try_from(count).unwrap_or(i64::MAX));
        batch
    }
}

/// What sends a receiver's batches.
struct Sender {
    name: String,
    sink: Box<dyn Sink>,
    de_dot: bool,
    timeout: Duration,
    limiter: Option<DefaultDirectRateLimiter>,
    keep_alive: Duration,
    memory: Mutex<Memory>,
    /// Messages accepted so far.
    accepted: AtomicU64,
    /// Since when the receiver is down.
    down: Mutex<Option<Timestamp>>,
    bus: Bus,
    stop: CancellationToken,
    metrics: StageMetrics,
    all_metrics: Arc<Metrics>,
}

impl Sender {
    /// Delivers a batch: until it is accepted, refused, or the process stops.
    async fn deliver(self: Arc<Self>, batch: VecDeque<Delivery>) {
        let mut items = Vec::with_capacity(batch.len());
        let mut deliveries = Vec::with_capacity(batch.len());
        for delivery in batch {
            match Item::read(&delivery, self.de_dot) {
                Ok(item) => {
                    items.push(item);
                    deliveries.push(delivery);
                }
                Err(error) => self.give_up(&delivery, &DeadLetter::at_once(format!("no event: {error}"))).await,
            }
        }
        if items.is_empty() {
            return;
        }
        let mut outages = 0;
        loop {
            match self.send(&items, &deliveries).await {
                Ok(()) => return self.accepted(&deliveries).await,
                Err(SendError::Outage { reason, after }) => {
                    self.went_down(&reason);
                    let backoff = retry::pause(outages, FIRST_PAUSE, LONGEST_PAUSE).mul_f64(1.0 - rand::random::<f64>() / 3.0);
                    outages += 1;
                    if !self.wait(after.unwrap_or(backoff), &deliveries).await {
                        return self.put_back(&deliveries).await;
                    }
                    self.metrics.retried.inc_by(deliveries.len() as u64);
                }
                Err(SendError::Refused { reason }) => return self.refused(&deliveries, &reason).await,
                Err(SendError::Permanent { reason }) if deliveries.len() > 1 => {
                    // Somebody's fault spoils a batch: each is tried for itself.
                    tracing::debug!(receiver = self.name, reason, "batch refused, trying one by one");
                    for (item, delivery) in items.iter().zip(&deliveries) {
                        let (item, delivery) = (std::slice::from_ref(item), std::slice::from_ref(delivery));
                        match self.send(item, delivery).await {
                            Ok(()) => self.accepted(delivery).await,
                            Err(SendError::Permanent { reason }) => self.give_up(&delivery[0], &DeadLetter::at_once(reason)).await,
                            Err(error) => self.refused(delivery, &error.to_string()).await,
                        }
                    }
                    return;
                }
                Err(SendError::Permanent { reason }) => return self.give_up(&deliveries[0], &DeadLetter::at_once(reason)).await,
            }
        }
    }

    /// Sends once, within the pace and the timeout; the messages stay ours meanwhile.
    async fn send(&self, items: &[Item], deliveries: &[Delivery]) -> Result<(), SendError> {
        if let Some(limiter) = &self.limiter {
            for _ in items {
                self.holding(limiter.until_ready(), deliveries).await;
            }
        }
        let late = || SendError::Outage { reason: format!("no answer within {:?}", self.timeout), after: None };
        let attempt = tokio::time::timeout(self.timeout, self.sink.send(items));
        let result = self.holding(attempt, deliveries).await.unwrap_or_else(|_| Err(late()));
        if result.is_err() {
            self.all_metrics.send_event_errors.inc_by(items.len() as u64);
        }
        result
    }

    /// Waits, telling NATS that the messages are still being worked on.
    async fn holding<T>(&self, work: impl Future<Output = T>, deliveries: &[Delivery]) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(self.keep_alive) => {
                    for delivery in deliveries {
                        delivery.in_progress().await;
                    }
                }
            }
        }
    }

    /// Pauses; `false` when the process stops meanwhile.
    async fn wait(&self, pause: Duration, deliveries: &[Delivery]) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = self.holding(tokio::time::sleep(pause), deliveries) => true,
        }
    }

    async fn accepted(&self, deliveries: &[Delivery]) {
        self.came_up();
        let now = Timestamp::now();
        for delivery in deliveries {
            delivery.ack().await;
            if let Some(observed) = delivery.headers.observed() {
                self.metrics.delivery_seconds.observe(now.duration_since(observed).as_secs_f64().max(0.0));
            }
            lock(&self.memory).forget(delivery.sequence);
        }
        let count = deliveries.len() as u64;
        self.accepted.fetch_add(count, Ordering::Relaxed);
        self.metrics.published.inc_by(count);
        self.settled(deliveries.len());
    }

    async fn refused(&self, deliveries: &[Delivery], reason: &str) {
        for delivery in deliveries {
            let now = Timestamp::now();
            let (refusals, give_up) = lock(&self.memory).refused(delivery.sequence, self.accepted.load(Ordering::Relaxed), now);
            if give_up {
                let letter =
                    DeadLetter { reason: reason.to_owned(), attempts: refusals.attempts, first_try: refusals.first_try, last_try: now };
                self.give_up(delivery, &letter).await;
            } else {
                let delay = retry::pause(refusals.attempts.saturating_sub(1), FIRST_DELAY, LONGEST_DELAY);
                tracing::warn!(
                    receiver = self.name,
                    reason,
                    attempt = refusals.attempts,
                    retry_seconds = delay.as_secs(),
                    event = delivery.identity(),
                    "refused, trying again later"
                );
                self.metrics.retried.inc();
                self.metrics.in_flight.dec();
                delivery.put_back(delay).await;
            }
        }
    }

    async fn give_up(&self, delivery: &Delivery, letter: &DeadLetter) {
        tracing::error!(
            receiver = self.name,
            reason = letter.reason,
            attempts = letter.attempts,
            event = delivery.identity(),
            "given up, kept as a dead letter"
        );
        self.bus.dead_letter(&self.name, delivery, letter).await;
        delivery.ack().await;
        lock(&self.memory).forget(delivery.sequence);
        self.metrics.dead_lettered.inc();
        self.settled(1);
    }

    async fn put_back(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            delivery.put_back(Duration::ZERO).await;
            self.metrics.in_flight.dec();
        }
    }

    fn settled(&self, count: usize) {
        self.metrics.acked.inc_by(count as u64);
        self.metrics.in_flight.sub(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn went_down(&self, reason: &str) {
        let mut down = lock(&self.down);
        if down.is_none() {
            *down = Some(Timestamp::now());
            tracing::error!(receiver = self.name, reason, "receiver is down, its events wait");
        } else {
            tracing::debug!(receiver = self.name, reason, "receiver is still down");
        }
    }

    fn came_up(&self) {
        if let Some(since) = lock(&self.down).take() {
            tracing::info!(receiver = self.name, down_seconds = Timestamp::now().duration_since(since).as_secs(), "receiver is up again");
        }
    }
}

/// The guarded values are plain data, good even after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
