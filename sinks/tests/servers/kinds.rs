//! The kinds and their products' servers, one file each.

#[cfg(feature = "gcp")]
pub(crate) mod bigquery;
pub(crate) mod elasticsearch;
pub(crate) mod loki;
pub(crate) mod opensearch;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
#[cfg(feature = "gcp")]
pub(crate) mod pubsub;
pub(crate) mod syslog;
pub(crate) mod webhook;
