//! How fast a receiver is given batches: the turns that `rateLimit` and its protocol leave it, and how many batches are sent to it at a time.
//!
//! State only: the lane waits for turns and keeps to the window, the sender tells how attempts ended.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use herald_common::config::Rate;
use tokio::time::Instant;

/// A receiver's turns. A turn is an event's; where a batch becomes one message, or where batches have their price, it is the batch's.
pub(super) struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    /// Whether a batch is one message.
    summarises: bool,
    /// What passes between the beginnings of two batches.
    interval: Duration,
    /// How many batches may be sent at a time.
    pub(super) window: Window,
}

impl Pace {
    pub(super) fn new(limit: Option<Rate>, summarises: bool, interval: Duration, concurrency: usize) -> Self {
        let limiter = limit.and_then(|rate| {
            let quota = Quota::with_period(rate.per / rate.count.get())?.allow_burst(rate.count);
            Some(RateLimiter::direct(quota))
        });
        Self { limiter, summarises, interval, window: Window::new(concurrency) }
    }

    /// Whether what waits for its turn becomes one message.
    pub(super) fn sums_up(&self) -> bool {
        self.summarises && self.limiter.is_some()
    }

    /// Whether a batch's turn is waited for before the batch is taken.
    pub(super) fn takes_turns(&self) -> bool {
        self.sums_up() || !self.interval.is_zero()
    }

    /// Waits for the next batch's turn; `last` is when the last one had its turn. Cancelling it loses no turn.
    pub(super) async fn next_turn(&self, last: Option<Instant>) {
        if let Some(limiter) = self.limiter.as_ref().filter(|_| self.summarises) {
            limiter.until_ready().await;
        }
        if let Some(last) = last {
            tokio::time::sleep_until(last + self.interval).await;
        }
    }

    /// Takes another message's turn if it has come.
    pub(super) fn has_another_turn(&self) -> bool {
        self.limiter.as_ref().is_none_or(|limiter| limiter.check().is_ok())
    }

    /// Waits for the turns of so many events, where each has its own.
    pub(super) async fn turns(&self, events: usize) {
        if let Some(limiter) = self.limiter.as_ref().filter(|_| !self.summarises) {
            for _ in 0..events {
                limiter.until_ready().await;
            }
        }
    }
}

/// How many batches may be sent at a time: few until the receiver has shown that it takes more, as with TCP's congestion window (RFC 5681).
pub(super) struct Window {
    now: AtomicUsize,
    most: usize,
}

impl Window {
    /// Batches sent at a time to a receiver of which nothing is known.
    const FIRST: usize = 4;

    fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(Self::FIRST.min(most)), most }
    }

    pub(super) fn size(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// A batch was accepted: one more may go beside it.
    pub(super) fn accepted(&self) {
        self.set(self.size() + 1);
    }

    /// A batch was refused and will come again: half as many.
    pub(super) fn refused(&self) {
        self.set(self.size() / 2);
    }

    /// The receiver was not there: it begins anew.
    pub(super) fn went_down(&self) {
        self.set(Self::FIRST);
    }

    // Set from the lane's task alone, so nothing comes between reading and writing.
    fn set(&self, size: usize) {
        self.now.store(size.max(Self::FIRST).min(self.most), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_receiver_has_as_many_batches_at_a_time_as_it_shows_to_take() {
        let window = Window::new(12);
        assert_eq!(window.size(), 4);
        (0..20).for_each(|_| window.accepted());
        assert_eq!(window.size(), 12, "never more than configured");
        window.refused();
        assert_eq!(window.size(), 6);
        (0..5).for_each(|_| window.refused());
        assert_eq!(window.size(), 4, "what every receiver has");
        (0..5).for_each(|_| window.accepted());
        window.went_down();
        assert_eq!(window.size(), 4);
        let narrow = Window::new(1);
        narrow.accepted();
        assert_eq!(narrow.size(), 1);
    }
}
