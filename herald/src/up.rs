//! `herald up`: all four stages in one process, the same code as the separate binaries.

use std::{io::IsTerminal as _, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use herald_common::{
    CancellationToken,
    args::StageArgs,
    bus::inspect,
    config::{Config, Loaded},
    env, logging, shutdown,
    stage::{self, Context, Process, Stage},
};
use herald_enricher::Enricher;
use herald_router::Router;
use herald_sinks::Sinks;
use herald_watcher::Watcher;
use tokio::task::JoinSet;

use crate::{
    demo::Demo,
    nats_server::NatsServer,
    output::{Format, Printer},
    tail::{self, Filter},
};

#[derive(Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// Start a Kubernetes control plane with a small workload: kube-apiserver and etcd where they can be had, else a simulated API server; `auto` only when no cluster answers
    #[arg(long, value_enum, num_args = 0..=1, default_value = "never", default_missing_value = "always", require_equals = true)]
    demo: When,
    /// Where the own nats-server keeps its streams [default: ~/.local/state/herald]
    #[arg(long, env = "HERALD_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// How events are printed when there is no configuration file [default: pretty on a terminal, else json]
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

/// Whether to do something.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// In any case
    Always,
    /// When it is needed
    Auto,
    /// In no case
    Never,
}

/// What `up` does without a configuration file: every event to standard output.
const WITHOUT_FILE: &str = "route: {routes: [{match: [{receiver: stdout}]}]}\nreceivers: [{name: stdout, stdout: {}}]\n";

pub(crate) async fn run(mut args: UpArgs) -> anyhow::Result<()> {
    let without_file = !args.stage.conf.exists() && args.stage.conf == *std::path::Path::new("config.yaml");
    let pretty = without_file && args.output.map_or_else(|| std::io::stdout().is_terminal(), |format| format == Format::Pretty);
    let (mut config, stop) = if without_file { without_file_config(pretty)? } else { stage::prepare(&args.stage)? };
    if let Some(nats) = &args.stage.nats {
        config.nats.url = Some(nats.expose().to_owned());
        config.nats.urls.clear();
    }
    let demo = start_demo(&mut args, &mut config, without_file, &stop).await?;
    let own = if config.nats.url.is_none() && config.nats.urls.is_empty() {
        let server = NatsServer::start(&args.data.clone().unwrap_or_else(env::state_dir)).await?;
        config.nats.url = Some(server.url.clone());
        Some(server)
    } else {
        None
    };
    let result = run_stages(&args, config, pretty, stop).await;
    if let Some(server) = own {
        server.stop().await;
    }
    drop(demo);
    result
}

fn without_file_config(pretty: bool) -> anyhow::Result<(Config, CancellationToken)> {
    let text = if pretty { "" } else { WITHOUT_FILE };
    let Loaded { config, .. } = Config::parse("built-in configuration", text, &|_| None)?;
    logging::init(config.log_level, config.log_format);
    tracing::info!("no config.yaml here, printing every event");
    Ok((config, shutdown::on_signals()?))
}

/// Starts the demo when it is wanted, and points the stages at it.
async fn start_demo(args: &mut UpArgs, config: &mut Config, without_file: bool, stop: &CancellationToken) -> anyhow::Result<Option<Demo>> {
    let wanted = match args.demo {
        When::Never => false,
        When::Always => true,
        When::Auto => match herald_cluster::version(args.stage.kubeconfig.as_deref()).await {
            Ok(cluster) => {
                tracing::info!(cluster, "watching the current cluster");
                false
            }
            Err(error) => {
                tracing::info!(reason = format!("{error:#}"), "no cluster answers, starting a demo control plane");
                true
            }
        },
    };
    if !wanted {
        return Ok(None);
    }
    let demo = Demo::start(stop.clone()).await.context("the demo control plane did not start")?;
    args.stage.kubeconfig = Some(demo.kubeconfig.clone());
    if without_file {
        config.cluster_name = "demo".to_owned();
    }
    Ok(Some(demo))
}

async fn run_stages(args: &UpArgs, config: Config, pretty: bool, stop: CancellationToken) -> anyhow::Result<()> {
    let process = Process::start(config, &args.stage, &[Sinks::NAME, Router::NAME, Enricher::NAME, Watcher::NAME], stop.clone()).await?;
    let kubeconfig = &args.stage.kubeconfig;
    let mut stages = JoinSet::new();
    if pretty {
        let context = process.context::<Router>(None).await?;
        let stop = stop.clone();
        stages.spawn(async move {
            let subjects = Filter::default().subjects(&context.bus);
            tail::follow(&context.bus, subjects, inspect::From::Now, &Printer::new(Format::Pretty), &stop).await
        });
    }
    spawn(&mut stages, Sinks::default(), process.context::<Sinks>(None).await?);
    spawn(&mut stages, Router, process.context::<Router>(None).await?);
    spawn(&mut stages, Enricher, process.context::<Enricher>(kubeconfig.clone()).await?);
    spawn(&mut stages, Watcher::default(), process.context::<Watcher>(kubeconfig.clone()).await?);
    let mut result = Ok(());
    while let Some(ended) = stages.join_next().await {
        let ended = ended.context("a stage panicked").and_then(|ended| ended);
        // One stage that can never work, or stopped by itself, ends them all; the others drain.
        stop.cancel();
        result = result.and(ended);
    }
    result
}

fn spawn<S: Stage>(stages: &mut JoinSet<anyhow::Result<()>>, stage: S, context: Context) {
    stages.spawn(stage::run(stage, context));
}
