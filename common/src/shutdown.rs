//! Stopping: the first SIGTERM or SIGINT asks for a drain, the second ends the process.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The exit code after a second signal or an exceeded grace: what a shell gives a process that SIGTERM ended.
const ENDED: i32 = 143;

/// Returns a token that the first signal cancels; the second signal ends the process.
///
/// # Errors
/// When signal handlers cannot be installed.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = token.clone();
        tokio::spawn(async move {
            for first in [true, false] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if first {
                    tracing::info!("stopping, a second signal ends at once");
                    stop.cancel();
                } else {
                    tracing::warn!("ended by a second signal, unfinished work is handed out again");
                    exit(ENDED);
                }
            }
        });
    }
    Ok(token)
}

/// Ends the process when `stop` was cancelled more than `grace` ago.
pub fn enforce_grace(stop: CancellationToken, grace: Duration) {
    tokio::spawn(async move {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
        tracing::error!(grace_seconds = grace.as_secs(), "not drained within shutdownGrace, unfinished work is handed out again");
        exit(ENDED);
    });
}

#[allow(clippy::disallowed_methods, reason = "the one place that ends the process")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}
