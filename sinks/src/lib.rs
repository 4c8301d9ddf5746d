//! The sinks: deliver what waits for each receiver.
//!
//! ```text
//! HERALD_OUT_<receiver> ─▶ batch ─▶ pace ─▶ the kind's `send`, tried once ─▶ ack │ later │ HERALD_DEAD
//! ```
//!
//! Each receiver has its own stream, consumer, concurrency, batch and pace, so a slow one delays itself alone. The core ([`deliver`]) batches, retries,
//! paces, dead-letters and measures; a kind ([`kinds`]) encodes and sends one batch once and says what the answer means.

#[cfg(feature = "aws")]
mod aws;
mod bulk;
mod deliver;
#[cfg(feature = "gcp")]
mod gcp;
mod http;
mod keys;
pub mod kinds;
pub mod registry;
pub mod render;
mod retry;
pub mod sink;
mod summary;
pub mod tls;
mod writer;

use std::collections::HashMap;

use herald_common::{
    CancellationToken,
    config::{Config, ConfigError, Receiver},
    stage::{Context, Stage},
};
use tokio::task::{JoinError, JoinSet};

use crate::{deliver::Lane, registry::Ready, render::Templates};

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
        if let Some(unknown) = self.only.iter().find(|name| !context.config.receivers.iter().any(|receiver| receiver.name.value == **name))
        {
            anyhow::bail!("--receiver {unknown}: the configuration has no receiver of that name");
        }
        let mut changes = context.reloads.subscribe();
        let mut lanes = Lanes { context, only: self.only, running: HashMap::new(), tasks: JoinSet::new() };
        lanes.follow(&lanes.context.config.clone()).await?;
        lanes.context.started.met();
        let stop = lanes.context.stop.clone();
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = lanes.tasks.join_next() => lanes.forget(ended),
                config = changes.next() => if let Err(error) = lanes.follow(&config).await {
                    tracing::error!("the changed receivers cannot be used, the old ones stay in use: {error}");
                    lanes.context.metrics.config_refused();
                },
            }
        }
        lanes.drain(|_| true).await;
        Ok(())
    }
}

/// The receivers that are served.
struct Lanes {
    context: Context,
    /// Only these, unless it is empty.
    only: Vec<String>,
    running: HashMap<String, (Receiver, CancellationToken)>,
    /// Each returns its receiver's name.
    tasks: JoinSet<String>,
}

impl Lanes {
    /// Serves the receivers of a configuration from now on: those that are as before go on undisturbed, the others drain and begin anew.
    ///
    /// # Errors
    /// When one cannot be built; then nothing changes.
    async fn follow(&mut self, config: &Config) -> Result<(), ConfigError> {
        let wanted = |receiver: &&Receiver| self.only.is_empty() || self.only.contains(&receiver.name.value);
        let served: Vec<&Receiver> = config.receivers.iter().filter(wanted).collect();
        let is_as_before = |receiver: &Receiver| self.running.get(&receiver.name.value).is_some_and(|(running, _)| running == receiver);
        let templates = Templates::new(&config.templates);
        let (mut fresh, mut problems) = (Vec::new(), Vec::new());
        for receiver in served.iter().filter(|receiver| !is_as_before(receiver)) {
            match registry::build(receiver, &templates) {
                Ok(ready) => fresh.push((*receiver, ready)),
                Err(findings) => problems.extend(findings.errors),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError { file: "configuration".to_owned(), problems });
        }
        self.drain(|receiver| !served.contains(&receiver)).await;
        for (receiver, Ready { built, mistakes, warnings }) in fresh {
            for problem in mistakes.iter().chain(&warnings) {
                tracing::warn!(receiver = receiver.name.value, "{problem}");
            }
            let (name, stop) = (receiver.name.value.clone(), self.context.stop.child_token());
            let lane = Lane::new(&self.context, receiver, built, stop.clone());
            self.running.insert(name.clone(), (receiver.clone(), stop));
            self.tasks.spawn(async move {
                lane.run().await;
                name
            });
        }
        Ok(())
    }

    /// Stops some lanes and waits until they have drained.
    async fn drain(&mut self, some: impl Fn(&Receiver) -> bool) {
        let leaving =
            |lanes: &Self| lanes.running.values().filter(|(receiver, _)| some(receiver)).map(|(_, stop)| stop.clone()).collect::<Vec<_>>();
        for stop in leaving(self) {
            stop.cancel();
        }
        while !leaving(self).is_empty() {
            match self.tasks.join_next().await {
                Some(ended) => self.forget(ended),
                None => break,
            }
        }
    }

    fn forget(&mut self, ended: Result<String, JoinError>) {
        match ended {
            Ok(name) => drop(self.running.remove(&name)),
            // No receiver must go unserved unnoticed.
            Err(error) => {
                tracing::error!(%error, "a receiver's task ended unexpectedly");
                self.context.stop.cancel();
            }
        }
    }
}
