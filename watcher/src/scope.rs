//! One scope (all namespaces, or one) from its checkpoint to the drain: list, watch, list again when history is gone.
//!
//! ```text
//! checkpoint ─▶ what was published after it ─▶ list when fresh ─▶ watch ─▶ … ─▶ stop ─▶ outstanding PubAcks ─▶ checkpoint
//!                                                ▲                  │ 410
//!                                                └──────────────────┘
//! ```
//!
//! It decides in which order things happen; requests are [`crate::watch`]'s, publishing and the checkpoint [`flow`]'s, judgement [`crate::loss`]'s. It keeps no
//! events: only the position and, for a while, hashes of what was published.

mod flow;
mod relist;

use std::{pin::pin, time::Duration};

use futures_util::StreamExt as _;
use herald_common::{
    bus::{Change, Stream, header, inspect::From},
    event::Event,
    gap::{Gap, Reason},
    health::Condition,
    stage::Context,
};
use jiff::Timestamp;
use kube::Client;
use rand::RngExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::flow::Flow;
pub(crate) use self::flow::Stopped;
use crate::{
    backoff::Backoff,
    checkpoint::{Checkpoint, is_later, store::Store},
    seen::Seen,
    watch::{ApiError, EventsApi, Item, Page, Signal},
};

/// Messages before a checkpoint's sequence that are read back as well: as many as may change places when a connection is lost.
const READ_BACK_MARGIN: u64 = 2 * flow::WINDOW as u64;

/// How a watch that ran ended.
enum End {
    /// To be opened again from the position.
    Again,
    /// The position is older than the API server's history.
    Expired(String),
}

/// The watch over one scope.
pub(crate) struct Scope {
    context: Context,
    flow: Flow,
    api: EventsApi,
    condition: Condition,
    /// The key of its checkpoint and its name in logs and gap markers.
    name: String,
    period: Duration,
    seen: Seen,
    /// Every change up to here was taken in.
    position: String,
    /// The last event taken in, to leave out one that comes twice.
    last: String,
    backoff: Backoff,
}

impl Scope {
    /// `namespace` is `None` for all; `period` is how long one watch lasts.
    pub(crate) fn new(context: Context, client: Client, namespace: Option<&str>, period: Duration, stop: CancellationToken) -> Self {
        let name = namespace.unwrap_or("_all").to_owned();
        let condition = context.health.condition(&format!("watcher: kube-apiserver ({name})"));
        let store = Store::new(context.bus.clone(), &context.config.cluster_name, &name);
        Self {
            flow: Flow::new(&context, store, &name, stop),
            api: EventsApi::new(client, namespace),
            condition,
            name,
            period,
            seen: Seen::default(),
            position: String::new(),
            last: String::new(),
            backoff: Backoff::default(),
            context,
        }
    }

    /// Works until it is stopped, then waits for outstanding PubAcks and saves the checkpoint.
    pub(crate) async fn run(mut self) {
        let Stopped = self.work().await;
        // Nothing waits for the API server any more: a standby is ready.
        self.condition.met();
        let bound = self.context.config.shutdown_grace.0.mul_f64(0.75);
        self.flow.drain(bound).await;
    }

    async fn work(&mut self) -> Stopped {
        let stopped = async {
            self.start().await?;
            loop {
                if let End::Expired(reason) = self.watch().await? {
                    tracing::info!(scope = self.name, position = self.position, reason, "history was compacted, listing");
                    self.catch_up(Reason::Compacted).await?;
                }
            }
        };
        let Err(stopped): Result<std::convert::Infallible, Stopped> = stopped.await;
        stopped
    }

    /// Finds out where to begin, and lists when there is no telling.
    async fn start(&mut self) -> Result<(), Stopped> {
        let checkpoint = self.flow.load_checkpoint().await?;
        match checkpoint {
            None => {
                let now = self.probe().await?;
                let age = self.context.config.max_event_age();
                let oldest = now.date.unwrap_or_else(Timestamp::now).checked_sub(age).unwrap_or(Timestamp::MIN);
                tracing::info!(scope = self.name, %oldest, "no checkpoint, listing events not older");
                let begun = Checkpoint { oldest: Some(oldest), observed: Some(Timestamp::now()), ..Checkpoint::default() };
                self.flow.begin(begun).await?;
                self.first_list(oldest).await
            }
            Some(checkpoint) if checkpoint.resource_version.is_empty() => {
                let oldest = checkpoint.oldest.unwrap_or(Timestamp::MIN);
                tracing::info!(scope = self.name, %oldest, "the first list was not completed, listing again");
                self.flow.begin(checkpoint).await?;
                self.read_back(From::Beginning).await?;
                self.first_list(oldest).await
            }
            Some(checkpoint) => {
                self.position.clone_from(&checkpoint.resource_version);
                let after = (checkpoint.sequence + 1).saturating_sub(READ_BACK_MARGIN).max(1);
                tracing::info!(scope = self.name, position = self.position, sequence = checkpoint.sequence, "resuming at the checkpoint");
                self.flow.begin(checkpoint).await?;
                self.read_back(From::Sequence(after)).await?;
                self.check_history().await
            }
        }
    }

    /// Remembers what `HERALD_RAW` holds of this cluster from a place on.
    async fn read_back(&mut self, from: From) -> Result<(), Stopped> {
        let (bus, subjects) = (self.context.bus.clone(), self.context.bus.subjects());
        let filters = vec![subjects.raw_of(&self.context.config.cluster_name)];
        loop {
            let mut found = Seen::default();
            let each = |stored: herald_common::bus::inspect::Stored| {
                if let Some(identity) = stored.headers.get(header::MESSAGE_ID) {
                    found.insert(identity);
                }
            };
            match self.flow.during(bus.read_back(&Stream::Raw, filters.clone(), from, each)).await? {
                Ok(count) => {
                    tracing::debug!(scope = self.name, count, "read back what was published after the checkpoint");
                    self.seen = found;
                    return Ok(());
                }
                Err(error) => {
                    let reason = format!("waiting for NATS to read back what was published: {error:#}");
                    tracing::warn!(scope = self.name, "{reason}");
                    self.condition.unmet(reason);
                    let pause = self.backoff.next(None);
                    self.flow.during(tokio::time::sleep(pause)).await?;
                }
            }
        }
    }

    /// Compares the API server's version with the position: when it is lower, its history went back.
    async fn check_history(&mut self) -> Result<(), Stopped> {
        let now = self.probe().await?;
        if is_later(&self.position, &now.resource_version) == Some(true) {
            tracing::error!(
                scope = self.name,
                position = self.position,
                found = now.resource_version,
                "the API server's versions went back: it was restored from a backup or replaced, listing what is not known"
            );
            self.flow.allow_going_back();
            self.read_back(From::Beginning).await?;
            self.catch_up(Reason::Restored).await?;
        }
        Ok(())
    }

    async fn probe(&mut self) -> Result<Page, Stopped> {
        loop {
            let api = self.api.clone();
            match self.flow.during(api.probe()).await? {
                Ok(page) => {
                    self.backoff.reset();
                    return Ok(page);
                }
                Err(error) => self.failed("list", &error).await?,
            }
        }
    }

    /// Watches from the position until the watch ends.
    async fn watch(&mut self) -> Result<End, Stopped> {
        let period = self.period.mul_f64(rand::rng().random_range(0.9..1.1));
        let opened = {
            let (api, position) = (self.api.clone(), self.position.clone());
            self.flow.during(async move { api.watch(&position, period).await }).await?
        };
        let signals = match opened {
            Ok(signals) => signals,
            Err(ApiError::Expired(reason)) => return Ok(End::Expired(reason)),
            Err(error) => {
                self.failed("watch", &error).await?;
                self.check_history().await?;
                return Ok(End::Again);
            }
        };
        self.condition.met();
        self.flow.observed();
        let begun = Instant::now();
        // The server ends a watch in time; one that outlives this is a connection that only looks open.
        let deadline = begun + period + (period / 10).clamp(Duration::from_secs(1), Duration::from_secs(30));
        let mut signals = pin!(signals);
        let mut quiet = true;
        loop {
            self.flow.room().await?;
            let signal = match self.flow.during(tokio::time::timeout_at(deadline, signals.next())).await? {
                Ok(Some(signal)) => signal,
                Ok(None) => break,
                Err(_) => {
                    tracing::warn!(scope = self.name, position = self.position, "the watch went silent, opening it again");
                    self.context.metrics.watch_errors.inc();
                    break;
                }
            };
            match signal {
                Signal::Changed(change, item) => self.take(change, item).await?,
                Signal::Reached(position) => self.reach(position),
                Signal::Broken(ApiError::Expired(reason)) => return Ok(End::Expired(reason)),
                Signal::Broken(error) => {
                    self.failed("watch", &error).await?;
                    return Ok(End::Again);
                }
            }
            quiet = false;
            self.backoff.reset();
            self.flow.observed();
        }
        self.flow.observed();
        if quiet {
            if begun.elapsed() < Duration::from_secs(1) {
                let pause = self.backoff.next(None);
                self.flow.during(tokio::time::sleep(pause)).await?;
            }
            // A restored API server says nothing until its versions have caught up with the position.
            self.check_history().await?;
        }
        Ok(End::Again)
    }

    /// Publishes a change of a watch, unless it was published before or is not wanted.
    async fn take(&mut self, change: Change, item: Item) -> Result<(), Stopped> {
        let event = match item {
            Ok(event) => event,
            Err(unreadable) => {
                let position = unreadable.resource_version.clone();
                self.unreadable(&unreadable).await?;
                if !position.is_empty() {
                    self.reach(position);
                }
                return Ok(());
            }
        };
        let position = event.metadata.resource_version.clone();
        let identity = self.flow.identity(&event);
        if self.is_excluded(&event) || identity == self.last || self.seen.contains(&identity) {
            self.reach(position);
            return Ok(());
        }
        self.flow.publish(&event, change, Some(position.clone())).await?;
        self.last = identity;
        self.seen.passed(&position);
        self.position = position;
        Ok(())
    }

    /// Moves the position where there is nothing to publish.
    fn reach(&mut self, position: String) {
        self.seen.passed(&position);
        self.flow.reach(position.clone());
        self.position = position;
    }

    fn is_excluded(&self, event: &Event) -> bool {
        self.context.config.exclude_namespaces.contains(&event.metadata.namespace)
    }

    async fn unreadable(&mut self, unreadable: &crate::watch::Unreadable) -> Result<(), Stopped> {
        let cluster = &self.context.config.cluster_name;
        let identity = herald_common::subjects::identity(cluster, &unreadable.uid, &unreadable.resource_version);
        tracing::error!(scope = self.name, identity, error = unreadable.error, "the API server sent an event that cannot be read");
        self.context.metrics.watch_errors.inc();
        self.flow.say(Gap::event(cluster, Reason::Unreadable, &identity, &unreadable.error)).await
    }

    /// Counts and tells a failure, and waits.
    async fn failed(&mut self, what: &str, error: &ApiError) -> Result<(), Stopped> {
        let asked = match error {
            ApiError::Failed { retry_after, .. } => *retry_after,
            ApiError::Expired(_) => None,
        };
        let pause = self.backoff.next(asked);
        tracing::warn!(scope = self.name, %error, pause = ?pause, "{what} of events failed, waiting for kube-apiserver");
        self.context.metrics.watch_errors.inc();
        self.condition.unmet(format!("{what} of events failed: {error}"));
        self.flow.during(tokio::time::sleep(pause)).await
    }
}
