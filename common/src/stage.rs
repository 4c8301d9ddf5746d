//! The runner of every stage: configuration, logging, metrics, health, NATS, the stage itself, drain.
//!
//! A stage is a [`Stage`] value; its binary's `main` is one call of [`main`]. [`run`] serves the same stage inside another process.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{Args as _, Command, FromArgMatches as _};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Guard},
    args::{self, StageArgs},
    bus::Bus,
    config::Config,
    health::{Condition, Health},
    logging,
    metrics::{Metrics, StageMetrics},
    reload::Reloads,
    shutdown,
};

/// What a stage is given.
#[derive(Clone)]
pub struct Context {
    /// The configuration the process began with.
    pub config: Arc<Config>,
    /// Further configurations.
    pub reloads: Reloads,
    /// The kubeconfig file of the command line.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// NATS.
    pub bus: Bus,
    /// All metrics of the process.
    pub metrics: Arc<Metrics>,
    /// The stage's own metrics.
    pub stage_metrics: StageMetrics,
    /// Readiness and progress.
    pub health: Health,
    /// The condition that the stage has started: met by the stage once every other condition of its readiness is added.
    pub started: Condition,
    /// Cancelled when the stage shall drain and return.
    pub stop: CancellationToken,
}

/// A stage: a name, words for `--help`, and what it does until it is stopped.
pub trait Stage: Send + Sync + 'static {
    /// The stage's name in logs, metrics and consumers: `watcher`.
    const NAME: &'static str;
    /// The binary's name: `herald-watcher`.
    const BINARY: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;

    /// Adds the stage's own arguments to those of all stages.
    #[must_use]
    fn arguments(command: Command) -> Command {
        command
    }

    /// Reads the stage's own arguments.
    ///
    /// # Errors
    /// When they contradict each other.
    fn from_matches(matches: &clap::ArgMatches) -> anyhow::Result<Self>
    where
        Self: Sized;

    /// Works until `context.stop`, drains, returns. Meets `context.started` as soon as `/-/ready` can tell what it waits for.
    ///
    /// # Errors
    /// When it cannot ever work: a fault of the configuration, not an outage.
    fn run(self, context: Context) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Runs a stage as a process of its own.
#[must_use]
pub fn main<S: Stage>() -> ExitCode {
    let command = Command::new(S::BINARY).about(S::ABOUT).version(crate::VERSION).after_help(args::STAGE_HELP);
    let matches = S::arguments(StageArgs::augment_args(command)).get_matches_from(args::arguments());
    process(Runtime::OneThread, async move {
        let args = StageArgs::from_arg_matches(&matches)?;
        let stage = S::from_matches(&matches)?;
        let (config, stop) = prepare(&args)?;
        let process = Process::start(config, &args, &[S::NAME], stop).await?;
        match process.context::<S>(args.kubeconfig.clone()).await {
            Ok(context) => run(stage, context).await,
            // Stopped while it waited: nothing was begun, nothing is wrong.
            Err(_) if process.stop.is_cancelled() => Ok(()),
            Err(error) => Err(error),
        }
    })
}

/// How many threads run a process's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// One: a stage alone is faster so, and scales by replicas.
    OneThread,
    /// One a core.
    ManyThreads,
}

/// Runs a future as the process's work: sets up the runtime and the TLS provider, prints an error that ends it.
#[must_use]
pub fn process(runtime: Runtime, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    // A second installation in one process is refused and harmless.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = match runtime {
        Runtime::OneThread => tokio::runtime::Builder::new_current_thread(),
        Runtime::ManyThreads => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report(&anyhow::Error::from(error).context("cannot start"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Ends a command that does its work at once: sets up the TLS provider, prints an error that ends it, with `failure` as exit code.
#[must_use]
pub fn answer(failure: u8, work: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    work().unwrap_or_else(|error| {
        report(&error);
        ExitCode::from(failure)
    })
}

#[allow(clippy::print_stderr, reason = "an error that ends the process is for the person who started it, logging may not run yet")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Reads the configuration, starts logging and listens for signals.
///
/// # Errors
/// When the configuration cannot be used.
pub fn prepare(args: &StageArgs) -> anyhow::Result<(Config, CancellationToken)> {
    let mut loaded = Config::load(&args.conf)?;
    if let Some(nats) = &args.nats {
        loaded.config.nats.url = Some(nats.expose().to_owned());
        loaded.config.nats.urls.clear();
    }
    logging::init(loaded.config.log_level, loaded.config.log_format);
    loaded.warn(&args.conf);
    for note in &loaded.notes {
        tracing::warn!("{}: {note}", args.conf.display());
    }
    Ok((loaded.config, shutdown::on_signals()?))
}

/// What all stages of one process share.
#[derive(Clone)]
pub struct Process {
    /// The configuration the process began with.
    pub config: Arc<Config>,
    /// Further configurations.
    pub reloads: Reloads,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Readiness and progress.
    pub health: Health,
    /// Cancelled when the process shall drain.
    pub stop: CancellationToken,
}

impl Process {
    /// Starts metrics, health and the admin server. The process is not ready before each of these stages has started.
    ///
    /// # Errors
    /// When the admin server's address or its protection cannot be used.
    pub async fn start(config: Config, args: &StageArgs, stages: &[&str], stop: CancellationToken) -> anyhow::Result<Self> {
        let metrics = Metrics::new(&config.metrics_name_prefix).context("cannot set up metrics")?;
        let health = Health::default();
        for stage in stages {
            started(&health, stage);
        }
        let guard = args.metrics_tls_config.as_deref().map(Guard::load).transpose()?;
        admin::serve(&args.metrics_address, guard, metrics.clone(), health.clone()).await?;
        if let Some(address) = &args.probe_address {
            admin::serve_probes(address, health.clone()).await?;
        }
        shutdown::enforce_grace(stop.clone(), config.shutdown_grace.0);
        let draining = (health.clone(), stop.clone());
        tokio::spawn(async move {
            draining.1.cancelled().await;
            draining.0.drain();
        });
        let config = Arc::new(config);
        let reloads = if args.conf.exists() {
            Reloads::of(args.conf.clone(), config.clone(), metrics.clone(), stop.clone())
        } else {
            Reloads::never(config.clone())
        };
        Ok(Self { config, reloads, metrics, health, stop })
    }

    /// A process without an admin server whose configuration never changes: for stages inside another program, such as a test.
    ///
    /// # Errors
    /// When `metricsNamePrefix` does not make valid names.
    pub fn bare(config: Config) -> anyhow::Result<Self> {
        let metrics = Metrics::new(&config.metrics_name_prefix).context("cannot set up metrics")?;
        let config = Arc::new(config);
        let reloads = Reloads::never(config.clone());
        Ok(Self { config, reloads, metrics, health: Health::default(), stop: CancellationToken::new() })
    }

    /// Connects to NATS for a stage and returns its context.
    ///
    /// # Errors
    /// When NATS can never be used as configured.
    pub async fn context<S: Stage>(&self, kubeconfig: Option<std::path::PathBuf>) -> anyhow::Result<Context> {
        tracing::info!(stage = S::NAME, version = crate::VERSION, "starting");
        let started = started(&self.health, S::NAME);
        let condition = self.health.condition(&format!("{}: nats", S::NAME));
        let bus = Bus::connect(&self.config.nats, S::BINARY, condition, &self.stop).await?;
        Ok(Context {
            config: self.config.clone(),
            reloads: self.reloads.clone(),
            kubeconfig,
            bus,
            stage_metrics: self.metrics.stage(S::NAME),
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            started,
            stop: self.stop.clone(),
        })
    }
}

/// The condition that a stage has started, without which a process would be ready before it has begun.
fn started(health: &Health, stage: &str) -> Condition {
    health.condition(&format!("{stage}: started"))
}

/// Runs a stage until it is stopped, then sends what its connection still holds.
///
/// # Errors
/// What the stage returns.
pub async fn run<S: Stage>(stage: S, context: Context) -> anyhow::Result<()> {
    let bus = context.bus.clone();
    let result = stage.run(context).await.with_context(|| S::NAME);
    bus.flush().await;
    tracing::info!(stage = S::NAME, "stopped");
    result
}
