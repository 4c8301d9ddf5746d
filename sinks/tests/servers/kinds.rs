//! The kinds and their products' servers, one file each.

pub(crate) mod aws;
#[cfg(feature = "gcp")]
pub(crate) mod bigquery;
pub(crate) mod elasticsearch;
pub(crate) mod faked;
pub(crate) mod file;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
pub(crate) mod loki;
pub(crate) mod opensearch;
pub(crate) mod opsgenie;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
pub(crate) mod pipe;
#[cfg(feature = "gcp")]
pub(crate) mod pubsub;
pub(crate) mod slack;
pub(crate) mod syslog;
pub(crate) mod teams;
pub(crate) mod webhook;
