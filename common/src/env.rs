//! The process's environment: variables and where it runs. Read here and nowhere else.

use std::path::PathBuf;

/// Returns a variable's value; `None` when it is unset, empty or not UTF-8.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the pod's own namespace: `POD_NAMESPACE`, the service account's, or `default` outside a cluster.
#[must_use]
pub fn namespace() -> String {
    var("POD_NAMESPACE")
        .or_else(|| {
            std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace").ok().map(|text| text.trim().to_owned())
        })
        .unwrap_or_else(|| "default".to_owned())
}

/// Returns a name for this process that others of its kind do not share: `POD_NAME`, or host name and process id.
#[must_use]
pub fn instance() -> String {
    var("POD_NAME").unwrap_or_else(|| format!("{}-{}", host(), std::process::id()))
}

/// Returns the host's name.
#[must_use]
pub fn host() -> String {
    hostname::get().map_or_else(|_| "herald".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Returns the folder where this user's Herald keeps its state: `XDG_STATE_HOME` or `~/.local/state`, then `herald`.
#[must_use]
pub fn state_dir() -> PathBuf {
    let base = var("XDG_STATE_HOME").map(PathBuf::from).or_else(|| var("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    base.unwrap_or_else(std::env::temp_dir).join("herald")
}
