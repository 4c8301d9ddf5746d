//! The gate in front of a receiver: closed while it is down, for all its batches alike. State only; the caller waits.

use std::{sync::Mutex, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::lock;
use crate::retry;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is believed.
const LONGEST_REQUEST: Duration = Duration::from_secs(3_600);

#[derive(Default)]
pub(super) struct Gate {
    down: Mutex<Option<Down>>,
}

/// An outage.
struct Down {
    since: Timestamp,
    reason: String,
    failures: u32,
    /// When the last failure that counted was noted; what was sent before says nothing new.
    noted: Instant,
    until: Instant,
}

/// What a failure meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The receiver was up.
    WentDown,
    /// It was down for another reason.
    OtherReason,
    /// It is down as before.
    None,
}

impl Gate {
    /// When the next attempt may be made; `None` for now.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        lock(&self.down).as_ref().map(|down| down.until).filter(|until| *until > Instant::now())
    }

    /// Notes a failure of what was sent at `sent`; `after` is the pause the receiver asked for.
    pub(super) fn failed(&self, sent: Instant, reason: &str, after: Option<Duration>) -> News {
        let now = Instant::now();
        // A third of chance keeps replicas from knocking in step.
        let pause = |failures| {
            let backoff = retry::pause(failures, FIRST_PAUSE, LONGEST_PAUSE).mul_f64(1.0 - rand::random::<f64>() / 3.0);
            after.map_or(backoff, |after| after.min(LONGEST_REQUEST))
        };
        let mut down = lock(&self.down);
        let Some(down) = down.as_mut() else {
            *down = Some(Down { since: Timestamp::now(), reason: reason.to_owned(), failures: 1, noted: now, until: now + pause(0) });
            return News::WentDown;
        };
        if sent > down.noted {
            down.until = down.until.max(now + pause(down.failures));
            down.failures = down.failures.saturating_add(1);
            down.noted = now;
        } else if after.is_some() {
            down.until = down.until.max(now + pause(0));
        }
        if down.reason == reason {
            return News::None;
        }
        reason.clone_into(&mut down.reason);
        News::OtherReason
    }

    /// Notes a success of what was sent at `sent`; returns how long the receiver was down when it is up again.
    pub(super) fn succeeded(&self, sent: Instant) -> Option<SignedDuration> {
        let mut down = lock(&self.down);
        let over = down.take_if(|down| sent > down.noted)?;
        Some(Timestamp::now().duration_since(over.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_once_for_all_batches_in_flight() {
        let gate = Gate::default();
        let sent = Instant::now();
        assert_eq!(gate.failed(sent, "gone", None), News::WentDown);
        let first = gate.closed_until().expect("closed");
        assert!(first <= sent + FIRST_PAUSE);
        tokio::time::advance(Duration::from_millis(1)).await;
        for _ in 0..3 {
            assert_eq!(gate.failed(sent, "gone", None), News::None);
        }
        assert_eq!(gate.closed_until(), Some(first), "what was sent at the same time says nothing new");
        for _ in 0..20 {
            tokio::time::advance(LONGEST_PAUSE).await;
            assert_eq!(gate.closed_until(), None);
            gate.failed(Instant::now(), "gone", None);
        }
        let pause = gate.closed_until().expect("closed") - Instant::now();
        assert!(pause > LONGEST_PAUSE / 2 && pause <= LONGEST_PAUSE, "{pause:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_receivers_own_pause_holds_and_only_a_later_success_ends_it() {
        let gate = Gate::default();
        let early = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        gate.failed(Instant::now(), "slow down", Some(Duration::from_secs(7)));
        assert_eq!(gate.closed_until(), Some(Instant::now() + Duration::from_secs(7)));
        assert_eq!(gate.succeeded(early), None, "it was on its way before");
        assert!(gate.closed_until().is_some());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(gate.closed_until(), None);
        assert!(gate.succeeded(Instant::now()).is_some());
        assert_eq!(gate.failed(Instant::now(), "slow down", Some(Duration::MAX)), News::WentDown);
        assert_eq!(gate.closed_until(), Some(Instant::now() + LONGEST_REQUEST));
    }
}
