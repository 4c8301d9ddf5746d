//! Publishing with a bounded window, and the checkpoint that follows the PubAcks.
//!
//! Whatever the scope waits for, it waits through [`Flow::during`]: PubAcks are taken in, the checkpoint is saved once a second and the pulse beats
//! meanwhile, and a stop ends the wait.

use std::{pin::pin, time::Duration};

use herald_common::{
    bus::{Change, Outbox, Published},
    event::Event,
    gap::{Gap, Reason},
    health::Pulse,
    stage::Context,
};
use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    checkpoint::{Checkpoint, Mark, Watermark, store::Store},
    convert::Converter,
    loss::Before,
};

/// PubAcks awaited at a time.
pub(super) const WINDOW: usize = 256;
/// How often the checkpoint is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How long the loop may be silent before the process counts as stalled.
const SILENCE: Duration = Duration::from_secs(60);

/// The scope was told to stop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Events on their way to `HERALD_RAW`.
pub(super) struct Flow {
    context: Context,
    converter: Converter,
    outbox: Outbox<Mark>,
    watermark: Watermark,
    store: Store,
    tick: Interval,
    pulse: Pulse,
    stop: CancellationToken,
    scope: String,
}

impl Flow {
    pub(super) fn new(context: &Context, store: Store, scope: &str, stop: CancellationToken) -> Self {
        let mut tick = tokio::time::interval(SAVE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            converter: Converter {
                subjects: context.bus.subjects().clone(),
                cluster: context.config.cluster_name.clone(),
                encoding: context.config.nats.encoding.raw,
            },
            outbox: Outbox::new(context.bus.clone(), WINDOW),
            watermark: Watermark::default(),
            store,
            tick,
            pulse: context.health.pulse(&format!("watcher: {scope}"), SILENCE),
            stop,
            scope: scope.to_owned(),
            context: context.clone(),
        }
    }

    /// Waits for something while PubAcks are taken in.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                Some((mark, published)) = self.outbox.next(), if !self.outbox.is_empty() => self.acked(mark, published),
                _ = self.tick.tick() => self.save().await,
                value = &mut work => return Ok(value),
            }
            self.pulse.beat();
        }
    }

    /// Waits until there is room for one more message.
    pub(super) async fn room(&mut self) -> Result<(), Stopped> {
        while self.outbox.is_full() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                Some((mark, published)) = self.outbox.next() => self.acked(mark, published),
                _ = self.tick.tick() => self.save().await,
            }
            self.pulse.beat();
        }
        Ok(())
    }

    /// Waits for the outstanding PubAcks and saves the checkpoint.
    pub(super) async fn settle(&mut self) -> Result<(), Stopped> {
        while !self.outbox.is_empty() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                Some((mark, published)) = self.outbox.next() => self.acked(mark, published),
                _ = self.tick.tick() => {}
            }
            self.pulse.beat();
        }
        self.save().await;
        Ok(())
    }

    pub(super) fn identity(&self, event: &Event) -> String {
        self.converter.identity(event)
    }

    /// Sends an event; `mark` is the position once it is published. One that NATS cannot take becomes a gap marker.
    pub(super) async fn publish(&mut self, event: &Event, change: Change, mark: Mark) -> Result<(), Stopped> {
        self.room().await?;
        self.context.stage_metrics.received.inc();
        let sent = match self.converter.message(event, change, Timestamp::now()) {
            Ok(message) => self.outbox.publish(message, mark.clone()).await.map_err(|(_, error)| anyhow::Error::from(error)),
            Err(error) => Err(error),
        };
        let Err(error) = sent else {
            self.watermark.sent(&mark);
            self.context.stage_metrics.in_flight.inc();
            return Ok(());
        };
        if let Some(position) = mark {
            self.watermark.reach(position);
        }
        let identity = self.identity(event);
        tracing::error!(identity, %error, "event cannot be published");
        self.say(Gap::event(&self.converter.cluster, Reason::TooLarge, &identity, &error.to_string())).await
    }

    /// A position was reached without a message.
    pub(super) fn reach(&mut self, position: String) {
        self.watermark.reach(position);
    }

    /// The watch is current.
    pub(super) fn observed(&mut self) {
        self.watermark.observe(Timestamp::now());
    }

    /// What is known of the time before now.
    pub(super) fn before(&self) -> Before {
        let checkpoint = self.watermark.checkpoint();
        Before { observed: checkpoint.observed, published: checkpoint.published }
    }

    /// Publishes a gap marker and counts it.
    pub(super) async fn say(&mut self, gap: Gap) -> Result<(), Stopped> {
        let reason = serde_json::to_value(gap.reason).ok().and_then(|reason| reason.as_str().map(str::to_owned)).unwrap_or_default();
        self.context.metrics.gaps.with_label_values(&[reason.as_str()]).inc();
        let bus = self.context.bus.clone();
        self.during(async move { bus.publish_gap(&gap).await }).await
    }

    /// Reads the checkpoint, waiting for NATS when it does not answer.
    pub(super) async fn load_checkpoint(&mut self) -> Result<Option<Checkpoint>, Stopped> {
        loop {
            match self.store.load().await {
                Ok(checkpoint) => return Ok(checkpoint),
                Err(error) => tracing::warn!(scope = self.scope, %error, "waiting for NATS to read the checkpoint"),
            }
            self.during(tokio::time::sleep(SAVE_EVERY)).await?;
        }
    }

    /// Begins at a checkpoint and makes sure it is saved.
    pub(super) async fn begin(&mut self, checkpoint: Checkpoint) -> Result<(), Stopped> {
        self.watermark = Watermark::new(checkpoint);
        while let Err(error) = self.store.save(self.watermark.checkpoint()).await {
            tracing::warn!(scope = self.scope, %error, "waiting for NATS to save the checkpoint");
            self.during(tokio::time::sleep(SAVE_EVERY)).await?;
        }
        Ok(())
    }

    /// The cluster's versions went back, and so may the checkpoint.
    pub(super) fn allow_going_back(&mut self) {
        self.store.allow_going_back();
    }

    /// Waits for the outstanding PubAcks, at most `bound`, and saves the checkpoint.
    pub(super) async fn drain(mut self, bound: Duration) {
        let rest = async {
            while let Some((mark, published)) = self.outbox.next().await {
                self.acked(mark, published);
                self.pulse.beat();
            }
        };
        if tokio::time::timeout(bound, rest).await.is_err() {
            let outstanding = self.outbox.len();
            tracing::warn!(scope = self.scope, outstanding, "stopping without their PubAcks, they are published again at the next start");
            self.context.stage_metrics.in_flight.sub(i64::try_from(outstanding).unwrap_or(0));
        }
        self.save().await;
        self.pulse.end();
    }

    fn acked(&mut self, mark: Mark, published: Published) {
        self.watermark.acked(mark, published.sequence, Timestamp::now());
        self.context.stage_metrics.in_flight.dec();
        self.context.stage_metrics.acked.inc();
        if !published.duplicate {
            self.context.stage_metrics.published.inc();
            self.context.metrics.events_sent.inc();
        }
    }

    async fn save(&mut self) {
        if let Err(error) = self.store.save(self.watermark.checkpoint()).await {
            tracing::warn!(scope = self.scope, %error, "checkpoint not saved");
        }
    }
}
