//! `herald healthcheck`: asks a stage on this machine whether it is ready, for images that hold no shell and no curl.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

#[derive(Args)]
pub(crate) struct HealthcheckArgs {
    /// Where the stage serves /-/ready
    #[arg(long, env = "HERALD_METRICS_ADDRESS", value_name = "HOST:PORT", default_value = ":2112")]
    address: String,
    /// Where it serves the same without TLS and login, when it does; goes before the other
    #[arg(long, env = "HERALD_PROBE_ADDRESS", value_name = "HOST:PORT")]
    probe_address: Option<String>,
}

pub(crate) async fn run(args: HealthcheckArgs) -> anyhow::Result<()> {
    let address = args.probe_address.as_ref().unwrap_or(&args.address);
    let address = address.strip_prefix("0.0.0.0").unwrap_or(address);
    let host = if address.starts_with(':') { "127.0.0.1" } else { "" };
    let url = format!("http://{host}{address}/-/ready");
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("no answer from {url}"))?;
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    anyhow::ensure!(status.is_success(), "not ready: {}", text.trim());
    Ok(())
}
