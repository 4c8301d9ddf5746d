//! Whether the API server can be reached: what `/-/ready` says of it, and whether asking it now makes sense.
//!
//! In go the ends of requests. When several in a row found nobody, it counts as down: nothing else is asked, and one task asks until it answers. Answers of
//! any kind, refusals too, mean that it is there.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use herald_common::health::Condition;
use tokio::sync::Notify;

/// So many requests in a row that found nobody mean that the API server is down.
const DOWN_AFTER: u32 = 8;
/// How long to wait between asking an API server that is down.
const PAUSE: Duration = Duration::from_secs(1);

/// The state of the API server as seen from here.
pub(crate) struct Reach {
    condition: Condition,
    failures: AtomicU32,
    up: AtomicBool,
    changed: Notify,
}

impl Reach {
    /// Starts without knowing: not ready, but worth asking.
    pub(crate) fn new(condition: Condition) -> Self {
        Self { condition, failures: AtomicU32::new(0), up: AtomicBool::new(false), changed: Notify::new() }
    }

    /// The API server answered.
    pub(crate) fn answered(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if !self.up.swap(true, Ordering::Relaxed) {
            self.condition.met();
            tracing::info!("kube-apiserver answers");
        }
    }

    /// A request found nobody.
    pub(crate) fn failed(&self, reason: &str) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let first_answer_missing = failures == 1 && !self.up.load(Ordering::Relaxed);
        if first_answer_missing || (failures >= DOWN_AFTER && self.up.swap(false, Ordering::Relaxed)) {
            tracing::warn!(reason, "waiting for kube-apiserver");
            self.condition.unmet(format!("waiting for kube-apiserver: {reason}"));
            self.changed.notify_one();
        }
    }

    /// Tells whether asking now is in vain.
    pub(crate) fn is_down(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= DOWN_AFTER
    }

    /// Runs for ever: asks with `probe`, which reports to this, at the start and whenever the API server is down.
    pub(crate) async fn watch<F: Future<Output = ()>>(&self, probe: impl Fn() -> F) {
        loop {
            while !self.up.load(Ordering::Relaxed) {
                probe().await;
                if !self.up.load(Ordering::Relaxed) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use herald_common::health::Health;

    #[test]
    fn several_failures_in_a_row_and_nothing_less_mean_down() {
        let health = Health::default();
        let reach = Reach::new(health.condition("kube-apiserver"));
        assert!(!reach.is_down(), "worth asking at the start");
        assert_eq!(health.unready().len(), 1, "not ready before the first answer");
        reach.answered();
        assert!(health.unready().is_empty());
        for _ in 1..DOWN_AFTER {
            reach.failed("refused");
        }
        reach.answered();
        for _ in 1..DOWN_AFTER {
            reach.failed("refused");
        }
        assert!(health.unready().is_empty() && !reach.is_down());
        reach.failed("refused");
        assert!(reach.is_down());
        assert_eq!(health.unready(), ["kube-apiserver: waiting for kube-apiserver: refused"]);
        reach.answered();
        assert!(health.unready().is_empty() && !reach.is_down());
    }
}
