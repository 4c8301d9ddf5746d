//! Kinds whose keys are known and that are not served yet.
//!
//! A receiver of such a kind is read like any other, so that its mistakes are found and editors can complete it, and then refused. When a kind is served,
//! its type moves to a file of its own.

use std::{collections::BTreeMap, path::PathBuf};

use herald_common::config::{Problem, Receiver, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    registry::Built,
    render::{LayoutKey, TextKey},
    tls::Tls,
};

/// Reads the keys of a kind, and refuses it.
pub(crate) fn refuse<T: DeserializeOwned>(receiver: &Receiver) -> Result<Built, Problem> {
    receiver.spec.decode::<T>()?;
    let kind = &receiver.kind;
    Err(receiver.spec.problem(format!("receivers of kind {kind} are not served yet, keep the exporter you have for it and remove it here")))
}

/// A type of keys, all of which may be left out.
macro_rules! keys {
    ($(#[doc = $doc:literal] $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        #[doc = $doc]
        #[derive(Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        #[allow(dead_code, reason = "read once the kind is served")]
        #[schemars(rename_all = "camelCase")]
        pub(crate) struct $name {
            $($(#[$attribute])* $field: $type,)*
        }
    )*};
}

keys! {
    #[doc = "The keys of `pipe`."]
    Pipe { path: PathBuf, de_dot: bool, layout: LayoutKey }
    #[doc = "The keys of `elasticsearch`."]
    Elasticsearch {
        hosts: Vec<String>, username: String, password: Secret,
        #[serde(rename = "cloudID")] cloud_id: String,
        api_key: Secret, headers: BTreeMap<String, TextKey>,
        #[serde(rename = "useEventID")] use_event_id: bool,
        de_dot: bool, index: String, index_format: String, index_timezone: String,
        #[serde(rename = "type")] type_: String,
        tls: Tls, layout: LayoutKey,
    }
    #[doc = "The keys of `opensearch`."]
    Opensearch {
        hosts: Vec<String>, username: String, password: Secret,
        #[serde(rename = "useEventID")] use_event_id: bool,
        de_dot: bool, index: String, index_format: String, index_timezone: String,
        #[serde(rename = "type")] type_: String,
        tls: Tls, layout: LayoutKey,
    }
    #[doc = "The keys of `loki`."]
    Loki { url: String, stream_labels: BTreeMap<String, TextKey>, headers: BTreeMap<String, TextKey>, tls: Tls, layout: LayoutKey }
    #[doc = "The keys of `slack`."]
    Slack {
        token: Secret, channel: TextKey, message: TextKey, color: TextKey, title: TextKey,
        #[serde(rename = "author_name")] author_name: TextKey,
        footer: TextKey, fields: BTreeMap<String, TextKey>, endpoint: String,
    }
    #[doc = "The keys of `teams`."]
    Teams { endpoint: Secret, layout: LayoutKey, headers: BTreeMap<String, TextKey> }
    #[doc = "The keys of `opsgenie`."]
    Opsgenie {
        api_key: Secret,
        #[serde(rename = "URL")] url: String,
        priority: TextKey, message: TextKey, alias: TextKey, description: TextKey, tags: Vec<TextKey>, details: BTreeMap<String, TextKey>,
    }
    #[doc = "The keys of `kafka`."]
    Kafka {
        topic: String, brokers: Vec<String>, layout: LayoutKey, client_id: String, compression_codec: String, version: String,
        tls: KafkaTls, sasl: KafkaSasl, avro: KafkaAvro,
    }
    #[doc = "The keys of `kafka.tls`."]
    KafkaTls { enable: bool, ca_file: Option<PathBuf>, cert_file: Option<PathBuf>, key_file: Option<PathBuf>, insecure_skip_verify: bool }
    #[doc = "The keys of `kafka.sasl`."]
    KafkaSasl { enable: bool, username: String, password: Secret, mechanism: String }
    #[doc = "The keys of `kafka.avro`."]
    KafkaAvro { #[serde(rename = "schemaID")] schema_id: String, schema: String }
    #[doc = "The keys of `kinesis`."]
    Kinesis { stream_name: String, region: String, layout: LayoutKey, endpoint: String }
    #[doc = "The keys of `firehose`."]
    Firehose { delivery_stream_name: String, region: String, layout: LayoutKey, de_dot: bool, endpoint: String }
    #[doc = "The keys of `sns`."]
    Sns { #[serde(rename = "topicARN")] topic_arn: String, region: String, layout: LayoutKey, endpoint: String }
    #[doc = "The keys of `sqs`."]
    Sqs { queue_name: String, region: String, layout: LayoutKey, endpoint: String }
    #[doc = "The keys of `eventbridge`."]
    Eventbridge { detail_type: String, details: LayoutKey, source: String, event_bus_name: String, region: String, endpoint: String }
    #[doc = "The keys of `opscenter`."]
    Opscenter {
        title: TextKey, description: TextKey, source: TextKey, category: TextKey, severity: TextKey, priority: TextKey,
        notifications: Vec<TextKey>, operational_data: BTreeMap<String, TextKey>, tags: BTreeMap<String, TextKey>,
        related_ops_items: Vec<TextKey>, region: String, endpoint: String,
    }
    #[doc = "The keys of `pubsub`."]
    Pubsub {
        #[serde(rename = "gcloud_project_id")] gcloud_project_id: String,
        topic: String,
        #[serde(rename = "create_topic")] create_topic: bool,
        endpoint: String,
    }
    #[doc = "The keys of `bigquery`."]
    Bigquery {
        location: String, project: String, dataset: String, table: String,
        #[serde(rename = "credentials_path")] credentials_path: PathBuf,
        #[serde(rename = "batch_size")] batch_size: u64,
        #[serde(rename = "max_retries")] max_retries: u64,
        #[serde(rename = "interval_seconds")] interval_seconds: u64,
        #[serde(rename = "timeout_seconds")] timeout_seconds: u64,
        endpoint: String,
    }
    #[doc = "The keys of `syslog`."]
    Syslog { network: String, address: String, tag: String }
    #[doc = "`inMemory` has no keys."]
    InMemory {}
}
