//! The core of every receiver: batches, pace, retries, dead letters, metrics.
//!
//! In go the messages of a receiver's stream; out go batches to its sink. A message is acknowledged when the sink accepted it or when it is kept as a dead
//! letter. In an outage the batch stays in hand and nothing more is asked for: memory is bounded by concurrency and batch, and in bytes where events are large. A
//! refused message is put back for later, so that others pass. Attempts count refusals, not outages.
//!
//! [`Lane`] reads and gathers; [`sender`] sends and settles; [`pace`] says when, and [`window`] how much at a time; [`gate`] is shut while the receiver is down;
//! [`seen`] drops copies of what is in hand.

mod gate;
mod pace;
mod seen;
mod sender;
#[cfg(test)]
mod tests;
mod window;

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use herald_common::{
    CancellationToken,
    bus::{Bus, Consumer, ConsumerSpec, Delivery, LossWatch, Stream, WINDOW_BYTES},
    config::Receiver,
    health::{Condition, Pulse},
    stage::Context,
};

use self::sender::Sender;
use crate::{registry::Built, summary};

/// The consumer that all replicas share, on each receiver's own stream.
const DURABLE: &str = "sinks";
/// How often an idle lane shows that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// How long a batch that is sent in its turn waits for the next of the events that are there already, and for all of them.
const MOMENT: Duration = Duration::from_millis(100);
const MOMENTS: Duration = Duration::from_secs(2);
/// What is left of `shutdownGrace` for putting back what could not be sent in time.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One receiver at work.
pub(crate) struct Lane {
    spec: ConsumerSpec,
    batch: usize,
    /// How long what is being sent may take after the stop.
    patience: Duration,
    stop: CancellationToken,
    bus: Bus,
    pulse: Pulse,
    /// What was lost while nobody read is known.
    looked: Condition,
    sender: Arc<Sender>,
}

impl Lane {
    pub(crate) fn new(context: &Context, receiver: &Receiver, built: Built, stop: CancellationToken) -> Self {
        let (name, options, defaults) = (&receiver.name.value, &receiver.options, built.defaults);
        let batch = options.batch.as_ref().map_or(defaults.batch, |batch| batch.value).min(defaults.max_batch);
        let concurrency = options.concurrency.unwrap_or(defaults.concurrency);
        let sums_up = built.defaults.summarises && options.rate_limit.is_some();
        let in_hand = if sums_up { summary::MOST } else { batch * concurrency };
        Self {
            spec: ConsumerSpec {
                stream: Stream::Out(name.as_str().into()),
                durable: DURABLE.to_owned(),
                filters: Vec::new(),
                prefetch: in_hand.clamp(1, 1_024),
                max_ack_pending: i64::try_from((in_hand * 8).max(4_096)).unwrap_or(i64::MAX),
            },
            batch,
            patience: context.config.shutdown_grace.0.saturating_sub(LAST_WORDS),
            stop,
            bus: context.bus.clone(),
            pulse: context.health.pulse(&format!("sinks: {name}"), Duration::from_secs(120)),
            looked: context.health.condition(&format!("sinks: consumer of {name}")),
            sender: Arc::new(Sender::new(context, receiver, built, concurrency)),
        }
    }

    /// Delivers until stopped; what is not being sent then goes back to the stream, and so does what is not accepted in time.
    pub(crate) async fn run(self) {
        let sender = &self.sender;
        let watch = LossWatch::new(self.bus.clone(), self.spec.clone(), sender.name(), sender.metrics().clone());
        let mut tick = tokio::time::interval(BEAT);
        let mut prepared = pin!(async {
            watch.begin(&self.looked, self.stop.clone()).await;
            sender.check().await;
        });
        loop {
            tokio::select! {
                () = &mut prepared => break,
                _ = tick.tick() => self.pulse.beat(),
            }
        }
        let mut consumer = self.bus.consume(self.spec.clone());
        let pace = sender.pace();
        let (mut sending, mut bytes) = (FuturesUnordered::new(), 0);
        let mut stopping = None;
        let mut drained = false;
        // Where batches have their turns, a message is taken when its turn has come.
        let (mut has_turn, mut last_turn) = (!pace.takes_turns(), None);
        while !(drained && sending.is_empty()) {
            let may_send = has_turn && sending.len() < pace.window.size() && bytes < WINDOW_BYTES;
            tokio::select! {
                biased;
                Some((began, done)) = sending.next(), if !sending.is_empty() => {
                    bytes -= done;
                    pace.window.done(began, tokio::time::Instant::now(), sending.len() + 1);
                }
                () = self.stop.cancelled(), if stopping.is_none() => {
                    stopping = Some(tokio::time::Instant::now() + self.patience);
                    consumer.stop();
                }
                () = pace.next_turn(last_turn), if !has_turn && stopping.is_none() => has_turn = true,
                delivery = consumer.next(), if !drained && (stopping.is_some() || may_send) => match delivery {
                    Some(delivery) if stopping.is_some() => delivery.put_back(Duration::ZERO).await,
                    Some(delivery) => {
                        let batch = if !pace.takes_turns() {
                            self.gather(delivery, &mut consumer, self.batch).await
                        } else if !pace.sums_up() {
                            let batch = self.gather_late(delivery, &mut consumer, self.batch).await;
                            (has_turn, last_turn) = (batch.is_empty() || batch.is_full(), Some(tokio::time::Instant::now()));
                            batch
                        } else if pace.has_another_turn() {
                            self.gather(delivery, &mut consumer, 1).await
                        } else {
                            has_turn = false;
                            self.gather_late(delivery, &mut consumer, summary::MOST).await
                        };
                        if !batch.is_empty() {
                            bytes += batch.bytes;
                            sending.push(async move {
                                let began = tokio::time::Instant::now();
                                sender.deliver(batch.deliveries).await;
                                (began, batch.bytes)
                            });
                        }
                    }
                    None => drained = true,
                },
                () = until(stopping), if stopping.is_some() && !sender.is_given_up() => sender.give_up_sending(),
                _ = tick.tick() => {}
            }
            self.pulse.beat();
        }
        self.pulse.end();
    }

    /// Takes what is there now, up to a batch; never waits for more.
    async fn gather(&self, first: Delivery, consumer: &mut Consumer, most: usize) -> Batch {
        let mut batch = Batch::new(most);
        batch.extend(self.sender.take(first).await);
        while !batch.is_full()
            && let Some(delivery) = consumer.next_ready().await
        {
            batch.extend(self.sender.take(delivery).await);
        }
        batch
    }

    /// Takes what waits for the last turn there is. What waited here for too long has to come anew, so it is given a moment.
    async fn gather_late(&self, first: Delivery, consumer: &mut Consumer, most: usize) -> Batch {
        let mut batch = Batch::new(most);
        batch.extend(self.sender.take(first).await);
        let deadline = tokio::time::Instant::now() + MOMENTS;
        while !batch.is_full()
            && let Ok(Some(delivery)) = tokio::time::timeout_at(deadline.min(tokio::time::Instant::now() + MOMENT), consumer.next()).await
        {
            batch.extend(self.sender.take(delivery).await);
        }
        batch
    }
}

/// What is sent together, while it is gathered.
struct Batch {
    deliveries: Vec<Delivery>,
    /// Of their payloads.
    bytes: usize,
    most: usize,
}

impl Batch {
    fn new(most: usize) -> Self {
        Self { deliveries: Vec::new(), bytes: 0, most }
    }

    fn extend(&mut self, delivery: Option<Delivery>) {
        self.bytes += delivery.as_ref().map_or(0, |delivery| delivery.payload.len());
        self.deliveries.extend(delivery);
    }

    fn is_full(&self) -> bool {
        self.deliveries.len() >= self.most || self.bytes >= WINDOW_BYTES
    }

    fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }
}

/// The guarded values are plain data, good even after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
