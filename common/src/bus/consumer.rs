//! Pulling from a shared durable consumer.
//!
//! In goes a [`ConsumerSpec`]; out come [`Delivery`]s in the stream's order. Any number of replicas may share a consumer. One pull request is open at a time:
//! of two, the server fills now one, now the other, and the order would be gone. At most `prefetch` messages are asked for at a time, and fewer where they are
//! large, since what is asked for is held in memory; one that waited here for longer than AckWait is passed over, since it is handed out again. A consumer that was
//! deleted is made again, a lost connection is waited for: [`Consumer::next`] fails for no reason and ends for one, [`Consumer::stop`].

use std::time::{Duration, Instant};

use async_nats::jetstream::{
    self,
    consumer::{self, AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Bus, Delivery, Stream, WINDOW_BYTES, connect::Pauses, pull::Pull};

/// Messages between the reading task and the stage at most; the others wait in the pull request's own buffer. With fewer, each change of tasks and each write to
/// the socket would be shared by fewer.
const HANDOVER: usize = 64;

/// Messages that the first pull request asks for, before it is known how large they are.
const FIRST: usize = 16;

/// How often is looked whether there is a connection, should nobody have told.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What to consume and how.
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// The stream.
    pub stream: Stream,
    /// The durable name shared by all replicas.
    pub durable: String,
    /// The subjects wanted; empty for all of the stream.
    pub filters: Vec<String>,
    /// Messages asked for at a time; as many again, but no more than 64, may wait to be taken.
    pub prefetch: usize,
    /// Messages handed out and not yet acknowledged, over all replicas.
    pub max_ack_pending: i64,
}

/// The reading end of a durable pull consumer.
pub struct Consumer {
    deliveries: mpsc::Receiver<(Instant, Delivery)>,
    ack_wait: Duration,
    stop: CancellationToken,
}

impl Bus {
    /// Starts reading; the stream and the durable are created when they are not there.
    #[must_use]
    pub fn consume(&self, spec: ConsumerSpec) -> Consumer {
        let (sender, deliveries) = mpsc::channel(spec.prefetch.clamp(1, HANDOVER));
        let stop = CancellationToken::new();
        let mut connects = self.inner.connects.clone();
        connects.mark_unchanged();
        let puller = Puller {
            bus: self.clone(),
            spec,
            consumer: None,
            pull: None,
            largest: 0,
            next: FIRST,
            connects,
            stop: stop.clone(),
            pauses: Pauses::default(),
        };
        tokio::spawn(puller.run(sender));
        Consumer { deliveries, ack_wait: self.settings().ack_wait(), stop }
    }
}

impl Consumer {
    /// Waits for the next message; `None` once [`Self::stop`] was called and everything asked for has come. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let (since, delivery) = self.deliveries.recv().await?;
            if since.elapsed() < self.ack_wait {
                return Some(delivery);
            }
            tracing::debug!(sequence = delivery.sequence, "message waited here for longer than AckWait, it is handed out again");
        }
    }

    /// Takes the next message if it is here already. The reading task holds most of those that are, so it is given a turn before the answer is no.
    /// Cancelling it loses nothing.
    pub async fn next_ready(&mut self) -> Option<Delivery> {
        if let Some(next) = self.next().now_or_never() {
            return next;
        }
        tokio::task::yield_now().await;
        self.next().now_or_never().flatten()
    }

    /// Asks for no more messages; [`Self::next`] still returns those already asked for, to be finished or handed back.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The task behind a [`Consumer`].
struct Puller {
    bus: Bus,
    spec: ConsumerSpec,
    consumer: Option<PullConsumer>,
    /// The open pull request, and since when what it brings can have been here: its beginning, or the last time that it had brought nothing more.
    pull: Option<(Instant, Pull)>,
    /// The largest payload that the open pull request has brought, in bytes.
    largest: usize,
    /// Messages that the next pull request asks for.
    next: usize,
    connects: watch::Receiver<u64>,
    stop: CancellationToken,
    pauses: Pauses,
}

impl Puller {
    async fn run(mut self, sender: mpsc::Sender<(Instant, Delivery)>) {
        loop {
            if self.pull.is_none() {
                self.connected().await;
                if self.stop.is_cancelled() {
                    return;
                }
                if let Err(error) = self.pull().await {
                    tracing::warn!(%error, consumer = self.spec.durable, "cannot read from the stream, trying again");
                    self.forget().await;
                }
            }
            let Some((since, pull)) = &mut self.pull else { continue };
            // Without the executor's budget, which would make it look as if nothing were here.
            let message = match tokio::task::unconstrained(pull.next()).now_or_never() {
                Some(message) => message,
                None => {
                    *since = Instant::now();
                    tokio::select! {
                        biased;
                        message = pull.next() => message,
                        // Looked again before what comes could seem older than it is.
                        () = tokio::time::sleep(self.bus.settings().ack_wait() / 4) => continue,
                        Ok(()) = self.connects.changed() => {
                            // The request died with the old connection; what has already arrived is still good.
                            while let Some(Some(Ok(message))) = pull.next().now_or_never() {
                                hand_over(*since, message, &sender).await;
                            }
                            self.pull = None;
                            continue;
                        }
                    }
                }
            };
            match message {
                Some(Ok(message)) => {
                    self.pauses = Pauses::default();
                    self.largest = self.largest.max(message.payload.len());
                    hand_over(*since, message, &sender).await;
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, consumer = self.spec.durable, "pull request ended");
                    self.forget().await;
                }
                None => self.pull = None,
            }
        }
    }

    /// Waits for a connection, or the stop: a request that is made without one is sent with the next, and could not be told from those that died.
    async fn connected(&mut self) {
        while !self.bus.is_connected() {
            tokio::select! {
                () = self.stop.cancelled() => return,
                Ok(()) = self.connects.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Opens a pull request.
    async fn pull(&mut self) -> anyhow::Result<()> {
        let consumer = match &self.consumer {
            Some(consumer) => consumer,
            None => self.consumer.insert(self.create().await?),
        };
        let asked = Instant::now();
        // Not by the request's own limit of bytes: a consumer of several copies says that such a request is done before it sends what belongs to it.
        if let Some(fit) = WINDOW_BYTES.checked_div(self.largest) {
            self.next = fit;
        }
        self.largest = 0;
        self.connects.mark_unchanged();
        self.pull = Some((asked, Pull::open(&self.bus, consumer, self.next.clamp(1, self.spec.prefetch.max(1))).await?));
        Ok(())
    }

    /// Starts over with the consumer after a pause: it may have been deleted.
    async fn forget(&mut self) {
        self.pull = None;
        self.consumer = None;
        let pause = self.pauses.next();
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn create(&self) -> anyhow::Result<PullConsumer> {
        let ConsumerSpec { stream, durable, filters, max_ack_pending, .. } = &self.spec;
        self.bus.ensure_stream(stream).await?;
        let wanted = pull::Config {
            durable_name: Some(durable.clone()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.bus.settings().ack_wait(),
            max_deliver: -1,
            filter_subjects: filters.clone(),
            max_ack_pending: *max_ack_pending,
            ..pull::Config::default()
        };
        let name = self.bus.stream_name(stream);
        let consumer: consumer::Consumer<pull::Config> = self.bus.jetstream().create_consumer_on_stream(wanted.clone(), name).await?;
        let echoed = &consumer.cached_info().config;
        anyhow::ensure!(
            echoed.filter_subjects == wanted.filter_subjects
                || (wanted.filter_subjects.len() == 1 && echoed.filter_subject == wanted.filter_subjects[0]),
            "nats-server did not take the consumer's filter subjects, it is too old"
        );
        Ok(consumer)
    }
}

/// A closed channel means the stage is gone; its messages are handed out again after AckWait.
async fn hand_over(since: Instant, message: jetstream::Message, sender: &mpsc::Sender<(Instant, Delivery)>) {
    if let Some(delivery) = Delivery::from_message(message) {
        let _ = sender.send((since, delivery)).await;
    }
}
