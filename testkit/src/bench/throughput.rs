//! Throughput from the API server's watch to the receiver's acceptance, beside what NATS alone allows in the same minute.
//!
//! A run makes its events at once, so that every stage has as much as it takes, and ends with the last acceptance. The bare relay runs before each, on the same
//! server. Events about few objects come from the enricher's cache; with many, each run has objects of its own that nobody has looked up.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    Options, limit,
    report::{Goal, Section},
    rig::{Accepts, Plan, Rig, STAGES},
    say,
};

/// How long a run may take.
const BOUND: Duration = Duration::from_secs(300);
const WARM_UP: u64 = 20_000;
const FEW: usize = 1_000;
const MANY: usize = 100_000;

/// Figures of several runs by what they are about.
#[derive(Default)]
struct Samples(BTreeMap<String, Vec<f64>>);

impl Samples {
    fn add(&mut self, what: impl Into<String>, value: f64) {
        self.0.entry(what.into()).or_default().push(value);
    }

    fn of(&self, what: &str) -> &[f64] {
        self.0.get(what).map(Vec::as_slice).unwrap_or_default()
    }
}

pub(super) async fn section(options: &Options) -> Result<Section> {
    let about = format!("{} runs of {} events, made at once, from watch to acceptance", options.runs, options.events);
    let mut section = Section::new("throughput", about);
    for (accepts, name) in [(Accepts::Null, "file"), (Accepts::Webhook(Duration::ZERO), "webhook")] {
        for objects in [FEW, MANY] {
            let case = format!("{name}, {} objects", if objects == FEW { "1,000" } else { "100,000" });
            if !case.contains(&options.case) {
                continue;
            }
            say(&format!("throughput: {case}"));
            let samples = scenario(options, accepts, objects).await?;
            let rate = format!("{case}: Herald");
            if objects == FEW && accepts == Accepts::Null {
                section.add_with_goal(rate, "events/s", samples.of("rate"), Goal::AtLeast(20_000.0));
            } else {
                section.add(rate, "events/s", samples.of("rate"));
            }
            section.add(format!("{case}: bare relay"), "events/s", samples.of("limit"));
            section.add_with_goal(format!("{case}: ratio"), "", samples.of("ratio"), Goal::AtLeast(0.8));
            section.add(format!("{case}: other programs"), "processors", samples.of("others"));
            for (what, values) in samples.0.iter().filter(|(what, _)| what.starts_with("cpu ")) {
                section.add(format!("{case}: {what}"), "µs/event", values);
            }
            for stage in STAGES {
                section.add_with_goal(format!("{case}: peak {stage}"), "MiB", samples.of(&format!("peak {stage}")), Goal::Below(30.0));
            }
        }
    }
    Ok(section)
}

async fn scenario(options: &Options, accepts: Accepts, objects: usize) -> Result<Samples> {
    let mut samples = Samples::default();
    let rig = Rig::start(Plan::new(accepts)).await?;
    rig.api.objects("load", FEW).await?;
    let mut expected = rig.api.burst("load", WARM_UP.min(options.events), FEW).await?;
    rig.deliver(expected, BOUND).await?;
    for run in 0..options.runs {
        let limit = if options.no_relay { None } else { Some(limit::run(&rig.nats.url(), options.events).await?) };
        let namespace = if objects == FEW { "load".to_owned() } else { format!("load-{run}") };
        // More than there are events would not be asked for.
        let objects = objects.min(usize::try_from(options.events).unwrap_or(usize::MAX));
        rig.api.objects(&namespace, objects).await?;
        let before = rig.usage()?;
        let began = Instant::now();
        expected += rig.api.burst(&namespace, options.events, objects).await?;
        let elapsed = rig.deliver(expected, BOUND).await?.duration_since(began);
        let after = rig.usage()?;
        let rate = options.events as f64 / elapsed.as_secs_f64();
        samples.add("rate", rate);
        if let Some(limit) = &limit {
            samples.add("limit", limit.rate);
            samples.add("ratio", rate / limit.rate);
            for (micros, hop) in limit.cpu_micros.iter().zip(["source", "first relay", "second relay", "drain"]) {
                samples.add(format!("cpu bare {hop}"), *micros);
            }
        }
        samples.add("others", after.others_since(&before, elapsed));
        for (process, micros) in after.micros_since(&before, options.events) {
            samples.add(format!("cpu {process}"), micros);
        }
        say(&format!("  {rate:.0} events/s{}", limit.map(|limit| format!(", bare relay {:.0}", limit.rate)).unwrap_or_default()));
    }
    for (stage, peak) in rig.peaks()? {
        samples.add(format!("peak {stage}"), peak);
    }
    Ok(samples)
}
