//! Reads of the API server: one for each object whatever the number of enrichers, and how the enricher alone fares when the API server is slow.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{
    Options,
    report::{Goal, Section},
    rig::{Accepts, Plan, Rig, STREAMS},
    say,
};

const REPLICAS: [usize; 3] = [1, 2, 4];
const BOUND: Duration = Duration::from_secs(120);
/// Objects, each the subject of several events that lie far apart.
const OBJECTS: usize = 5_000;
const EVENTS_EACH: u64 = 3;
/// The latencies of the API server, and how many events, each about an object of its own, wait for the enrichers.
const DELAYS: [(u64, u64); 2] = [(5, 20_000), (50, 10_000)];

pub(super) async fn section(_: &Options) -> Result<Section> {
    let mut section = Section::new("reads", "reads of the API server, and the enricher alone when it answers late");
    for replicas in REPLICAS {
        say(&format!("reads: {replicas} enrichers"));
        let rig = Rig::start(Plan { enrichers: replicas, ..Plan::new(Accepts::Null) }).await?;
        rig.api.objects("load", OBJECTS).await?;
        let made = rig.api.burst("load", OBJECTS as u64 * EVENTS_EACH, OBJECTS).await?;
        rig.deliver(made, BOUND).await?;
        let reads = rig.api.reads().await?;
        let goal = Goal::Exactly(OBJECTS as f64);
        section.add_with_goal(format!("{replicas} enrichers: reads of 5,000 objects, 15,000 events"), "", &[reads.total as f64], goal);
        section.add_with_goal(format!("{replicas} enrichers: distinct among them"), "", &[reads.distinct as f64], goal);
    }
    for (delay, events) in DELAYS {
        for replicas in REPLICAS {
            say(&format!("reads: {replicas} enrichers, {delay} ms"));
            let rate = alone(Duration::from_millis(delay), events, replicas).await?;
            section.add(format!("{replicas} enrichers, API latency {delay} ms: enricher alone"), "lookups/s", &[rate]);
        }
    }
    Ok(section)
}

/// How fast enrichers work off events that wait, each about another object.
async fn alone(delay: Duration, events: u64, replicas: usize) -> Result<f64> {
    let objects = usize::try_from(events).unwrap_or(usize::MAX);
    let mut rig = Rig::start(Plan { enrichers: replicas, started: false, ..Plan::new(Accepts::Null) }).await?;
    rig.api.objects("load", objects).await?;
    rig.start_stages(&["watcher"]).await?;
    rig.feed(events, objects).await?;
    rig.kill("watcher");
    rig.api.delay_reads(delay).await?;
    rig.start_stages(&["enricher"]).await?;
    // From the first enriched event on, so that connecting does not count.
    rig.fill(STREAMS[1], 1, BOUND).await?;
    let (began, before) = (Instant::now(), rig.held(STREAMS[1]).await?);
    rig.fill(STREAMS[1], events, BOUND).await?;
    Ok((events - before) as f64 / began.elapsed().as_secs_f64())
}
