//! The short campaign on the built binaries; `make chaos` is the long one.

use std::time::Duration;

use anyhow::{Result, ensure};
use herald_testkit::{
    chaos::{self, Binaries, Options, plan},
    skip_unless,
    tools::Tool,
};

/// A failure is to be repeated as it was.
const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_campaign_loses_nothing_and_everything_recovers() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let options = Options { seed: SEED, rate: 40.0, binaries: Binaries::default(), mounts: true };
    let acts = plan::short(SEED, Duration::from_secs(120), &chaos::SHORT);
    let report = chaos::run(&acts, &options, &|line| eprintln!("{line}")).await?;
    ensure!(report.is_good(), "{report}");
    ensure!(report.steps.len() == chaos::SHORT.len() + 1, "every fault was injected");
    Ok(())
}
