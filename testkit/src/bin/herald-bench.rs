//! The benchmark of the built binaries: `make bench`.

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use herald_testkit::bench::{self, Hop, Options};

/// Benchmarks Herald's binaries on this machine.
#[derive(Parser)]
#[command(name = "herald-bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What a process of the bench is that the bench started itself.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    ApiServer,
    #[command(hide = true)]
    Receiver {
        #[arg(long)]
        delay_ms: u64,
    },
    #[command(hide = true)]
    Hop {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        take: Option<String>,
        #[arg(long)]
        give: Option<String>,
        #[arg(long)]
        like: Option<String>,
        #[arg(long)]
        header: Option<String>,
        #[arg(long)]
        count: u64,
    },
}

fn main() -> Result<()> {
    let Arguments { options, role } = Arguments::parse();
    // One thread for each part, as a stage has; the API server serves several.
    let mut runtime = match &role {
        Some(Role::ApiServer) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        match role {
            None => bench::run(&options).await,
            Some(Role::ApiServer) => bench::serve_api().await,
            Some(Role::Receiver { delay_ms }) => bench::serve_receiver(Duration::from_millis(delay_ms)).await,
            Some(Role::Hop { nats, take, give, like, header, count }) => Hop { nats, take, give, like, header, count }.run().await,
        }
    })
}
