//! Breaks everything around Herald while events flow, and accounts for every event: `make chaos`.
//!
//! Everything runs on 127.0.0.1 and ends with this process. The exit code is 0 only when nothing was lost and everything recovered.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;
use herald_testkit::chaos::{
    self, Binaries, Options,
    plan::{self, Fault},
};

/// Injects faults around Herald's binaries and accounts for every event
#[derive(Parser)]
#[command(name = "herald-chaos")]
struct Arguments {
    /// The seed of the plan; by default one by chance
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults are injected; starting and settling come on top
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// Events a second
    #[arg(long, default_value_t = 60.0)]
    rate: f64,
    /// Only these faults, by the names of --list, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Fault>,
    /// The short campaign of the tests
    #[arg(long, conflicts_with = "only")]
    short: bool,
    /// Lists the faults and ends
    #[arg(long)]
    list: bool,
    /// Also write the result here, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Herald's binaries; by default those beside this one
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
    /// Keep the logs of all stages and of nats-server here
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
    /// Do without mounts of its own even where they are permitted
    #[arg(long)]
    no_mounts: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Arguments::parse();
    if args.list {
        Fault::all().for_each(|fault| say(&fault.to_string()));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = &args.logs {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let (seed, time) = (args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())), Duration::from_secs(args.seconds));
    say(&format!("seed {seed}: repeat with --seed {seed} --seconds {}", args.seconds));
    let acts = if args.short {
        plan::short(seed, time, &chaos::SHORT)
    } else {
        let faults = if args.only.is_empty() { Fault::all().collect() } else { args.only };
        plan::plan(seed, time, &faults)
    };
    let binaries = Binaries { folder: args.binaries, logs: args.logs };
    let options = Options { seed, rate: args.rate, binaries, mounts: !args.no_mounts };
    let report = chaos::run(&acts, &options, &say).await?;
    say(&format!("\n{report}"));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn say(text: &str) {
    println!("{text}");
}
