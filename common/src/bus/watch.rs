//! Watching a consumer for lag and for loss.
//!
//! A stream drops its oldest messages when a limit is reached. What a consumer had not been handed by then is lost to it; this task notices, counts it,
//! logs it and publishes a gap marker that names the range of sequences. It reads the consumer's and the stream's state every few seconds.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Bus, ConsumerSpec};
use crate::{gap, metrics::StageMetrics};

/// How often the state is read.
const INTERVAL: Duration = Duration::from_secs(5);

/// A watch over one consumer.
pub struct LossWatch {
    bus: Bus,
    spec: ConsumerSpec,
    subject: String,
    metrics: StageMetrics,
    reported: u64,
    pending_before: u64,
}

/// The sequences a consumer lost: those after `delivered` and before the stream's `first`.
fn lost(delivered: u64, first: u64, reported: u64) -> Option<(u64, u64)> {
    let from = delivered.max(reported) + 1;
    (first > from).then(|| (from, first - 1))
}

impl LossWatch {
    /// Watches the consumer of `spec`; `subject` (a cluster or receiver) is what gap markers name.
    #[must_use]
    pub fn new(bus: Bus, spec: ConsumerSpec, subject: &str, metrics: StageMetrics) -> Self {
        Self { bus, spec, subject: subject.to_owned(), metrics, reported: 0, pending_before: 0 }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
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
        let state = self.bus.consumer_state(&self.spec.stream, &self.spec.durable).await?;
        self.metrics.pending.set(i64::try_from(state.pending).unwrap_or(i64::MAX));
        self.metrics.ack_pending.set(i64::try_from(state.ack_pending).unwrap_or(i64::MAX));
        let waited = std::mem::replace(&mut self.pending_before, state.pending) > 0;
        let Some((from, to)) = lost(state.delivered, state.first_sequence, self.reported) else { return Ok(()) };
        self.reported = to;
        // A filtered consumer passes over the messages of others, so it has lost something only when something was waiting;
        // the range then is an upper bound, since it holds others' messages too.
        if !self.spec.filters.is_empty() && !waited {
            return Ok(());
        }
        self.metrics.lost.inc_by(to - from + 1);
        let stream = self.bus.stream_name(&self.spec.stream);
        tracing::error!(
            stream,
            consumer = self.spec.durable,
            from,
            to,
            "the stream's limits dropped messages before they were read, raise nats.streams.*.maxBytes or maxAgeSeconds"
        );
        let marker = gap::Gap::limits(&self.subject, &stream, &self.spec.durable, from, to);
        self.bus.publish_gap(&marker).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::lost;

    #[test]
    fn only_what_was_never_handed_out_is_lost() {
        assert_eq!(lost(0, 1, 0), None, "a fresh stream");
        assert_eq!(lost(10, 11, 0), None, "all handed out");
        assert_eq!(lost(10, 5, 0), None, "still there");
        assert_eq!(lost(10, 15, 0), Some((11, 14)));
        assert_eq!(lost(10, 20, 14), Some((15, 19)), "the rest was reported before");
    }
}
