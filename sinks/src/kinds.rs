//! The kinds of receivers, one file each.
//!
//! A kind is its module and its row in [`KINDS`]; a cargo feature may guard both. A module without a row is dead code, which does not compile.

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

use herald_common::config;

use crate::registry::Row;

/// A kind that is served where a cargo feature is on, and otherwise refused by the feature's name.
macro_rules! with_feature {
    ($feature:literal, $kind:literal, $module:ident) => {{
        #[cfg(feature = $feature)]
        {
            Row::served::<$module::Config>($kind, $module::build)
        }
        #[cfg(not(feature = $feature))]
        {
            Row::left_out($kind, |keys| crate::registry::refuse_left_out(keys, $feature))
        }
    }};
}

/// The kinds.
pub const KINDS: &[Row] = &[
    Row::served::<stdout::Config>("stdout", stdout::build),
    Row::served::<file::Config>("file", file::build),
    Row::served::<webhook::Config>("webhook", webhook::build),
    Row::served::<pipe::Config>("pipe", pipe::build),
    Row::served::<elasticsearch::Config>("elasticsearch", elasticsearch::build),
    Row::served::<opensearch::Config>("opensearch", opensearch::build),
    Row::served::<loki::Config>("loki", loki::build),
    Row::served::<slack::Config>("slack", slack::build),
    Row::served::<teams::Config>("teams", teams::build),
    Row::served::<opsgenie::Config>("opsgenie", opsgenie::build),
    with_feature!("kafka", "kafka", kafka),
    with_feature!("aws", "kinesis", kinesis),
    with_feature!("aws", "firehose", firehose),
    with_feature!("aws", "sns", sns),
    with_feature!("aws", "sqs", sqs),
    with_feature!("aws", "eventbridge", eventbridge),
    with_feature!("aws", "opscenter", opscenter),
    with_feature!("gcp", "pubsub", pubsub),
    with_feature!("gcp", "bigquery", bigquery),
    Row::served::<syslog::Config>("syslog", syslog::build),
    with_feature!("otlp", "otlp", otlp),
    Row::left_out("inMemory", in_memory::refuse),
];

/// Every stage reads receivers, also those that are built without the kinds: they know them by name.
const _: () = {
    let mut at = 0;
    while at < KINDS.len() || at < config::KINDS.len() {
        let is_both = at < KINDS.len() && at < config::KINDS.len() && is_same(KINDS[at].kind, config::KINDS[at]);
        assert!(is_both, "a kind is a row here and, at the same place, a name in common/src/config/receiver.rs");
        at += 1;
    }
};

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
