//! The sinks: deliver what waits for each receiver.
//!
//! ```text
//! HERALD_OUT_<receiver> ─▶ batch ─▶ pace ─▶ the kind's `send`, tried once ─▶ ack │ later │ HERALD_DEAD
//! ```
//!
//! Each receiver has its own stream, consumer, concurrency, batch and pace, so a slow one delays itself alone. The core ([`deliver`]) batches, retries,
//! paces, dead-letters and measures; a kind ([`kinds`]) encodes and sends one batch once and says what the answer means.

mod deliver;
mod http;
pub mod kinds;
pub mod registry;
mod retry;
pub mod sink;
pub mod tls;
mod writer;

use herald_common::{
    config::{ConfigError, Problem},
    stage::{Context, Stage},
};
use tokio::task::JoinSet;

use crate::deliver::Lane;

/// The sinks.
#[derive(Clone, Debug, Default)]
pub struct Sinks {
    only: Vec<String>,
}

impl Stage for Sinks {
    const NAME: &'static str = "sinks";
    const BINARY: &'static str = "herald-sinks";
    const ABOUT: &'static str = "Delivers Kubernetes events to receivers, losing none";

    fn arguments(command: clap::Command) -> clap::Command {
        command.arg(
            clap::Arg::new("receiver")
                .long("receiver")
                .value_name("NAME")
                .action(clap::ArgAction::Append)
                .help("Serve only this receiver; may be given several times"),
        )
    }

    fn from_matches(matches: &clap::ArgMatches) -> anyhow::Result<Self> {
        let only = matches.try_get_many::<String>("receiver").ok().flatten();
        Ok(Self { only: only.map(|names| names.cloned().collect()).unwrap_or_default() })
    }

    async fn run(self, context: Context) -> anyhow::Result<()> {
        let receivers = &context.config.receivers;
        if let Some(unknown) = self.only.iter().find(|name| !receivers.iter().any(|receiver| receiver.name.value == **name)) {
            anyhow::bail!("--receiver {unknown}: the configuration has no receiver of that name");
        }
        let served = receivers.iter().filter(|receiver| self.only.is_empty() || self.only.contains(&receiver.name.value));
        let mut lanes = JoinSet::new();
        let mut problems: Vec<Problem> = Vec::new();
        for receiver in served {
            match registry::build(receiver) {
                Ok(built) => {
                    for warning in &built.warnings {
                        tracing::warn!(receiver = receiver.name.value, "{warning}");
                    }
                    lanes.spawn(Lane::new(&context, receiver, built).run());
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError { file: "configuration".to_owned(), problems }.into());
        }
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a receiver's task ended unexpectedly");
                context.stop.cancel();
            }
        }
        // Without any receiver there is still something to do: be there until stopped.
        context.stop.cancelled().await;
        Ok(())
    }
}
