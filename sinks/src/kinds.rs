//! The kinds of receivers, one file each.
//!
//! A kind is two lines: its module here and its row in [`crate::registry::KINDS`]; a cargo feature may guard both. A module without a row is dead code, which does not compile.

#![deny(dead_code)]

#[cfg(feature = "gcp")]
pub mod bigquery;
pub mod elasticsearch;
#[cfg(feature = "aws")]
pub mod eventbridge;
pub mod file;
#[cfg(feature = "aws")]
pub mod firehose;
pub(crate) mod in_memory;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "aws")]
pub mod kinesis;
pub mod loki;
pub mod opensearch;
#[cfg(feature = "aws")]
pub mod opscenter;
pub mod opsgenie;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod pipe;
#[cfg(feature = "gcp")]
pub mod pubsub;
pub mod slack;
#[cfg(feature = "aws")]
pub mod sns;
#[cfg(feature = "aws")]
pub mod sqs;
pub mod stdout;
pub mod syslog;
pub mod teams;
pub mod webhook;
