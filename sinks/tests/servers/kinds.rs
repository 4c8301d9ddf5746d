//! The kinds and their products' servers, one file and one row each.

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

use self::faked::Faked;
use crate::check::Row;

/// What is checked, in the order of the sinks' kinds.
pub(crate) const ROWS: &[Row] = &[
    Row::elsewhere("stdout", "a process has one standard output: the tests of the binaries read it"),
    Row::of::<file::File>(),
    Row::of::<Faked<webhook::Webhook>>(),
    Row::of::<pipe::Pipe>(),
    Row::of::<elasticsearch::Elasticsearch>(),
    Row::of::<opensearch::OpenSearch>(),
    Row::of::<loki::LokiKind>(),
    Row::of::<Faked<slack::Slack>>(),
    Row::of::<Faked<teams::Teams>>(),
    Row::of::<Faked<opsgenie::Opsgenie>>(),
    #[cfg(feature = "kafka")]
    Row::of::<kafka::Kafka>(),
    Row::of::<aws::Aws<aws::Kinesis>>(),
    Row::of::<aws::Aws<aws::Firehose>>(),
    Row::of::<aws::Aws<aws::Sns>>(),
    Row::of::<aws::Aws<aws::Sqs>>(),
    Row::of::<aws::Aws<aws::EventBridge>>(),
    Row::of::<aws::Aws<aws::OpsCenter>>(),
    #[cfg(feature = "gcp")]
    Row::of::<pubsub::Pubsub>(),
    #[cfg(feature = "gcp")]
    Row::of::<bigquery::Bigquery>(),
    Row::of::<syslog::Syslog>(),
    #[cfg(feature = "otlp")]
    Row::of::<otlp::Otlp<false>>(),
    #[cfg(feature = "otlp")]
    Row::of::<otlp::Otlp<true>>(),
];
