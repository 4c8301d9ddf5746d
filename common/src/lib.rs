//! What Herald's stages share: the event, the names and the use of NATS, the configuration, and the runner that every binary is made of.
//!
//! ```text
//! arguments ─▶ configuration ─▶ logging ─▶ metrics, health, admin server ─▶ NATS ─▶ the stage ─▶ drain
//! ```
//!
//! A stage imports this crate and no other stage. The environment, exits and signals, `async_nats`, and every subject and metric name live here only.

pub mod admin;
pub mod args;
pub mod bus;
pub mod config;
pub mod env;
pub mod event;
pub mod gap;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod pattern;
pub mod pem;
pub mod reload;
pub mod shutdown;
pub mod small_file;
pub mod stage;
pub mod subjects;

pub use tokio_util::sync::CancellationToken;

/// Herald's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision it was built from, `unknown` unless the build sets `HERALD_REVISION`.
pub const REVISION: &str = match option_env!("HERALD_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
