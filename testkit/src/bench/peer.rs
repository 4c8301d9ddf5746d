//! Another exporter over the same load, beside Herald: events at once, and at steady rates, to a webhook that takes one event a request.
//!
//! The other exporter is a program that takes `-conf` and `-kubeconfig` and understands the configuration of [`rig::config`]. What it has not delivered when
//! nothing has come for [`QUIET`] is lost. What each exporter costs is the sum over its processes; of Herald that is the stages without nats-server, and the sum
//! with it is beside.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{
    Options,
    api::Api,
    latency::{PERCENTILES, RATES},
    receiver::Receiver,
    report::Section,
    rig::{self, Accepts, MIB, Plan, Rig},
    say,
};
use crate::{apiserver::Generation, process::Process, scratch::Scratch, wait};

const OBJECTS: usize = 1_000;
/// An exporter that delivers nothing for so long has lost the rest.
const QUIET: Duration = Duration::from_secs(15);
const READY_WITHIN: Duration = Duration::from_secs(60);

pub(super) async fn section(options: &Options, peer: &Path) -> Result<Section> {
    let mut section = Section::new("peer", format!("Herald and {}, to a webhook that takes one event a request", peer.display()));
    say("peer: Herald");
    {
        let rig = Rig::start(Plan::new(Accepts::Webhook(Duration::ZERO))).await?;
        let receiver = rig.receiver.as_ref().context("there is a receiver")?;
        let stages = rig.stages.iter().map(|(_, stage)| stage.process());
        let processes: Vec<&Process> = stages.chain([rig.nats.process()]).collect();
        measure(&mut section, "Herald", options, &rig.api, receiver, &processes).await?;
        let peaks: f64 = rig.peaks()?.values().sum();
        section.add("Herald: peak memory without nats-server", "MiB", &[peaks]);
    }
    say("peer: the other exporter");
    let (api, receiver, scratch) = (Api::start().await?, Receiver::start(Duration::ZERO).await?, Scratch::new("peer")?);
    let conf = scratch.write("config.yaml", &rig::config(&format!("webhook: {{endpoint: \"{}\"}}", receiver.url())))?;
    let mut command = Command::new(peer.canonicalize().with_context(|| format!("there is no {}", peer.display()))?);
    command.arg("-conf").arg(&conf).arg("-kubeconfig").arg(api.kubeconfig()).current_dir(scratch.path());
    let process = Process::spawn("peer", &command, None)?;
    let watches = || async { api.watches().await.unwrap_or(0).gt(&0).then_some(()) };
    process.wait_for("a watch of the other exporter", READY_WITHIN, watches).await?;
    measure(&mut section, "peer", options, &api, &receiver, &[&process]).await?;
    Ok(section)
}

async fn measure(
    section: &mut Section,
    who: &str,
    options: &Options,
    api: &Api,
    receiver: &Receiver,
    processes: &[&Process],
) -> Result<()> {
    // Fills caches, and shows that the exporter delivers at all.
    api.objects("load", OBJECTS).await?;
    let made = api.burst("load", OBJECTS as u64, OBJECTS).await?;
    let first = || async { receiver.count().await.is_ok_and(|stats| stats.distinct > 0) };
    wait::until(&format!("a first delivery of {who}"), READY_WITHIN, first).await?;
    settle(receiver, made).await?;

    receiver.reset().await?;
    let (began, began_micros) = (cpu(processes)?, super::helper::now_micros());
    let made = api.burst("load", options.events, OBJECTS).await?;
    settle(receiver, made).await?;
    let stats = receiver.count().await?;
    let elapsed = stats.last_micros.saturating_sub(began_micros) as f64 / 1e6;
    section.add(format!("{who}: {} events at once, delivered", options.events), "", &[stats.distinct as f64]);
    section.add(format!("{who}: lost"), "", &[(made.saturating_sub(stats.distinct)) as f64]);
    section.add(format!("{who}: delivered more than once"), "", &[(stats.requests - stats.distinct) as f64]);
    section.add(format!("{who}: speed"), "events/s", &[stats.distinct as f64 / elapsed.max(0.001)]);
    section.add(format!("{who}: processor time"), "µs/event", &[(cpu(processes)? - began) * 1e6 / made as f64]);
    let reads = api.reads().await?;
    section.add(format!("{who}: reads of {OBJECTS} objects"), "", &[reads.total as f64]);

    for rate in RATES {
        let mut ages = [Vec::new(), Vec::new(), Vec::new()];
        let mut lost = Vec::new();
        for _ in 0..options.runs {
            receiver.reset().await?;
            let duration = Duration::from_secs(options.seconds);
            let made = api.generate(&Generation { stamped: true, ..Generation::lasting(f64::from(rate), duration, OBJECTS) }).await?;
            settle(receiver, made).await?;
            let stats = receiver.stats().await?;
            lost.push(made.saturating_sub(stats.distinct) as f64);
            for (values, micros) in ages.iter_mut().zip(stats.ages.into_iter().flatten()) {
                values.push(micros as f64 / 1e3);
            }
        }
        section.add(format!("{who}: {rate} events/s, lost"), "", &lost);
        for (name, values) in PERCENTILES.iter().zip(&ages) {
            section.add(format!("{who}: {rate} events/s, {name}"), "ms", values);
        }
    }
    let mut peak = 0.0;
    for process in processes {
        peak += process.peak_rss_bytes()? as f64 / MIB;
    }
    section.add(format!("{who}: peak memory"), "MiB", &[peak]);
    Ok(())
}

/// Waits until so many events came, or nothing has come for a while.
async fn settle(receiver: &Receiver, events: u64) -> Result<()> {
    let mut last = (receiver.count().await?.distinct, Instant::now());
    while last.0 < events && last.1.elapsed() < QUIET {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = receiver.count().await?.distinct;
        if now > last.0 {
            last = (now, Instant::now());
        }
    }
    Ok(())
}

/// Processor seconds of all processes up to now.
fn cpu(processes: &[&Process]) -> Result<f64> {
    processes.iter().map(|process| Ok(process.cpu_time()?.as_secs_f64())).sum()
}
