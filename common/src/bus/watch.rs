//! Watching a consumer for lag and for loss.
//!
//! A stream drops its oldest messages when a limit is reached. What a consumer had not acknowledged by then is lost to it; this task notices, counts it, logs it
//! and publishes a gap marker that names the range of sequences. It reads the consumer's and the stream's state before the first message is read, and then every
//! few seconds. What the router drops to make room in a receiver's stream it says itself ([`super::Outbox`]).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Bus, ConsumerSpec, inspect::ConsumerState};
use crate::{gap, health::Condition, metrics::StageMetrics};

/// How often the state is read.
const INTERVAL: Duration = Duration::from_secs(5);
/// How soon it is read again at the beginning, when NATS did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// A watch over one consumer.
pub struct LossWatch {
    bus: Bus,
    spec: ConsumerSpec,
    subject: String,
    metrics: StageMetrics,
    reported: u64,
    before: Option<ConsumerState>,
}

/// The sequences a consumer lost, beyond those reported.
///
/// A stream that keeps what is acknowledged drops by its limits only, so everything that was not acknowledged at the look before and is gone now counts: an upper
/// bound, since some of it may be done meanwhile. From a work queue messages also go when they are acknowledged; there only what was never handed out counts,
/// and only what the server dropped.
fn lost(before: Option<&ConsumerState>, now: &ConsumerState, filtered: bool, reported: u64) -> Option<(u64, u64)> {
    let done = if now.keeps_acknowledged {
        let base = before.unwrap_or(now);
        // A filtered consumer passes over the messages of others, so it has lost something only when something was waiting.
        if filtered && base.pending + base.ack_pending == 0 {
            return None;
        }
        base.ack_floor
    } else if now.dropped_by_server {
        now.delivered
    } else {
        return None;
    };
    let from = done.max(reported) + 1;
    (now.first_sequence > from).then(|| (from, now.first_sequence - 1))
}

impl LossWatch {
    /// Watches the consumer of `spec`; `subject` (a cluster or receiver) is what gap markers name.
    #[must_use]
    pub fn new(bus: Bus, spec: ConsumerSpec, subject: &str, metrics: StageMetrics) -> Self {
        Self { bus, spec, subject: subject.to_owned(), metrics, reported: 0, before: None }
    }

    /// Looks what was lost while nobody read, and goes on looking in a task of its own until `stop`. To be awaited before the first message is read; `looked`
    /// is met then.
    pub async fn begin(mut self, looked: &Condition, stop: CancellationToken) {
        let first_look = async {
            while let Err(error) = self.look().await {
                tracing::warn!(%error, consumer = self.spec.durable, "waiting for NATS to tell the consumer's state");
                looked.unmet(format!("waiting for NATS to tell the state of the consumer {}: {error}", self.spec.durable));
                tokio::time::sleep(RETRY).await;
            }
        };
        let is_stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = first_look => false,
        };
        looked.met();
        if !is_stopped {
            tokio::spawn(self.run(stop));
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            if let Err(error) = self.look().await {
                tracing::debug!(%error, consumer = self.spec.durable, "consumer's state not read");
            }
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        // Before the first message there is no consumer, and nothing to lose.
        let Some(now) = self.bus.consumer_state(&self.spec.stream, &self.spec.durable).await? else { return Ok(()) };
        self.metrics.pending.set(i64::try_from(now.pending).unwrap_or(i64::MAX));
        self.metrics.ack_pending.set(i64::try_from(now.ack_pending).unwrap_or(i64::MAX));
        let lost = lost(self.before.as_ref(), &now, !self.spec.filters.is_empty(), self.reported);
        self.before = Some(now);
        let Some((from, to)) = lost else { return Ok(()) };
        self.reported = to;
        self.metrics.lost.inc_by(to - from + 1);
        let stream = self.bus.stream_name(&self.spec.stream);
        tracing::error!(
            stream,
            consumer = self.spec.durable,
            from,
            to,
            "the stream's limits dropped messages before they were done, raise nats.streams.*.maxBytes or maxAgeSeconds"
        );
        let marker = gap::Gap::limits(&self.subject, &stream, &self.spec.durable, from, to);
        self.bus.publish_gap(&marker).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(delivered: u64, first_sequence: u64) -> ConsumerState {
        ConsumerState { delivered, first_sequence, dropped_by_server: true, ..ConsumerState::default() }
    }

    fn log(ack_floor: u64, first_sequence: u64) -> ConsumerState {
        ConsumerState { ack_floor, first_sequence, keeps_acknowledged: true, ..ConsumerState::default() }
    }

    #[test]
    fn of_a_queue_only_what_was_never_handed_out_is_lost() {
        let lost = |state, reported| lost(None, &state, false, reported);
        assert_eq!(lost(queue(0, 1), 0), None, "a fresh stream");
        assert_eq!(lost(queue(10, 11), 0), None, "all handed out");
        assert_eq!(lost(queue(10, 5), 0), None, "still there");
        assert_eq!(lost(queue(10, 15), 0), Some((11, 14)));
        assert_eq!(lost(queue(10, 20), 14), Some((15, 19)), "the rest was reported before");
        assert_eq!(lost(ConsumerState { dropped_by_server: false, ..queue(10, 15) }, 0), None, "the router made room and says so");
    }

    #[test]
    fn of_a_log_what_was_not_done_at_the_look_before_and_is_gone_is_lost() {
        assert_eq!(lost(None, &log(10, 15), false, 0), Some((11, 14)), "while nobody read");
        assert_eq!(lost(Some(&log(20, 5)), &log(90, 30), false, 0), Some((21, 29)), "though later ones were done meanwhile");
        assert_eq!(lost(Some(&log(20, 5)), &log(90, 21), false, 0), None, "it was done");
    }

    #[test]
    fn a_filtered_consumer_loses_only_when_something_waits() {
        assert_eq!(lost(Some(&log(10, 5)), &log(10, 15), true, 0), None, "the messages of others");
        let waiting = ConsumerState { ack_pending: 1, ..log(10, 5) };
        assert_eq!(lost(Some(&waiting), &log(10, 15), true, 0), Some((11, 14)));
    }
}
