//! The command-line arguments and environment variables that every binary takes.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use crate::config::Secret;

/// Arguments of every stage.
#[derive(Args, Clone, Debug)]
pub struct StageArgs {
    /// The configuration file, one for all stages
    #[arg(long, env = "HERALD_CONF", value_name = "FILE", default_value = "config.yaml")]
    pub conf: PathBuf,
    /// The kubeconfig file; without it KUBECONFIG, the pod's service account, then ~/.kube/config
    #[arg(long, env = "HERALD_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Where /metrics, /-/ready and /-/healthy are served; port 0 takes a free one and logs it
    #[arg(long, env = "HERALD_METRICS_ADDRESS", value_name = "HOST:PORT", default_value = ":2112")]
    pub metrics_address: String,
    /// TLS and logins for that address: a web-config.yml of Prometheus' exporter-toolkit
    #[arg(long, env = "HERALD_METRICS_TLS_CONFIG", value_name = "FILE")]
    pub metrics_tls_config: Option<PathBuf>,
    /// Where /-/ready and /-/healthy are served as well, without TLS and login: for probes, when --metrics-tls-config asks for either
    #[arg(long, env = "HERALD_PROBE_ADDRESS", value_name = "HOST:PORT")]
    pub probe_address: Option<String>,
    /// NATS servers, separated by commas, instead of nats.url of the configuration
    #[arg(long, env = "HERALD_NATS", value_name = "URL", hide_env_values = true)]
    pub nats: Option<Secret>,
}

/// Returns the process's arguments, long flags with a single dash (`-conf`) turned into those with two, as the old exporter's users write them.
pub fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os().map(normalize)
}

fn normalize(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if is_single_dash_long(text) => OsString::from(format!("-{text}")),
        _ => argument,
    }
}

/// A dash, then a name of more than one letter.
fn is_single_dash_long(text: &str) -> bool {
    let name = text.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or(rest));
    name.is_some_and(|name| {
        name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    })
}

/// What `--help` says below the arguments.
pub const STAGE_HELP: &str = "\
Environment: every flag has the variable named beside it. HERALD_LOG adds log directives, for example HERALD_LOG=herald_common::bus=debug.

SIGTERM stops fetching, finishes or hands back what is in flight and ends; a second signal ends at once.
HTTP: /metrics (Prometheus text, or OpenMetrics when asked), /-/ready (can work now), /-/healthy (makes progress).";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_dashes_are_taken_for_two() {
        let turned = |text: &str| normalize(text.into()).into_string().expect("UTF-8");
        assert_eq!(turned("-conf"), "--conf");
        assert_eq!(turned("-metrics-address=:1"), "--metrics-address=:1");
        for kept in ["--conf", "-h", "-V", "config.yaml", "-", "-1", "-o"] {
            assert_eq!(turned(kept), kept);
        }
    }
}
