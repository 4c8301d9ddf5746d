//! Sending a receiver's batches and settling their messages.
//!
//! Every message taken ends in one of three ways: accepted and acknowledged, kept as a dead letter and acknowledged, or put back. While it is in hand NATS is
//! told so. Nothing is acknowledged before the receiver or the dead letters have it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use herald_common::{
    CancellationToken,
    bus::{Bus, DeadLetter, Delivery, header},
    config::Receiver,
    metrics::{Metrics, StageMetrics},
    stage::{Context, Stage as _},
};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    gate::{Gate, News},
    lock,
    pace::Pace,
    seen::{Seen, State},
};
use crate::{
    Sinks,
    registry::Built,
    render::Body,
    retry::{self, Memory},
    sink::{Item, Refusal, SendError, Sink},
};

/// Refusals that count before a message becomes a dead letter.
const MAX_ATTEMPTS: u32 = 10;
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// So many refusals without an acceptance between them mean that the receiver is down rather than that each event is at fault.
const REFUSES_EVERYTHING: u32 = 10;

pub(super) struct Sender {
    name: String,
    sink: Box<dyn Sink>,
    body: Body,
    timeout: Duration,
    pace: Pace,
    max_bytes: usize,
    keep_alive: Duration,
    max_attempts: u32,
    gate: Gate,
    memory: Mutex<Memory>,
    seen: Mutex<Seen>,
    /// Messages accepted so far.
    accepted: AtomicU64,
    /// Refusals since the last acceptance.
    refused_in_a_row: AtomicU32,
    bus: Bus,
    /// No new attempts: what is not being sent goes back.
    stop: CancellationToken,
    /// What is being sent goes back too.
    too_late: CancellationToken,
    metrics: StageMetrics,
    all_metrics: Arc<Metrics>,
}

/// The process stops: the messages go back.
struct Stopped;

impl Sender {
    pub(super) fn new(context: &Context, receiver: &Receiver, built: Built, concurrency: usize) -> Self {
        let (name, options) = (&receiver.name.value, &receiver.options);
        Self {
            name: name.clone(),
            pace: Pace::new(options.rate_limit, built.defaults.summarises, built.sink.interval(), concurrency),
            sink: built.sink,
            body: built.body,
            timeout: options.timeout.map_or(built.defaults.timeout, |timeout| timeout.0),
            max_bytes: built.defaults.max_bytes,
            keep_alive: context.bus.settings().ack_wait() / 3,
            max_attempts: options.max_attempts.unwrap_or(MAX_ATTEMPTS),
            gate: Gate::default(),
            memory: Mutex::new(Memory::new()),
            seen: Mutex::new(Seen::new()),
            accepted: AtomicU64::new(0),
            refused_in_a_row: AtomicU32::new(0),
            bus: context.bus.clone(),
            stop: context.stop.clone(),
            too_late: CancellationToken::new(),
            metrics: context.metrics.receiver(Sinks::NAME, name),
            all_metrics: context.metrics.clone(),
        }
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn metrics(&self) -> &StageMetrics {
        &self.metrics
    }

    /// Ends what is being sent; its messages go back.
    pub(super) fn give_up_sending(&self) {
        self.too_late.cancel();
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.too_late.is_cancelled()
    }

    /// Says at start when the receiver is not there; deliveries are tried all the same.
    pub(super) async fn check(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            checked = tokio::time::timeout(self.timeout, self.sink.check()) => match checked {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(receiver = self.name, %error, "receiver cannot be used yet, its events wait"),
                Err(_) => tracing::error!(receiver = self.name, "receiver did not answer in time, its events wait"),
            },
        }
    }

    /// Takes a message in hand; `None` when it is a copy of one that is in hand or done.
    pub(super) async fn take(&self, delivery: Delivery) -> Option<Delivery> {
        let state = lock(&self.seen).take(&delivery);
        match state {
            State::New => {
                self.metrics.received.inc();
                self.metrics.in_flight.inc();
                return Some(delivery);
            }
            State::InHand => {}
            // Its acknowledgement was late or lost.
            State::Done => delivery.ack().await,
        }
        None
    }

    /// Delivers a batch: until it is accepted, refused, or the process stops.
    pub(super) async fn deliver(&self, batch: Vec<Delivery>) {
        let mut items = Vec::with_capacity(batch.len());
        let mut deliveries = Vec::with_capacity(batch.len());
        for delivery in batch {
            match Item::new(&delivery.payload, delivery.headers.get(header::CONTENT_TYPE), delivery.identity(), &self.body) {
                Ok(item) => {
                    items.push(item);
                    deliveries.push(delivery);
                }
                Err(refusal) => self.keep_dead(&delivery, DeadLetter::at_once(refusal.reason)).await,
            }
        }
        let mut start = 0;
        while start < items.len() {
            let end = start + run(&items[start..], self.max_bytes);
            self.deliver_run(&items[start..end], &deliveries[start..end].iter().collect::<Vec<_>>()).await;
            start = end;
        }
    }

    async fn deliver_run(&self, items: &[Item], deliveries: &[&Delivery]) {
        let Some(refusal) = self.attempt(items, deliveries).await else { return };
        if let [delivery] = deliveries {
            return self.refused(delivery, &refusal).await;
        }
        // One event's fault spoils a batch: each is tried for itself.
        tracing::debug!(receiver = self.name, reason = refusal.reason, "batch refused, trying one by one");
        for (item, delivery) in items.iter().zip(deliveries) {
            if let Some(refusal) = self.attempt(std::slice::from_ref(item), &[*delivery]).await {
                self.refused(delivery, &refusal).await;
            }
        }
    }

    /// Sends until there is an answer that is about these events. Only a refusal of all of them is left to the caller.
    async fn attempt(&self, items: &[Item], deliveries: &[&Delivery]) -> Option<Refusal> {
        if items.is_empty() {
            return None;
        }
        loop {
            let began = match self.turn(deliveries).await {
                Ok(began) => began,
                Err(Stopped) => {
                    self.put_back(deliveries).await;
                    return None;
                }
            };
            match self.send(items, deliveries).await {
                Ok(Ok(())) => {
                    for delivery in deliveries {
                        self.accepted(delivery).await;
                    }
                    self.answered(began);
                    return None;
                }
                Ok(Err(SendError::Outage { reason, after })) => {
                    self.went_wrong(began, &reason, after);
                    self.metrics.retried.inc_by(deliveries.len() as u64);
                }
                Ok(Err(SendError::Interrupted { left, reason })) => {
                    self.went_wrong(began, &reason, None);
                    self.metrics.retried.inc_by(left.len() as u64);
                    Box::pin(self.deliver_left(items, deliveries, &left)).await;
                    return None;
                }
                Ok(Err(SendError::Refused(refusal))) => {
                    self.answered(began);
                    return Some(refusal);
                }
                Ok(Err(SendError::Partial(refusals))) => {
                    self.sort_out(deliveries, &refusals).await;
                    self.answered(began);
                    return None;
                }
                Err(Stopped) => {
                    self.put_back(deliveries).await;
                    return None;
                }
            }
        }
    }

    /// Goes on with what an outage left of a batch; the others were accepted.
    async fn deliver_left(&self, items: &[Item], deliveries: &[&Delivery], left: &[usize]) {
        let (mut items_left, mut deliveries_left) = (Vec::with_capacity(left.len()), Vec::with_capacity(left.len()));
        for (place, (item, delivery)) in items.iter().zip(deliveries).enumerate() {
            if left.contains(&place) {
                items_left.push(item.clone());
                deliveries_left.push(*delivery);
            } else {
                self.accepted(delivery).await;
            }
        }
        self.deliver_run(&items_left, &deliveries_left).await;
    }

    /// Waits until the receiver is up and the pace allows these messages; returns when the attempt begins.
    async fn turn(&self, deliveries: &[&Delivery]) -> Result<Instant, Stopped> {
        let ready = async {
            self.pace.turns(deliveries.len()).await;
            while let Some(until) = self.gate.closed_until() {
                tokio::time::sleep_until(until).await;
            }
        };
        tokio::select! {
            // A turn that has come is used even when the process stops: what was taken is tried once.
            biased;
            () = self.holding(ready, deliveries) => Ok(Instant::now()),
            () = self.stop.cancelled() => Err(Stopped),
        }
    }

    /// Sends once, within the timeout.
    async fn send(&self, items: &[Item], deliveries: &[&Delivery]) -> Result<Result<(), SendError>, Stopped> {
        let attempt = self.holding(tokio::time::timeout(self.timeout, self.sink.send(items)), deliveries);
        let result = tokio::select! {
            result = attempt => result.unwrap_or_else(|_| Err(SendError::outage(format!("no answer within {:?}", self.timeout)))),
            () = self.too_late.cancelled() => return Err(Stopped),
        };
        let failed = match &result {
            Ok(()) => 0,
            Err(SendError::Partial(refusals)) => refusals.len(),
            Err(SendError::Interrupted { left, .. }) => left.len(),
            Err(_) => items.len(),
        };
        self.all_metrics.send_event_errors.inc_by(failed as u64);
        Ok(result)
    }

    /// Waits, telling NATS that the messages are still being worked on.
    async fn holding<T>(&self, work: impl Future<Output = T>, deliveries: &[&Delivery]) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(self.keep_alive) => {
                    for delivery in deliveries {
                        delivery.in_progress().await;
                    }
                }
            }
        }
    }

    async fn accepted(&self, delivery: &Delivery) {
        delivery.ack().await;
        if let Some(observed) = delivery.headers.observed() {
            self.metrics.delivery_seconds.observe(Timestamp::now().duration_since(observed).as_secs_f64().max(0.0));
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.refused_in_a_row.store(0, Ordering::Relaxed);
        self.metrics.published.inc();
        self.settled(delivery);
    }

    /// Settles a batch of which some were refused.
    async fn sort_out(&self, deliveries: &[&Delivery], refusals: &[(usize, Refusal)]) {
        let refusal_of = |place: usize| refusals.iter().find(|(at, _)| *at == place).map(|(_, refusal)| refusal);
        // First what was accepted, so that the refusals count.
        for (place, delivery) in deliveries.iter().enumerate() {
            if refusal_of(place).is_none() {
                self.accepted(delivery).await;
            }
        }
        for (place, delivery) in deliveries.iter().enumerate() {
            if let Some(refusal) = refusal_of(place) {
                self.refused(delivery, refusal).await;
            }
        }
    }

    /// Puts a refused message back for later, or gives it up.
    async fn refused(&self, delivery: &Delivery, Refusal { reason, permanent }: &Refusal) {
        let now = Timestamp::now();
        let refusals = lock(&self.memory).refused(delivery.sequence, self.accepted.load(Ordering::Relaxed), now);
        if *permanent || refusals.attempts >= self.max_attempts {
            let attempts = if *permanent { refusals.tries } else { refusals.attempts };
            let letter = DeadLetter { reason: reason.clone(), attempts, first_try: refusals.first_try, last_try: now };
            return self.keep_dead(delivery, letter).await;
        }
        let delay = retry::pause(refusals.tries.saturating_sub(1), FIRST_DELAY, LONGEST_DELAY);
        tracing::warn!(
            receiver = self.name,
            reason,
            attempt = refusals.attempts,
            retry_seconds = delay.as_secs(),
            event = delivery.identity(),
            "refused, trying again later"
        );
        self.pace.window.refused();
        self.metrics.retried.inc();
        self.metrics.in_flight.dec();
        lock(&self.seen).put_back(delivery);
        delivery.put_back(delay).await;
        if self.refused_in_a_row.fetch_add(1, Ordering::Relaxed) >= REFUSES_EVERYTHING {
            self.went_wrong(Instant::now(), &format!("refuses everything: {reason}"), None);
        }
    }

    /// Keeps a message as a dead letter. Apart from what delivers it, which is in memory as often as batches are sent: this is rare and large.
    fn keep_dead<'a>(&'a self, delivery: &'a Delivery, letter: DeadLetter) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tracing::error!(
                receiver = self.name,
                reason = letter.reason,
                attempts = letter.attempts,
                event = delivery.identity(),
                "given up, kept as a dead letter"
            );
            let kept = self.bus.dead_letter(&self.name, delivery, &letter);
            self.holding(kept, &[delivery]).await;
            delivery.ack().await;
            self.metrics.dead_lettered.inc();
            self.settled(delivery);
        })
    }

    async fn put_back(&self, deliveries: &[&Delivery]) {
        for delivery in deliveries {
            lock(&self.seen).put_back(delivery);
            self.metrics.in_flight.dec();
            delivery.put_back(Duration::ZERO).await;
        }
    }

    fn settled(&self, delivery: &Delivery) {
        lock(&self.memory).forget(delivery.sequence);
        lock(&self.seen).done(delivery);
        self.metrics.acked.inc();
        self.metrics.in_flight.dec();
    }

    fn went_wrong(&self, sent: Instant, reason: &str, after: Option<Duration>) {
        self.pace.window.went_down();
        match self.gate.failed(sent, reason, after) {
            News::WentDown => tracing::error!(receiver = self.name, reason, "receiver is down, its events wait"),
            News::OtherReason => tracing::warn!(receiver = self.name, reason, "receiver is still down"),
            News::None => tracing::debug!(receiver = self.name, reason, "receiver is still down"),
        }
    }

    fn answered(&self, sent: Instant) {
        if self.refused_in_a_row.load(Ordering::Relaxed) <= REFUSES_EVERYTHING
            && let Some(down) = self.gate.succeeded(sent)
        {
            tracing::info!(receiver = self.name, down_seconds = down.as_secs(), "receiver is up again");
        }
    }
}

/// How many items from the first on go together: at least one, at most so many bytes.
fn run(items: &[Item], max_bytes: usize) -> usize {
    let mut bytes = 0_usize;
    let fitting = items.iter().take_while(|item| {
        bytes = bytes.saturating_add(item.body.len());
        bytes <= max_bytes
    });
    fitting.count().max(1)
}
