//! Benchmarks of the built binaries: `make bench-memory`.
//!
//! The four stages run as processes of their own on a real nats-server and the simulated API server, all on this machine; nothing leaves 127.0.0.1. Every
//! phase is bounded by its number of events and by time, and everything ends with this process.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use herald_testkit::{
    apiserver::{ApiServer, Generation},
    nats::NatsServer,
    scratch::Scratch,
    stage::{Stage, StageOptions},
    wait,
};
use serde_json::{Value, json};

/// Benchmarks Herald's binaries on this machine.
#[derive(Parser)]
#[command(name = "herald-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures each stage's memory: at a steady rate, then with a backlog
    Memory(MemoryArgs),
}

#[derive(Args)]
struct MemoryArgs {
    /// Events a second in the steady phase
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Length of the steady phase in seconds
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Events waiting for the receiver in the backlog phase
    #[arg(long, default_value_t = 500_000)]
    backlog: u64,
    /// Distinct objects the events are about
    #[arg(long, default_value_t = 2_000)]
    objects: usize,
    /// Also write the figures here, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const STAGES: [&str; 4] = ["herald-watcher", "herald-enricher", "herald-router", "herald-sinks"];
const MIB: f64 = 1_048_576.0;

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Memory(args) => memory(&args).await,
    }
}

/// The pipeline on its servers.
struct Bench {
    api: ApiServer,
    nats: NatsServer,
    stages: Vec<Stage>,
    _scratch: Scratch,
}

impl Bench {
    async fn start() -> Result<Self> {
        let scratch = Scratch::new("bench")?;
        let api = ApiServer::start().await?;
        let nats = NatsServer::start().await?;
        let conf = scratch.write(
            "config.yaml",
            "clusterName: bench\nlogLevel: warn\nlogFormat: json\nkubeQPS: 100000\nkubeBurst: 100000\ncacheSize: 1024\n\
             route: {routes: [{match: [{receiver: out}]}]}\nreceivers: [{name: out, file: {path: /dev/null}}]\n\
             nats: {streams: {raw: {maxBytes: 2000000000}, enriched: {maxBytes: 2000000000}, out: {maxBytes: 4000000000}}}\n",
        )?;
        let kubeconfig = api.kubeconfig()?;
        let mut stages = Vec::new();
        for name in STAGES {
            // Logged as people do, because the address of the metrics is found in the log.
            let options = StageOptions::new(name)
                .conf(&conf)
                .kubeconfig(&kubeconfig)
                .nats(&nats.url())
                .env("HERALD_LOG", "herald_common::admin=info");
            stages.push(options.start()?);
        }
        for stage in &stages {
            stage.ready().await?;
        }
        Ok(Self { api, nats, stages, _scratch: scratch })
    }

    fn sinks(&self) -> &Stage {
        &self.stages[3]
    }

    async fn delivered(&self) -> Result<u64> {
        Ok(self.sinks().metric("herald_events_published_total", &["stage=\"sinks\"", "receiver=\"out\""]).await? as u64)
    }

    /// Messages a stream holds.
    async fn held(&self, stream: &str) -> Result<u64> {
        let page: Value = reqwest::get(format!("{}/jsz?streams=true", self.nats.monitoring_url())).await?.json().await?;
        let streams = page["account_details"][0]["stream_detail"].as_array().cloned().unwrap_or_default();
        Ok(streams.iter().find(|found| found["name"] == stream).and_then(|found| found["state"]["messages"].as_u64()).unwrap_or(0))
    }

    /// Makes so many events, as fast as the watcher takes them in.
    async fn fill(&self, events: u64, objects: usize) -> Result<u64> {
        // Well below what the simulated API server keeps of its history, so that no watch falls behind it.
        const STEP: u64 = 20_000;
        let mut made = 0;
        while made < events {
            made += self.api.generate(&Generation::new(100_000.0, STEP.min(events - made), objects)).await.len() as u64;
            let taken = || async { self.held("HERALD_RAW").await.is_ok_and(|held| held + STEP >= made) };
            wait::until("the watcher to take the events in", Duration::from_secs(60), taken).await?;
        }
        Ok(made)
    }

    fn resident(&self) -> Result<Vec<f64>> {
        self.stages.iter().map(|stage| Ok(stage.process().rss_bytes()? as f64 / MIB)).collect()
    }

    /// The most memory each of the first `count` stages has taken.
    fn peaks(&self, count: usize) -> Result<Vec<f64>> {
        self.stages.iter().take(count).map(|stage| Ok(stage.process().peak_rss_bytes()? as f64 / MIB)).collect()
    }
}

async fn memory(args: &MemoryArgs) -> Result<()> {
    let steady = steady(args).await?;
    let backlog = backlog(args).await?;
    let result = json!({"steady": steady, "backlog": backlog});
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&result)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A steady rate for some minutes: the first and the last minute tell whether memory grows.
async fn steady(args: &MemoryArgs) -> Result<Value> {
    say(&format!("steady: {} events/s for {} s over {} objects", args.rate, args.seconds, args.objects));
    let bench = Bench::start().await?;
    let plan = Generation::lasting(args.rate, Duration::from_secs(args.seconds), args.objects);
    let generating = bench.api.generate(&plan);
    tokio::pin!(generating);
    let mut samples: Vec<Vec<f64>> = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let made = loop {
        tokio::select! {
            made = &mut generating => break made.len() as u64,
            _ = tick.tick() => samples.push(bench.resident()?),
        }
    };
    wait::until("every event to be delivered", Duration::from_secs(60), || async {
        bench.delivered().await.is_ok_and(|delivered| delivered >= made)
    })
    .await?;
    let minute = samples.len().clamp(1, 60);
    let peaks = bench.peaks(STAGES.len())?;
    let mut figures = BTreeMap::new();
    say(&format!("delivered {made} events\n{:<18} {:>14} {:>14} {:>10}", "stage", "first minute", "last minute", "peak"));
    for (at, name) in STAGES.iter().enumerate() {
        let mean = |samples: &[Vec<f64>]| samples.iter().map(|sample| sample[at]).sum::<f64>() / samples.len() as f64;
        let (first, last) = (mean(&samples[..minute]), mean(&samples[samples.len() - minute..]));
        say(&format!("{name:<18} {first:>10.1} MiB {last:>10.1} MiB {:>6.1} MiB", peaks[at]));
        figures.insert(*name, json!({"firstMinuteMiB": first, "lastMinuteMiB": last, "peakMiB": peaks[at]}));
    }
    Ok(json!({"events": made, "stages": figures}))
}

/// The receiver is away until so many events wait for it; then it drains them.
async fn backlog(args: &MemoryArgs) -> Result<Value> {
    say(&format!("backlog: {} events wait for the receiver", args.backlog));
    let mut bench = Bench::start().await?;
    bench.sinks().kill();
    let started = Instant::now();
    let made = bench.fill(args.backlog, args.objects).await?;
    let filled = || async { bench.held("HERALD_OUT_out").await.is_ok_and(|held| held >= made) };
    wait::until("the backlog to be there", Duration::from_secs(600), filled).await?;
    let filling = started.elapsed();
    let before = bench.peaks(3)?;
    bench.stages[3].restart()?;
    bench.sinks().ready().await?;
    let started = Instant::now();
    wait::until("the backlog to be delivered", Duration::from_secs(600), || async {
        bench.delivered().await.is_ok_and(|delivered| delivered >= made)
    })
    .await?;
    let draining = started.elapsed();
    let mut figures = BTreeMap::new();
    let sinks = bench.sinks().process().peak_rss_bytes()? as f64 / MIB;
    say(&format!(
        "filled in {:.1} s ({:.0} events/s), drained in {:.1} s ({:.0} events/s)",
        filling.as_secs_f64(),
        made as f64 / filling.as_secs_f64(),
        draining.as_secs_f64(),
        made as f64 / draining.as_secs_f64()
    ));
    for (name, peak) in STAGES.iter().zip(before.into_iter().chain([sinks])) {
        say(&format!("{name:<18} peak {peak:>6.1} MiB"));
        figures.insert(*name, json!({"peakMiB": peak}));
    }
    if bench.held("HERALD_OUT_out").await? > 0 {
        bail!("messages are left in the receiver's stream");
    }
    Ok(json!({"events": made, "fillSeconds": filling.as_secs_f64(), "drainSeconds": draining.as_secs_f64(), "stages": figures}))
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn say(text: &str) {
    println!("{text}");
}
