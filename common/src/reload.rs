//! The configuration while stages run: it is read again on SIGHUP and when its file changes.
//!
//! In go the file and the configuration in use; out come further configurations, in the channel that [`Reloads::subscribe`] gives. Only `route` and
//! `receivers` change; what else differs is said to need a restart. A file that cannot be used changes nothing: the log and
//! `herald_config_last_reload_successful` say so. A file is told by its content, so it does not matter how it was replaced (a ConfigMap's is a symbolic link
//! that is turned elsewhere).

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, metrics::Metrics};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Where configurations come from.
#[derive(Clone, Debug)]
pub struct Reloads(watch::Receiver<Arc<Config>>);

impl Reloads {
    /// A configuration that never changes.
    #[must_use]
    pub fn never(config: Arc<Config>) -> Self {
        Self(watch::channel(config).1)
    }

    /// Watches the file until `stop`.
    #[must_use]
    pub fn of(file: PathBuf, config: Arc<Config>, metrics: Arc<Metrics>, stop: CancellationToken) -> Self {
        metrics.config_current.set(1);
        let (sender, receiver) = watch::channel(config.clone());
        let watcher = Watcher { text: std::fs::read_to_string(&file).ok(), file, config, metrics, sender };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watcher.run() => {}
            }
        });
        Self(receiver)
    }

    /// The configurations from here on.
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        let mut configs = self.0.clone();
        configs.mark_unchanged();
        Changes(configs)
    }
}

/// Configurations as they come.
#[derive(Clone, Debug)]
pub struct Changes(watch::Receiver<Arc<Config>>);

impl Changes {
    /// Waits for the next configuration; for ever when there will be none. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Arc<Config> {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.0.borrow_and_update().clone()
    }
}

struct Watcher {
    file: PathBuf,
    /// What the file held when it was read last.
    text: Option<String>,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    sender: watch::Sender<Arc<Config>>,
}

impl Watcher {
    async fn run(mut self) {
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => Some(hangups),
            Err(error) => {
                tracing::warn!(%error, "SIGHUP cannot be listened to, the file is looked at all the same");
                None
            }
        };
        let mut look = tokio::time::interval(LOOK);
        loop {
            let asked = tokio::select! {
                Some(()) = next(&mut hangups) => true,
                _ = look.tick() => false,
            };
            match tokio::fs::read_to_string(&self.file).await {
                Ok(text) if asked || self.text.as_ref() != Some(&text) => {
                    self.load(&text);
                    self.text = Some(text);
                }
                Ok(_) => {}
                // While a file is being replaced there may be none for a moment.
                Err(error) if !asked => tracing::debug!(%error, "configuration cannot be read"),
                Err(error) => self.refused(&format!("cannot read {}: {error}", self.file.display())),
            }
        }
    }

    fn load(&mut self, text: &str) {
        let name = self.file.display().to_string();
        let loaded = match Config::parse(&name, text, &|name| crate::env::var(name)) {
            Ok(loaded) => loaded,
            Err(error) => return self.refused(&error.to_string()),
        };
        loaded.warn(&self.file);
        let found = loaded.config;
        let mut config = Config::clone(&self.config);
        config.route = found.route.clone();
        config.receivers.clone_from(&found.receivers);
        // NATS servers of the command line go before those of the file.
        if config != (Config { nats: config.nats.clone(), ..found }) {
            tracing::warn!("only route and receivers are taken over while running, the other changes need a restart");
        }
        self.metrics.config_reloads.with_label_values(&["success"]).inc();
        self.metrics.config_current.set(1);
        if config == *self.config {
            return;
        }
        tracing::info!(file = name, receivers = config.receivers.len(), "configuration changed");
        self.config = Arc::new(config);
        self.sender.send_replace(self.config.clone());
    }

    fn refused(&self, reason: &str) {
        tracing::error!("the changed configuration cannot be used, the old one stays in use: {reason}");
        self.metrics.config_refused();
    }
}

async fn next(signals: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match signals {
        Some(signals) => signals.recv().await,
        None => std::future::pending().await,
    }
}
