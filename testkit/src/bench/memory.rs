//! Memory at a steady rate for some time: the first minute and the last tell whether it grows.

use std::time::Duration;

use anyhow::Result;

use super::{
    Options,
    report::{Goal, Section},
    rig::{Accepts, Plan, Rig},
    say,
    stats::ends,
};
use crate::apiserver::Generation;

const BOUND: Duration = Duration::from_secs(300);
const OBJECTS: usize = 2_000;

pub(super) async fn section(options: &Options) -> Result<Section> {
    let (rate, seconds) = (options.memory_rate, options.memory_seconds);
    let slow = options.receiver_delay.map(|delay| format!(", to a webhook that takes {} ms an event", delay.as_millis()));
    let about = format!("resident memory at {rate} events/s for {seconds} s over 2,000 objects{}", slow.unwrap_or_default());
    say(&format!("memory: {about}"));
    let mut section = Section::new("memory", about);
    let rig = Rig::start(Plan::new(options.receiver_delay.map_or(Accepts::Null, Accepts::Webhook))).await?;
    let plan = Generation::lasting(rate, Duration::from_secs(seconds), OBJECTS);
    let generating = rig.api.generate(&plan);
    tokio::pin!(generating);
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); rig.stages.len()];
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let made = loop {
        tokio::select! {
            made = &mut generating => break made?,
            _ = tick.tick() => {
                for (series, now) in samples.iter_mut().zip(rig.resident()?) {
                    series.push(now);
                }
            }
        }
    };
    // A slow receiver is not waited for: its backlog is the point.
    if options.receiver_delay.is_none() {
        rig.deliver(made, BOUND).await?;
    }
    section.add("events", "", &[made as f64]);
    let delivered = rig.delivered().await?;
    section.add("delivered", "", &[delivered as f64]);
    let peaks = rig.peaks()?;
    let minute = usize::try_from(seconds / 4).unwrap_or(60).clamp(1, 60);
    for ((name, _), series) in rig.stages.iter().zip(&samples) {
        let Some((first, last)) = ends(series, minute) else { continue };
        section.add(format!("{name}: first {minute} s"), "MiB", &[first]);
        section.add(format!("{name}: last {minute} s"), "MiB", &[last]);
        section.add_with_goal(format!("{name}: last over first"), "", &[last / first], Goal::Below(1.1));
        section.add_with_goal(format!("{name}: peak"), "MiB", &[peaks[name]], Goal::Below(30.0));
    }
    Ok(section)
}
