//! Logs: one line an event on standard error, pretty for people or JSON for machines, so that standard output belongs to the `stdout` receiver.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogFormat, LogLevel};

/// Libraries whose details are of no use below this level.
const QUIET: &str =
    "async_nats=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,h2=warn,tower=warn,kube_client=warn,kube_runtime=warn";

/// Starts logging; a second call in the same process changes nothing.
///
/// The environment variable `HERALD_LOG`, with tracing-subscriber's directives, adds to the level of the configuration.
pub fn init(level: LogLevel, format: LogFormat) {
    let directives = format!("{},{QUIET}", level.as_str());
    let extra = crate::env::var("HERALD_LOG").unwrap_or_default();
    let filter = EnvFilter::builder().parse_lossy(if extra.is_empty() { directives } else { format!("{directives},{extra}") });
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Pretty => registry.with(layer.with_ansi(std::io::stderr().is_terminal())).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging runs already");
    }
}
