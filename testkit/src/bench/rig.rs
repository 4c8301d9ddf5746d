//! Everything a measurement runs on: a nats-server, the simulated API server, a receiver and the stages, each a process of its own.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{api::Api, machine, receiver::Receiver};
use crate::{
    nats::NatsServer,
    process::Process,
    scratch::Scratch,
    stage::{self, Stage, StageOptions},
    wait,
};

/// The name under which the configuration knows the receiver.
const OUT: &str = "out";
/// The streams in the order of the pipeline.
pub(super) const STREAMS: [&str; 3] = ["HERALD_RAW", "HERALD_ENRICHED", "HERALD_OUT_out"];
/// The binaries in the order of the pipeline.
pub(super) const STAGES: [&str; 4] = ["watcher", "enricher", "router", "sinks"];
pub(super) const MIB: f64 = 1_048_576.0;
/// How often is looked how far the pipeline is, where only looking tells: rarely enough to cost nothing that shows.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who accepts the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    /// A file, `/dev/null`.
    Null,
    /// A webhook that takes one event a request and answers after this time.
    Webhook(Duration),
}

/// What runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) accepts: Accepts,
    pub(super) enrichers: usize,
    /// Whether the stages are started at once.
    pub(super) started: bool,
    /// Whether they run under an allocator that counts.
    pub(super) counting: bool,
}

impl Plan {
    pub(super) fn new(accepts: Accepts) -> Self {
        Self { accepts, enrichers: 1, started: true, counting: false }
    }
}

/// The servers, the receiver and the stages.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) api: Api,
    pub(super) nats: NatsServer,
    pub(super) receiver: Option<Receiver>,
    /// By the name of the stage, in the order of the pipeline.
    pub(super) stages: Vec<(&'static str, Stage)>,
    conf: PathBuf,
    plan: Plan,
    scratch: Scratch,
}

/// The configuration, as the other exporter understands it too, but for the section `nats`.
pub(super) fn config(receiver: &str) -> String {
    format!(
        "clusterName: bench\nlogLevel: warn\nlogFormat: json\nmaxEventAgeSeconds: 3600\nkubeQPS: 100000\nkubeBurst: 100000\ncacheSize: 1024\n\
         route: {{routes: [{{match: [{{receiver: {OUT}}}]}}]}}\nreceivers: [{{name: {OUT}, {receiver}}}]\n"
    )
}

const NATS: &str = "nats: {streams: {raw: {maxBytes: 1500000000}, enriched: {maxBytes: 1500000000}, out: {maxBytes: 1500000000}}}\n";

/// Processor seconds by process, and of the whole machine as `machine`.
#[derive(Clone, Debug)]
pub(super) struct Usage(BTreeMap<String, f64>);

impl Usage {
    /// What was used since an earlier reading, by process, in microseconds for each of `events`.
    pub(super) fn micros_since(&self, before: &Self, events: u64) -> Vec<(String, f64)> {
        let since = |name: &String| self.0.get(name).copied().unwrap_or(0.0) - before.0.get(name).copied().unwrap_or(0.0);
        let mut all: Vec<(String, f64)> = self.0.keys().map(|name| (name.clone(), since(name) * 1e6 / events as f64)).collect();
        all.retain(|(name, _)| name != machine::ALL);
        all
    }

    /// How many processors were taken by programs that are no part of the bench.
    pub(super) fn others_since(&self, before: &Self, elapsed: Duration) -> f64 {
        let sum = |usage: &Self| {
            let own: f64 = usage.0.iter().filter(|(name, _)| *name != machine::ALL).map(|(_, seconds)| seconds).sum();
            usage.0.get(machine::ALL).copied().unwrap_or(0.0) - own
        };
        ((sum(self) - sum(before)) / elapsed.as_secs_f64()).max(0.0)
    }
}

impl Rig {
    /// Starts the servers, and the stages if the plan says so.
    pub(super) async fn start(plan: Plan) -> Result<Self> {
        let receiver = match plan.accepts {
            Accepts::Null => None,
            Accepts::Webhook(delay) => Some(Receiver::start(delay).await?),
        };
        let scratch = Scratch::new("bench")?;
        let accepts =
            receiver.as_ref().map_or("file: {path: /dev/null}".to_owned(), |it| format!("webhook: {{endpoint: \"{}\"}}", it.url()));
        let conf = scratch.write("config.yaml", &(config(&accepts) + NATS))?;
        let (api, nats) = (Api::start().await?, NatsServer::start().await?);
        let mut rig = Self { api, nats, receiver, stages: Vec::new(), conf, plan, scratch };
        if plan.started {
            rig.start_stages(&STAGES).await?;
        }
        Ok(rig)
    }

    /// Starts stages and waits until they are ready.
    pub(super) async fn start_stages(&mut self, names: &[&'static str]) -> Result<()> {
        let kubeconfig = self.api.kubeconfig().to_owned();
        self.spawn_stages(names, &kubeconfig)?;
        for (_, stage) in &self.stages {
            stage.ready().await?;
        }
        Ok(())
    }

    /// Starts stages without waiting for them.
    pub(super) fn spawn_stages(&mut self, names: &[&'static str], kubeconfig: &std::path::Path) -> Result<()> {
        for name in names {
            let replicas = if *name == "enricher" { self.plan.enrichers } else { 1 };
            for _ in 0..replicas {
                let binary = format!("herald-{name}");
                let mut options = StageOptions::new(&binary).conf(&self.conf).kubeconfig(kubeconfig).nats(&self.nats.url());
                if self.plan.counting {
                    options = options.program(&self.counting(&binary)?);
                }
                // The address of the metrics is found in the log.
                self.stages.push((name, options.env("HERALD_LOG", "herald_common::admin=info").start()?));
            }
        }
        Ok(())
    }

    /// The program that is any stage and counts allocations, under the name of a stage.
    fn counting(&self, binary: &str) -> Result<PathBuf> {
        let (program, link) = (stage::bin("examples/counting")?, self.scratch.path().join(binary));
        std::os::unix::fs::symlink(&program, &link).with_context(|| format!("could not link {}", link.display()))?;
        Ok(link)
    }

    /// Kills a stage, all its replicas.
    pub(super) fn kill(&mut self, name: &str) {
        self.stages.retain(|(stage, _)| *stage != name);
    }

    /// The first replica of a stage.
    pub(super) fn stage(&self, name: &str) -> Result<&Stage> {
        let found = self.stages.iter().find(|(stage, _)| *stage == name);
        found.map(|(_, stage)| stage).with_context(|| format!("{name} does not run"))
    }

    fn processes(&self) -> impl Iterator<Item = (&'static str, &Process)> {
        let servers = [("nats-server", self.nats.process()), ("api server", self.api.process())];
        let receiver = self.receiver.as_ref().map(|receiver| ("receiver", receiver.process()));
        self.stages.iter().map(|(name, stage)| (*name, stage.process())).chain(servers).chain(receiver)
    }

    /// The processor time used so far; replicas count together.
    pub(super) fn usage(&self) -> Result<Usage> {
        let own = crate::process::cpu_time("self")?.as_secs_f64();
        let mut usage = BTreeMap::from([(machine::ALL.to_owned(), machine::busy_seconds()?), ("bench".to_owned(), own)]);
        for (name, process) in self.processes() {
            *usage.entry(name.to_owned()).or_default() += process.cpu_time()?.as_secs_f64();
        }
        Ok(Usage(usage))
    }

    /// The memory each stage has taken at most, MiB; the largest of the replicas.
    pub(super) fn peaks(&self) -> Result<BTreeMap<&'static str, f64>> {
        let mut peaks = BTreeMap::new();
        for (name, stage) in &self.stages {
            let peak = stage.process().peak_rss_bytes()? as f64 / MIB;
            let entry = peaks.entry(*name).or_insert(0.0_f64);
            *entry = entry.max(peak);
        }
        Ok(peaks)
    }

    /// The memory each stage takes now, MiB, in the order of the pipeline.
    pub(super) fn resident(&self) -> Result<Vec<f64>> {
        self.stages.iter().map(|(_, stage)| Ok(stage.process().rss_bytes()? as f64 / MIB)).collect()
    }

    /// How many distinct events the receiver has accepted since it, or its stage, began.
    pub(super) async fn delivered(&self) -> Result<u64> {
        match &self.receiver {
            Some(receiver) => Ok(receiver.count().await?.distinct),
            None => {
                let labels = ["stage=\"sinks\"", "receiver=\"out\""];
                Ok(self.stage("sinks")?.metric("herald_events_published_total", &labels).await? as u64)
            }
        }
    }

    /// Waits until the receiver has accepted so many events, and returns when that was: to the microsecond when it keeps the time itself.
    pub(super) async fn deliver(&self, events: u64, bound: Duration) -> Result<Instant> {
        let began = Instant::now();
        let mut delivered = 0;
        while began.elapsed() < bound {
            delivered = self.delivered().await?;
            if delivered >= events {
                let now = Instant::now();
                let Some(receiver) = &self.receiver else { return Ok(now) };
                let ago = super::helper::now_micros().saturating_sub(receiver.count().await?.last_micros);
                return Ok(now.checked_sub(Duration::from_micros(ago)).unwrap_or(now));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("waited {bound:?} in vain for {events} deliveries, {delivered} came")
    }

    /// Messages a stream holds.
    pub(super) async fn held(&self, stream: &str) -> Result<u64> {
        let page = crate::client::get(&format!("{}/jsz?streams=true", self.nats.monitoring_url())).await;
        let page: Value = serde_json::from_str(&page.context("nats-server does not show its streams")?)?;
        let streams = page["account_details"][0]["stream_detail"].as_array().cloned().unwrap_or_default();
        Ok(streams.iter().find(|found| found["name"] == stream).and_then(|found| found["state"]["messages"].as_u64()).unwrap_or(0))
    }

    /// Waits until a stream holds so many messages.
    pub(super) async fn fill(&self, stream: &str, messages: u64, bound: Duration) -> Result<()> {
        let filled = || async { self.held(stream).await.is_ok_and(|held| held >= messages) };
        wait::until(&format!("{messages} messages in {stream}"), bound, filled).await
    }

    /// Makes so many events, as fast as the watcher takes them in.
    pub(super) async fn feed(&self, events: u64, objects: usize) -> Result<()> {
        // Well below what the simulated API server keeps of its history, so that no watch falls behind it.
        const STEP: u64 = 20_000;
        let mut made = 0;
        while made < events {
            made += self.api.burst("load", STEP.min(events - made), objects).await?;
            self.fill(STREAMS[0], made.saturating_sub(STEP), Duration::from_secs(60)).await?;
        }
        self.fill(STREAMS[0], events, Duration::from_secs(60)).await
    }
}
