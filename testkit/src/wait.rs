//! Waiting for a condition, with a bound: what tests do instead of sleeping.
//!
//! In: a name of what is awaited, a bound, a probe. Out: what the probe found, or an error that names what did not come.
//! It never waits longer than the bound, even when a probe hangs.

use std::{future::Future, time::Duration};

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Waits until the condition is true, for at most `bound`.
pub async fn until<F, Fut>(what: &str, bound: Duration, mut condition: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    some(what, bound, || {
        let holds = condition();
        async move { holds.await.then_some(()) }
    })
    .await
}

/// Waits until the probe finds a value, for at most `bound`, and returns the value.
pub async fn some<T, F, Fut>(what: &str, bound: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + bound;
    let mut pause = SHORTEST_PAUSE;
    loop {
        match timeout_at(deadline, probe()).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) if Instant::now() + pause < deadline => sleep(pause).await,
            Ok(None) | Err(_) => return Err(anyhow!("waited {bound:?} in vain for {what}")),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_value_is_returned_once_it_is_there() {
        let mut calls = 0;
        let found = some("three calls", Duration::from_secs(5), || {
            calls += 1;
            std::future::ready((calls == 3).then_some(calls))
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_given_up_and_named() {
        let error = until("the impossible", Duration::from_millis(20), std::future::pending::<bool>).await.unwrap_err();
        assert_eq!(error.to_string(), "waited 20ms in vain for the impossible");
    }
}
