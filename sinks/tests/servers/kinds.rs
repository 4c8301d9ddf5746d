//! The kinds and their products' servers, one file each.

pub(crate) mod elasticsearch;
pub(crate) mod loki;
pub(crate) mod opensearch;
pub(crate) mod syslog;
pub(crate) mod webhook;
