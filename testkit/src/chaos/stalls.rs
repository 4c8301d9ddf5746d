//! How long a receiver got nothing new while events flowed. Pure: times are durations since some beginning.

use std::time::Duration;

/// The longest silence of any receiver since [`Stalls::begin`].
#[derive(Clone, Debug)]
pub(super) struct Stalls {
    last: Vec<Duration>,
    longest: Duration,
}

impl Stalls {
    /// Watches so many receivers.
    pub(super) fn new(receivers: usize) -> Self {
        Self { last: vec![Duration::ZERO; receivers], longest: Duration::ZERO }
    }

    /// A step begins: what was before does not count.
    pub(super) fn begin(&mut self, now: Duration) {
        self.last.fill(now);
        self.longest = Duration::ZERO;
    }

    /// A receiver got something new.
    pub(super) fn got(&mut self, receiver: usize, now: Duration) {
        self.longest = self.longest.max(now.saturating_sub(self.last[receiver]));
        self.last[receiver] = now;
    }

    /// The longest silence so far, the one that may still last included.
    pub(super) fn longest(&self, now: Duration) -> Duration {
        let lasting = self.last.iter().map(|last| now.saturating_sub(*last)).max().unwrap_or_default();
        self.longest.max(lasting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silence_is_that_of_the_receiver_that_waited_longest() {
        let second = Duration::from_secs;
        let mut stalls = Stalls::new(2);
        stalls.begin(second(10));
        stalls.got(0, second(11));
        stalls.got(1, second(14));
        assert_eq!(stalls.longest(second(14)), second(4));
        assert_eq!(stalls.longest(second(17)), second(6), "the first is silent since 11");
        stalls.begin(second(17));
        assert_eq!(stalls.longest(second(18)), second(1));
    }
}
