//! Pauses between attempts: from 0.2 s doubling to 30 s, each with jitter so that replicas do not ask together.

use std::time::Duration;

use rand::RngExt as _;

const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses of a row of failures.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause; never shorter than what the server asked for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let full = SHORTEST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(rand::rng().random_range(0.5..1.0)).max(asked.unwrap_or_default())
    }

    /// An attempt succeeded.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_respect_the_server() {
        let mut backoff = Backoff::default();
        assert!(backoff.next(None) <= SHORTEST);
        for _ in 0..40 {
            assert!(backoff.next(None) <= LONGEST);
        }
        assert!(backoff.next(None) >= LONGEST / 2);
        assert!(backoff.next(Some(Duration::from_secs(60))) >= Duration::from_secs(60));
        backoff.reset();
        assert!(backoff.next(None) <= SHORTEST);
    }
}
