//! `make bench`: what Herald's release binaries do on this machine, as figures.
//!
//! ```text
//! throughput, latency, memory, allocations, reads, catch_up, receivers, start, peer   the sections, each a list of figures
//! rig        the servers and stages a section runs on          api, receiver, relay, helper   parts that are processes of their own
//! limit      what NATS alone allows                            stats, report, machine       figures, tables, JSON
//! ```
//!
//! Everything that is measured is a process of its own on 127.0.0.1: a real nats-server, the simulated API server, the receiver, the four stages. Each phase is
//! bounded by its number of events and by time, and everything ends with this process. Warming up is not measured; a figure is the median of its runs.

mod allocations;
mod api;
mod catch_up;
mod helper;
mod latency;
mod limit;
mod machine;
mod memory;
mod peer;
mod reads;
mod receiver;
mod receivers;
mod relay;
mod report;
mod rig;
mod start;
mod stats;
mod throughput;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Serialize;

pub use self::{api::serve as serve_api, receiver::serve as serve_receiver, relay::Hop};
use self::{machine::Machine, report::Section};

/// A part of the bench that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Events a second beside what NATS alone allows, processor time and memory of each process
    Throughput,
    /// From the API server to the receiver, at steady rates
    Latency,
    /// Memory at a steady rate
    Memory,
    /// Allocations for each event
    Allocations,
    /// Reads of the API server, and an API server that answers late
    Reads,
    /// Backlogs and the first list
    CatchUp,
    /// Events a second that each kind of receiver delivers to its server, or to what stands for it, beside it and 50 ms away
    Receivers,
    /// Time to the first delivery, size of the binaries
    Start,
    /// Another exporter over the same load; left out when none is given
    Peer,
}

/// What is run and how.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What to measure; when nothing is named everything but the receivers, which take half as long as the rest together
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// How often what is repeated is measured
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// Events of a run of throughput; of receivers, where each kind has its own number, not more than these
    #[arg(long, default_value_t = 100_000)]
    pub events: u64,
    /// Only the cases of throughput and receivers whose names hold this text, such as "file, 1,000"
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub case: String,
    /// Leave out the bare relay in throughput
    #[arg(long)]
    pub no_relay: bool,
    /// Seconds of a run of latency
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Events that wait in catch-up
    #[arg(long, default_value_t = 500_000)]
    pub backlog: u64,
    /// Events a second of memory
    #[arg(long, default_value_t = 1_000.0)]
    pub memory_rate: f64,
    /// Seconds of memory
    #[arg(long, default_value_t = 60)]
    pub memory_seconds: u64,
    /// In memory, deliver to a webhook that takes so long for each event, for example 20ms as 20
    #[arg(long, value_name = "MILLISECONDS", value_parser = milliseconds)]
    pub receiver_delay: Option<Duration>,
    /// Another exporter's binary, which takes -conf and -kubeconfig
    #[arg(long, env = "HERALD_PEER", value_name = "PROGRAM")]
    pub peer: Option<PathBuf>,
    /// Write the figures here too, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn milliseconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    began: Timestamp,
    seconds: f64,
    machine: Machine,
    sections: Vec<Section>,
}

/// Runs the parts that are asked for, prints each as a table, and writes all as JSON.
pub async fn run(options: &Options) -> Result<()> {
    let machine = Machine::this();
    say(&machine.line());
    let all = <Part as clap::ValueEnum>::value_variants();
    let mut report = Report { began: Timestamp::now(), seconds: 0.0, machine, sections: Vec::new() };
    let is_wanted = |part: &&Part| if options.parts.is_empty() { **part != Part::Receivers } else { options.parts.contains(part) };
    for part in all.iter().filter(is_wanted) {
        let section = match part {
            Part::Throughput => throughput::section(options).await?,
            Part::Latency => latency::section(options).await?,
            Part::Memory => memory::section(options).await?,
            Part::Allocations => allocations::section(options).await?,
            Part::Reads => reads::section(options).await?,
            Part::CatchUp => catch_up::section(options).await?,
            Part::Receivers => receivers::section(options).await?,
            Part::Start => start::section(options).await?,
            Part::Peer => match &options.peer {
                Some(peer) => peer::section(options, peer).await?,
                None => continue,
            },
        };
        say(&section.table());
        report.sections.push(section);
        report.seconds = Timestamp::now().duration_since(report.began).as_secs_f64();
        // After each part, so that what is there survives a later one's failure.
        if let Some(path) = &options.json {
            std::fs::write(path, serde_json::to_string_pretty(&report)?).with_context(|| format!("could not write {}", path.display()))?;
        }
    }
    say(&format!("\ntook {:.0} s", report.seconds));
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn say(text: &str) {
    println!("{text}");
}
