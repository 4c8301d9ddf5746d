//! How many batches are sent to a receiver at a time: as many as make it faster.
//!
//! A receiver far away takes many at a time and one beside it few, for more would only wait there, each with a connection and its memory. So the window is found
//! by climbing: it doubles as long as that makes the receiver faster, steps back when it did not, and is looked at again later, first whether half as many would do.
//! A refusal halves it and an outage starts it over, so a receiver in trouble is not flooded. State only; the caller tells the time.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::lock;

/// Batches sent at a time to a receiver of which nothing is known.
const FIRST: usize = 4;
/// Fewest batches and shortest time over which the time of a batch is taken: single ones say little.
const ROUND: usize = 32;
const ROUND_TIME: Duration = Duration::from_millis(100);
/// A window twice as large is kept when it makes the receiver so many times as fast as before.
const WORTHWHILE: f64 = 1.2;
/// A gain that is less than this may be chance, and has to show twice.
const PLAIN: f64 = 1.6;
/// How long a window is kept that could not be made better.
const KEPT: Duration = Duration::from_secs(10);
/// How many batches' time it is kept at least: looking whether half would do takes two or three, and costs up to half of what they deliver.
const KEPT_BATCHES: u32 = 40;

pub(super) struct Window {
    most: usize,
    state: Mutex<State>,
}

struct State {
    size: usize,
    round: Option<Round>,
    search: Search,
}

/// What the next round is to show; rates are in batches a second.
#[derive(Clone, Copy)]
enum Search {
    /// What this window reaches.
    Begin,
    /// Whether it is worthwhile beside a smaller one, which reached this rate; once it was, by little.
    Up { from: usize, rate: f64, was_worthwhile: bool },
    /// Whether a larger one, which reached this rate, is worthwhile beside it.
    Down { from: usize, rate: f64 },
    /// Nothing before this.
    Kept { until: Instant },
}

/// Batches that were begun and done since a moment.
struct Round {
    since: Instant,
    done: usize,
    /// How long they took, added up.
    took: Duration,
    /// How many were on their way when each was done, added up.
    in_flight: usize,
}

impl State {
    fn of(size: usize) -> Self {
        Self { size, round: None, search: Search::Begin }
    }
}

impl Window {
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::new(State::of(FIRST.min(most))) }
    }

    /// How many batches may be on their way now.
    pub(super) fn size(&self) -> usize {
        lock(&self.state).size
    }

    /// A batch is done that was begun then; so many were on their way until now.
    pub(super) fn done(&self, began: Instant, now: Instant, in_flight: usize) {
        let mut state = lock(&self.state);
        let size = state.size;
        let round = state.round.get_or_insert(Round { since: now, done: 0, took: Duration::ZERO, in_flight: 0 });
        // One that was begun before says something of another window.
        if began < round.since {
            return;
        }
        round.done += 1;
        round.took += now - began;
        round.in_flight += in_flight;
        if round.done < size.max(ROUND) || now - round.since < ROUND_TIME {
            return;
        }
        // Little's law. Where less than half of the window was used, it is not what held back.
        let rate = (size * round.done) as f64 / round.took.as_secs_f64();
        let was_used = 2 * round.in_flight >= round.done * size;
        let keep = KEPT.max(round.took.div_f64(round.done as f64) * KEPT_BATCHES);
        state.round = None;
        if was_used {
            (state.size, state.search) = self.next(size, state.search, rate, now, keep);
        }
    }

    /// What is tried after a round in which a window reached this rate.
    fn next(&self, size: usize, search: Search, rate: f64, now: Instant, keep: Duration) -> (usize, Search) {
        let (half, double) = (self.within(size / 2), self.within(size * 2));
        let kept = Search::Kept { until: now + keep };
        let up = if double > size { (double, Search::Up { from: size, rate, was_worthwhile: false }) } else { (size, kept) };
        let down = if half < size { (half, Search::Down { from: size, rate }) } else { (size, kept) };
        match search {
            Search::Begin => up,
            Search::Up { from, rate: before, .. } if rate < before * WORTHWHILE => (from, kept),
            Search::Up { from, rate: before, was_worthwhile: false } if rate < before * PLAIN => {
                (size, Search::Up { from, rate: before, was_worthwhile: true })
            }
            Search::Up { .. } => up,
            Search::Down { rate: before, .. } if before < rate * WORTHWHILE => down,
            Search::Down { from, .. } => (from, Search::Begin),
            Search::Kept { until } if now < until => (size, search),
            Search::Kept { .. } if half < size => down,
            Search::Kept { .. } => up,
        }
    }

    /// A batch was refused and will come again: half as many.
    pub(super) fn refused(&self) {
        let mut state = lock(&self.state);
        *state = State::of(self.within(state.size / 2));
    }

    /// The receiver was not there: it begins anew.
    pub(super) fn went_down(&self) {
        *lock(&self.state) = State::of(self.within(FIRST));
    }

    fn within(&self, size: usize) -> usize {
        size.max(FIRST).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Sends to a receiver that takes so many milliseconds for a batch, and has room for so many at a time; returns the window after some seconds.
    fn after(window: &Window, now: &mut Instant, seconds: u64, takes: f64, room: usize) -> usize {
        let (end, takes) = (*now + Duration::from_secs(seconds), Duration::from_secs_f64(takes / 1_000.0));
        // When each that is on its way was begun and will be done, the earliest first; one that finds no room waits for another to end.
        let mut on_their_way: VecDeque<(Instant, Instant)> = VecDeque::new();
        while *now < end {
            while on_their_way.len() < window.size() {
                let taken = on_their_way.len().checked_sub(room).map_or(*now, |at| on_their_way[at].1);
                on_their_way.push_back((*now, taken + takes));
            }
            *now = on_their_way[0].1;
            // Those that are done at the same time are looked at before others are sent.
            while let Some((began, _)) = on_their_way.pop_front_if(|(_, done)| *done <= *now) {
                window.done(began, *now, on_their_way.len() + 1);
            }
        }
        window.size()
    }

    #[test]
    fn it_grows_as_long_as_that_makes_the_receiver_faster() {
        let mut now = Instant::now();
        let far = Window::new(400);
        assert_eq!(after(&far, &mut now, 4, 50.0, usize::MAX), 400, "never more than configured");
        let near = Window::new(400);
        assert_eq!(after(&near, &mut now, 4, 0.2, 10), 16, "eight are less than it takes, 32 gain nothing");
        // What makes it faster later is found later.
        assert!(after(&near, &mut now, 60, 50.0, usize::MAX) > 100);
        assert_eq!(Window::new(1).size(), 1);
    }

    #[test]
    fn what_is_of_no_more_use_is_given_back() {
        let (window, mut now) = (Window::new(400), Instant::now());
        assert_eq!(after(&window, &mut now, 4, 50.0, usize::MAX), 400);
        assert_eq!(after(&window, &mut now, 15, 0.2, 10), 12, "half of it, 6, is less than it takes");
        assert!(after(&window, &mut now, 30, 50.0, usize::MAX) > 320);
    }

    #[test]
    fn whatever_is_the_most_nearly_as_many_are_used_nearly_always() {
        for (most, takes) in [(9, 50.0), (17, 50.0), (45, 50.0), (130, 50.0), (400, 50.0), (45, 3_000.0), (400, 1_000.0)] {
            let (window, mut now) = (Window::new(most), Instant::now());
            // Looking takes one or two batches' time, the beginning several.
            after(&window, &mut now, 60, takes, usize::MAX);
            let seconds = 200;
            let used: usize = (0..seconds).map(|_| after(&window, &mut now, 1, takes, usize::MAX)).sum();
            assert!(used as f64 >= 0.8 * f64::from(seconds) * most as f64, "{most} of {takes} ms: {used} in {seconds} s");
        }
    }

    #[test]
    fn a_small_gain_has_to_show_twice() {
        let (window, now) = (Window::new(400), Instant::now());
        let tried = |search, rate| window.next(8, search, rate, now, KEPT);
        let up = |was_worthwhile| Search::Up { from: 4, rate: 100.0, was_worthwhile };
        assert!(matches!(tried(up(false), 119.0), (4, Search::Kept { .. })));
        assert!(matches!(tried(up(false), 130.0), (8, Search::Up { was_worthwhile: true, .. })));
        assert!(matches!(tried(up(true), 119.0), (4, Search::Kept { .. })));
        assert!(matches!(tried(up(true), 130.0), (16, Search::Up { was_worthwhile: false, .. })));
        assert!(matches!(tried(up(false), 190.0), (16, Search::Up { was_worthwhile: false, .. })));
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let (window, mut now) = (Window::new(400), Instant::now());
        for takes in (1..1_000).rev() {
            // Ever faster, but one at a time.
            let began = now;
            now += Duration::from_millis(takes);
            window.done(began, now, 1);
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
