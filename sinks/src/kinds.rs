//! The kinds of receivers, one file each.
//!
//! A kind is two lines: its module here and its row in [`crate::registry::KINDS`]; a cargo feature may guard both. A module without a row is dead code, which does not compile.

#![deny(dead_code)]

#[cfg(feature = "gcp")]
pub mod bigquery;
pub mod elasticsearch;
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
pub(crate) mod later;
pub mod loki;
pub mod opensearch;
pub mod opsgenie;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod pipe;
#[cfg(feature = "gcp")]
pub mod pubsub;
pub mod slack;
pub mod stdout;
pub mod syslog;
pub mod teams;
pub mod webhook;
