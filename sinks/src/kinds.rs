//! The kinds of receivers, one file each.
//!
//! A kind is two lines: its module here and its row in [`crate::registry::KINDS`]. A module without a row is dead code, which does not compile.

#![deny(dead_code)]

pub mod elasticsearch;
pub mod eventbridge;
pub mod file;
pub mod firehose;
pub mod kinesis;
pub(crate) mod later;
pub mod loki;
pub mod opensearch;
pub mod opscenter;
pub mod opsgenie;
pub mod pipe;
pub mod slack;
pub mod sns;
pub mod sqs;
pub mod stdout;
pub mod syslog;
pub mod teams;
pub mod webhook;
