//! The watcher: publishes a cluster's events to `HERALD_RAW`, each version once, in the order they happened.
//!
//! ```text
//! kube-apiserver ─list, watch─▶ decode ─▶ published already? ─▶ HERALD_RAW ─PubAck─▶ checkpoint (KV)
//! ```
//!
//! In go core/v1 events; out go messages as [`convert`] makes them, and gap markers where something may be missing. Nothing is kept in memory but a window of
//! messages whose PubAck is awaited. The checkpoint never runs ahead of the PubAcks, so `kill -9` at any moment loses nothing; what was published and is
//! not covered by the checkpoint is read back from `HERALD_RAW` at the start and left out. Two watchers may run side by side, or take turns by [`lease`].

mod backoff;
mod checkpoint;
mod convert;
mod lease;
mod loss;
mod scope;
mod seen;
mod watch;

use std::time::Duration;

use anyhow::Context as _;
use herald_common::{
    CancellationToken, env,
    stage::{Context, Stage},
};
use kube::Client;
use tokio::task::JoinSet;

use crate::{lease::Candidate, scope::Scope};

/// Most load balancers end a quiet connection after five minutes.
const WATCH_SECONDS: u64 = 290;

/// The watcher.
#[derive(Clone, Debug)]
pub struct Watcher {
    /// How long one watch lasts; a connection that only looks open is given up a tenth of that later.
    period: Duration,
}

impl Default for Watcher {
    fn default() -> Self {
        Self { period: Duration::from_secs(WATCH_SECONDS) }
    }
}

impl Watcher {
    /// Returns a watcher whose watches are opened anew after `period`, at least a second.
    #[must_use]
    pub fn with_watch_period(period: Duration) -> Self {
        Self { period: period.max(Duration::from_secs(1)) }
    }
}

impl Stage for Watcher {
    const NAME: &'static str = "watcher";
    const BINARY: &'static str = "herald-watcher";
    const ABOUT: &'static str = "Publishes a cluster's Kubernetes events to NATS JetStream, losing none and repeating none";

    fn arguments(command: clap::Command) -> clap::Command {
        command.arg(
            clap::Arg::new("watch-seconds")
                .long("watch-seconds")
                .env("HERALD_WATCH_SECONDS")
                .value_name("SECONDS")
                .default_value("290")
                .value_parser(clap::value_parser!(u64).range(1..=3_600))
                .help("How long one watch lasts before it is opened anew; shorter notices dead connections sooner"),
        )
    }

    fn from_matches(matches: &clap::ArgMatches) -> anyhow::Result<Self> {
        let seconds = matches.try_get_one::<u64>("watch-seconds").ok().flatten().copied().unwrap_or(WATCH_SECONDS);
        Ok(Self::with_watch_period(Duration::from_secs(seconds)))
    }

    async fn run(self, context: Context) -> anyhow::Result<()> {
        let client = herald_cluster::connect(context.kubeconfig.as_deref(), Self::BINARY).await.context("no cluster to watch")?;
        let election = &context.config.leader_election;
        if election.enabled {
            let candidate = Candidate::new(client.clone(), &env::namespace(), &election.id, env::instance());
            self.take_turns(&context, &client, candidate).await;
        } else {
            self.watch(&context, &client, context.stop.clone()).await;
        }
        Ok(())
    }
}

impl Watcher {
    /// Watches every scope until `stop`.
    async fn watch(&self, context: &Context, client: &Client, stop: CancellationToken) {
        let namespaces = context.config.watched_namespaces();
        let all = namespaces.is_empty().then_some(None);
        let mut scopes = JoinSet::new();
        for namespace in all.into_iter().chain(namespaces.iter().map(|namespace| Some(namespace.as_str()))) {
            let scope = Scope::new(context.clone(), client.clone(), namespace, self.period, stop.clone());
            scopes.spawn(scope.run());
        }
        context.started.met();
        while let Some(ended) = scopes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a watch ended unexpectedly");
                context.stop.cancel();
            }
        }
    }

    /// Watches whenever the lease is held.
    async fn take_turns(&self, context: &Context, client: &Client, candidate: Candidate) {
        let turn = context.health.condition("watcher: lease");
        let pulse = context.health.pulse("watcher: lease", Duration::from_secs(60));
        let (sender, mut leading) = tokio::sync::watch::channel(false);
        let done = CancellationToken::new();
        let election = tokio::spawn(candidate.run(sender, done.clone()));
        // A standby is ready: it can take over at any time.
        turn.met();
        context.started.met();
        while !context.stop.is_cancelled() {
            if *leading.borrow_and_update() {
                tracing::info!("holding the lease, watching");
                // The watch has a pulse of its own.
                pulse.end();
                let stop = context.stop.child_token();
                let lost = async {
                    // An election that has ended holds nothing.
                    let _ = leading.wait_for(|leading| !leading).await;
                    stop.cancel();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    () = self.watch(context, client, stop.clone()) => {}
                    () = lost => {}
                }
                tracing::info!("stopped watching");
                continue;
            }
            pulse.beat();
            tokio::select! {
                () = context.stop.cancelled() => {}
                Ok(()) = leading.changed() => {}
                () = tokio::time::sleep(Duration::from_secs(10)) => {}
            }
        }
        pulse.end();
        done.cancel();
        if let Err(error) = election.await {
            tracing::error!(%error, "the election ended unexpectedly");
        }
    }
}
