//! Latency from the moment the API server makes an event, and hands it to the watch, to its arrival at a webhook, at steady rates.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{
    Options,
    report::{Goal, Section},
    rig::{Accepts, Plan, Rig},
    say,
};
use crate::apiserver::Generation;

/// Events a second.
pub(super) const RATES: [u32; 3] = [100, 1_000, 5_000];
pub(super) const PERCENTILES: [&str; 3] = ["p50", "p99", "p99.9"];
/// The rate for which there is a goal, and the goal for its 99th percentile, milliseconds.
const GOAL: (u32, f64) = (1_000, 20.0);
const OBJECTS: usize = 1_000;
const BOUND: Duration = Duration::from_secs(120);

pub(super) async fn section(options: &Options) -> Result<Section> {
    let about = format!("{} runs of {} s, from the API server to a webhook that takes one event a request", options.runs, options.seconds);
    let mut section = Section::new("latency", about);
    let rig = Rig::start(Plan::new(Accepts::Webhook(Duration::ZERO))).await?;
    let receiver = rig.receiver.as_ref().context("there is a receiver")?;
    // Fills the cache.
    rig.api.objects("load", OBJECTS).await?;
    let made = rig.api.burst("load", OBJECTS as u64, OBJECTS).await?;
    rig.deliver(made, BOUND).await?;
    for rate in RATES {
        say(&format!("latency: {rate} events/s"));
        let mut ages = [Vec::new(), Vec::new(), Vec::new()];
        let (mut others, mut rates) = (Vec::new(), Vec::new());
        // The first run warms up.
        for run in 0..=options.runs {
            receiver.reset().await?;
            let seconds = if run == 0 { 2 } else { options.seconds };
            let plan = Generation { stamped: true, ..Generation::lasting(f64::from(rate), Duration::from_secs(seconds), OBJECTS) };
            let (before, began) = (rig.usage()?, Instant::now());
            let made = rig.api.generate(&plan).await?;
            let elapsed = rig.deliver(made, BOUND).await?.duration_since(began);
            if run == 0 {
                continue;
            }
            let percentiles = receiver.stats().await?.ages.context("no event was stamped")?;
            for (values, micros) in ages.iter_mut().zip(percentiles) {
                values.push(micros as f64 / 1e3);
            }
            others.push(rig.usage()?.others_since(&before, began.elapsed()));
            rates.push(made as f64 / elapsed.as_secs_f64());
        }
        section.add(format!("{rate} events/s: delivered"), "events/s", &rates);
        for (name, values) in PERCENTILES.iter().zip(&ages) {
            let what = format!("{rate} events/s: {name}");
            if (rate, *name) == (GOAL.0, "p99") {
                section.add_with_goal(what, "ms", values, Goal::Below(GOAL.1));
            } else {
                section.add(what, "ms", values);
            }
        }
        section.add(format!("{rate} events/s: other programs"), "processors", &others);
    }
    Ok(section)
}
