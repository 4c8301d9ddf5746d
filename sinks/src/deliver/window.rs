//! How many batches are sent to a receiver at a time: as many as make it faster.
//!
//! A receiver far away takes many at a time and one beside it few, for more would only wait there, each with a connection and its memory. So the window is found
//! by climbing: it doubles as long as that makes the receiver faster, steps back when it did not, and is tried again later. A refusal halves it and an outage
//! starts it over, so a receiver in trouble is not flooded. State only; the caller tells the time.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Batches sent at a time to a receiver of which nothing is known.
const FIRST: usize = 4;
/// Fewest batches and shortest time over which a rate is taken: events come in bursts, which say nothing of the receiver.
const ROUND: usize = 32;
const ROUND_TIME: Duration = Duration::from_millis(100);
/// After so long without a batch done a rate is taken anew: there was nothing to send.
const IDLE: Duration = Duration::from_secs(5);
/// A window twice as large is kept when it makes the rate so many times what it was.
const WORTHWHILE: f64 = 1.2;
/// How long a window is kept that could not be made better.
const KEPT: Duration = Duration::from_secs(10);

pub(super) struct Window {
    most: usize,
    state: Mutex<State>,
}

struct State {
    size: usize,
    round: Option<Round>,
    /// What the window half as large reached, in batches a second; nothing when that is not known.
    before: Option<f64>,
    kept_until: Option<Instant>,
}

/// Batches done since a moment.
struct Round {
    since: Instant,
    last: Instant,
    done: usize,
    /// How many were on their way when each of these was done, added up.
    in_flight: usize,
}

impl Window {
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::new(State { size: FIRST.min(most), round: None, before: None, kept_until: None }) }
    }

    /// How many batches may be on their way now.
    pub(super) fn size(&self) -> usize {
        self.lock().size
    }

    /// A batch is done; so many were on their way until now.
    pub(super) fn done(&self, now: Instant, in_flight: usize) {
        let mut state = self.lock();
        let size = state.size;
        state.round.take_if(|round| now - round.last > IDLE);
        let round = state.round.get_or_insert(Round { since: now, last: now, done: 0, in_flight: 0 });
        round.last = now;
        round.done += 1;
        round.in_flight += in_flight;
        let elapsed = now - round.since;
        if round.done <= size.max(ROUND) || elapsed < ROUND_TIME {
            return;
        }
        // The first began the round. Where less than half of the window was used, it is not what held back.
        let (rate, was_used) = ((round.done - 1) as f64 / elapsed.as_secs_f64(), 2 * round.in_flight >= round.done * size);
        state.round = None;
        if !was_used || state.kept_until.is_some_and(|until| now < until) {
            return;
        }
        state.kept_until = None;
        match state.before.take() {
            Some(before) if rate < before * WORTHWHILE => {
                state.size = self.within(size / 2);
                state.kept_until = Some(now + KEPT);
            }
            _ if size < self.most => {
                state.size = self.within(size * 2);
                state.before = Some(rate);
            }
            _ => {}
        }
    }

    /// A batch was refused and will come again: half as many.
    pub(super) fn refused(&self) {
        let mut state = self.lock();
        *state = State { size: self.within(state.size / 2), round: None, before: None, kept_until: None };
    }

    /// The receiver was not there: it begins anew.
    pub(super) fn went_down(&self) {
        *self.lock() = State { size: self.within(FIRST), round: None, before: None, kept_until: None };
    }

    fn within(&self, size: usize) -> usize {
        size.max(FIRST).min(self.most)
    }

    /// A state is whole whatever happened elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver that takes a batch in so many milliseconds and no more than so many batches at a time; returns the window after some seconds.
    fn after(window: &Window, now: &mut Instant, seconds: u64, takes: f64, at_a_time: usize) -> usize {
        let end = *now + Duration::from_secs(seconds);
        while *now < end {
            let size = window.size();
            *now += Duration::from_secs_f64(takes / 1_000.0 / size.min(at_a_time) as f64);
            window.done(*now, size);
        }
        window.size()
    }

    #[test]
    fn it_grows_as_long_as_that_makes_the_receiver_faster() {
        let mut now = Instant::now();
        let far = Window::new(400);
        assert_eq!(far.size(), 4);
        assert_eq!(after(&far, &mut now, 3, 50.0, usize::MAX), 400, "never more than configured");
        let near = Window::new(400);
        assert_eq!(after(&near, &mut now, 3, 0.2, 10), 16, "eight are less than it takes, 32 gain nothing");
        // What makes it faster later is found later.
        assert!(after(&near, &mut now, 60, 50.0, usize::MAX) > 100);
        assert_eq!(Window::new(1).size(), 1);
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let (window, start) = (Window::new(400), Instant::now());
        for second in 0..1_000 {
            // Ever faster, but one at a time.
            window.done(start + Duration::from_secs_f64(f64::from(second).sqrt()), 1);
        }
        assert_eq!(window.size(), 4);
    }

    #[test]
    fn bursts_do_not_make_it_grow() {
        let (window, mut now) = (Window::new(400), Instant::now());
        for burst in 0..2_000 {
            // Some slower, some faster, and as many in a tenth of a second.
            let pace = Duration::from_micros(if burst % 2 == 0 { 20 } else { 200 });
            for _ in 0..60 {
                now += pace;
                window.done(now, window.size());
            }
        }
        assert!(window.size() <= 8, "{}", window.size());
    }

    #[test]
    fn what_came_before_a_pause_says_nothing() {
        let (window, mut now) = (Window::new(400), Instant::now());
        for _ in 0..1_000 {
            now += 2 * IDLE;
            for _ in 0..40 {
                now += Duration::from_micros(20);
                window.done(now, window.size());
            }
        }
        assert_eq!(window.size(), 4);
    }

    #[test]
    fn a_receiver_in_trouble_has_fewer() {
        let mut now = Instant::now();
        let window = Window::new(400);
        after(&window, &mut now, 3, 50.0, usize::MAX);
        window.refused();
        assert_eq!(window.size(), 200);
        (0..10).for_each(|_| window.refused());
        assert_eq!(window.size(), 4, "what every receiver has");
        after(&window, &mut now, 1, 50.0, usize::MAX);
        window.went_down();
        assert_eq!(window.size(), 4);
    }
}
