//! The limit: how fast the bare relay ([`super::relay`]) carries as many messages over the same server.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{
    helper::{self, Helper},
    relay,
};

const STREAMS: [&str; 3] = ["BENCH_1", "BENCH_2", "BENCH_3"];
/// How long a run may take.
const BOUND: Duration = Duration::from_secs(300);

/// What a run of the relay came to.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    /// Messages a second, from the first publish to the last acknowledgement.
    pub(super) rate: f64,
    /// Processor time of each hop a message, microseconds: source, two relays, drain.
    pub(super) cpu_micros: [f64; 4],
}

/// The streams of Herald whose messages each hop's are like; those for receivers do not stay, and differ from enriched ones by a header.
const LIKE: [&str; 3] = ["HERALD_RAW", "HERALD_ENRICHED", "HERALD_ENRICHED"];
const HEADER: &str = "Herald-Identity";

/// Runs the relay once, on a server whose streams hold messages of Herald's.
pub(super) async fn run(nats: &str, count: u64) -> Result<Limit> {
    relay::create_streams(nats, &STREAMS).await.context("could not make the streams of the relay")?;
    let count_text = count.to_string();
    let hop = |name: &str, take: Option<usize>, give: Option<usize>| {
        let mut arguments = vec!["hop", "--nats", nats, "--count", &count_text];
        if let Some(take) = take {
            arguments.extend(["--take", STREAMS[take]]);
        }
        if let Some(give) = give {
            arguments.extend(["--give", STREAMS[give], "--like", LIKE[give]]);
            if give == 2 {
                arguments.extend(["--header", HEADER]);
            }
        }
        Helper::start(name, &arguments)
    };
    let drain = hop("drain", Some(2), None)?;
    let second = hop("second relay", Some(1), Some(2))?;
    let first = hop("first relay", Some(0), Some(1))?;
    for waiting in [&drain, &second, &first] {
        waiting.said("began", helper::SOON).await?;
    }
    let source = hop("source", None, Some(0))?;
    let began: u64 = source.said("began", helper::SOON).await?.parse()?;
    let ended: u64 = drain.said("ended", BOUND).await?.parse()?;
    for hop in [&second, &first, &source] {
        hop.said("ended", BOUND).await?;
    }
    let mut cpu_micros = [0.0; 4];
    for (micros, hop) in cpu_micros.iter_mut().zip([&source, &first, &second, &drain]) {
        *micros = hop.process().cpu_time()?.as_secs_f64() * 1e6 / count as f64;
    }
    drop([source, first, second, drain]);
    relay::delete_streams(nats, &STREAMS).await?;
    Ok(Limit { rate: count as f64 * 1e6 / ended.saturating_sub(began).max(1) as f64, cpu_micros })
}
