//! `herald`, the command people type: the whole exporter in one process, and looking into a running one.

mod check;
mod cluster;
mod connect;
mod demo;
mod healthcheck;
mod migrate;
mod nats_server;
mod output;
mod replay;
mod schema;
mod status;
mod tail;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use herald_common::{
    args,
    stage::{self, Runtime},
};

/// Exports Kubernetes events to receivers, over NATS JetStream, losing none.
#[derive(Parser)]
#[command(name = "herald", version = herald_common::VERSION, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs all four stages in one process, with a nats-server of its own unless --nats is given
    #[command(after_help = args::STAGE_HELP)]
    Up(up::UpArgs),
    /// Says what is wrong with a configuration, and what becomes of an event under it
    Check(check::CheckArgs),
    /// Prints a configuration of kubernetes-event-exporter with notes on what means something else here
    Migrate(migrate::MigrateArgs),
    /// Prints the JSON Schema of the configuration, for editors
    Schema,
    /// Shows events as they come, or from a time on
    Tail(tail::TailArgs),
    /// Shows streams, consumers, backlogs, dead letters and rates
    Status(status::StatusArgs),
    /// Delivers dead letters, or a time range of events, to a receiver again
    Replay(replay::ReplayArgs),
    /// Exits with 0 when a stage on this machine is ready: the health check of containers
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Says which cluster the kubeconfig leads to, and whether it answers
    Cluster(cluster::ClusterArgs),
    /// Serves a simulated Kubernetes API server with a small workload, to try Herald without a cluster
    Demo(demo::DemoArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(args::arguments());
    // What needs no server answers at once, with an exit code of its own.
    match &arguments.command {
        Command::Check(args) => return stage::answer(check::UNUSABLE, || check::run(args)),
        Command::Migrate(args) => return stage::answer(1, || migrate::run(args)),
        Command::Schema => return stage::answer(1, schema::run),
        _ => {}
    }
    let runtime = if matches!(arguments.command, Command::Up(_)) { Runtime::ManyThreads } else { Runtime::OneThread };
    stage::process(runtime, async move {
        match arguments.command {
            Command::Check(_) | Command::Migrate(_) | Command::Schema => Ok(()),
            Command::Up(args) => up::run(args).await,
            Command::Tail(args) => tail::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::Replay(args) => replay::run(args).await,
            Command::Healthcheck(args) => healthcheck::run(args).await,
            Command::Cluster(args) => cluster::run(args).await,
            Command::Demo(args) => demo::run(args).await,
        }
    })
}
