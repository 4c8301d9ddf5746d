//! How long it takes from nothing to the first delivered event, and how large the binaries are.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{
    Options,
    report::Section,
    rig::{Accepts, MIB, Plan, Rig, STAGES},
    say,
};
use crate::stage;

const BOUND: Duration = Duration::from_secs(30);

pub(super) async fn section(options: &Options) -> Result<Section> {
    let mut section = Section::new("start", "from the start of all four stages to the first delivery");
    say("start");
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..options.runs.max(3) {
        let mut rig = Rig::start(Plan { started: false, ..Plan::new(Accepts::Webhook(Duration::ZERO)) }).await?;
        rig.api.burst("load", 1, 1).await?;
        first.push(until_delivered(&mut rig, 1).await?);
        for name in STAGES {
            rig.kill(name);
        }
        rig.api.burst("load", 1, 1).await?;
        again.push(until_delivered(&mut rig, 2).await?);
    }
    section.add("fresh: streams are made, the event is listed", "ms", &first);
    section.add("again: resuming at the checkpoint", "ms", &again);
    for name in STAGES.map(|name| format!("herald-{name}")).iter().map(String::as_str).chain(["herald"]) {
        section.add(format!("size of {name}"), "MiB", &[std::fs::metadata(stage::bin(name)?)?.len() as f64 / MIB]);
    }
    Ok(section)
}

async fn until_delivered(rig: &mut Rig, events: u64) -> Result<f64> {
    let began = Instant::now();
    let kubeconfig = rig.api.kubeconfig().to_owned();
    rig.spawn_stages(&STAGES, &kubeconfig)?;
    Ok(rig.deliver(events, BOUND).await?.duration_since(began).as_secs_f64() * 1e3)
}
