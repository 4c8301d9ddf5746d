//! How fast a receiver is given batches: the turns that `rateLimit` and its protocol leave it, and how many batches are sent to it at a time.
//!
//! State only: the lane waits for turns and keeps to the window, the sender tells how attempts ended.

use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use herald_common::config::Rate;
use tokio::time::Instant;

use super::window::Window;

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
