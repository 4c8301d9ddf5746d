//! Allocations of each stage for an event, counted by the allocator of a program that is the stage in all else.

use std::time::Duration;

use anyhow::Result;

use super::{
    Options,
    report::Section,
    rig::{Accepts, Plan, Rig},
    say,
};
use crate::{process::Process, wait};

const BOUND: Duration = Duration::from_secs(120);
const OBJECTS: usize = 1_000;
const WARM_UP: u64 = 10_000;
const EVENTS: u64 = 50_000;

pub(super) async fn section(_: &Options) -> Result<Section> {
    let mut section = Section::new("allocations", "of each stage for an event about an object in the cache, under load");
    for (accepts, name) in [(Accepts::Null, "file"), (Accepts::Webhook(Duration::ZERO), "webhook")] {
        say(&format!("allocations: {name}"));
        let rig = Rig::start(Plan { counting: true, ..Plan::new(accepts) }).await?;
        rig.api.objects("load", OBJECTS).await?;
        let made = rig.api.burst("load", WARM_UP, OBJECTS).await?;
        rig.deliver(made, BOUND).await?;
        let before = counts(&rig).await?;
        rig.api.burst("load", EVENTS, OBJECTS).await?;
        rig.deliver(made + EVENTS, BOUND).await?;
        for (((stage, _), before), after) in rig.stages.iter().zip(before).zip(counts(&rig).await?) {
            // The receiver matters to the sinks only.
            if accepts == Accepts::Null || *stage == "sinks" {
                let each = |after: u64, before: u64| [(after - before) as f64 / EVENTS as f64];
                section.add(format!("{name}: {stage}"), "allocations/event", &each(after.0, before.0));
                section.add(format!("{name}: {stage}, bytes"), "bytes/event", &each(after.1, before.1));
            }
        }
    }
    Ok(section)
}

/// Allocations and bytes of each stage up to now.
async fn counts(rig: &Rig) -> Result<Vec<(u64, u64)>> {
    let mut counts = Vec::new();
    for (name, stage) in &rig.stages {
        let old = last(stage.process());
        let newer = || std::future::ready(last(stage.process()).filter(|now| Some(now) != old.as_ref()));
        counts.push(wait::some(&format!("the count of {name}"), Duration::from_secs(10), newer).await?);
    }
    Ok(counts)
}

/// What the allocator said last.
fn last(process: &Process) -> Option<(u64, u64)> {
    let output = process.output();
    let line = output.iter().rev().find_map(|line| line.strip_prefix("allocations "))?;
    let (allocations, bytes) = line.split_once(' ')?;
    allocations.parse().ok().zip(bytes.parse().ok())
}
