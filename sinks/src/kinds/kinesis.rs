//! `kinesis`: records in a data stream (Amazon Kinesis Data Streams API, `PutRecords`).
//!
//! The partition key is the event's UID, so that an event's versions share a shard. Kinesis has no idempotency key: a repeat is a second record. What of a
//! batch a shard had no room for is sent again alone, after a pause.

use data_encoding::BASE64;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    aws::{self, Access, Api, CredentialKeys, JSON_1_1, Operation, Outcome, Protocol, Service},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `kinesis`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Name of the stream.
    pub stream_name: String,
    /// Region of the stream; the environment's when it is not set.
    pub region: String,
    /// Address of the service, when it is not AWS's own for the region.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// Who to be at AWS.
    credentials: CredentialKeys,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

// A request holds 500 records and 5 MiB (10 where the stream takes larger records), partition keys included.
const DEFAULTS: Defaults =
    Defaults { batch: 500, max_batch: 500, max_bytes: (5 << 20) - 500 * LONGEST_KEY, concurrency: 2, ..aws::DEFAULTS };
const LONGEST_KEY: usize = 256;
/// Largest record of a stream that was made to take large ones; others refuse more than 1 MiB themselves.
const LARGEST: usize = 10 << 20;
const SERVICE: Service = Service { name: "kinesis", protocol: Protocol::Json { version: JSON_1_1, prefix: "Kinesis_20131202" } };
const PUT: Operation = Operation { name: "PutRecords", permission: "kinesis:PutRecords" };
const DESCRIBE: Operation = Operation { name: "DescribeStreamSummary", permission: "kinesis:DescribeStreamSummary" };

struct Kinesis {
    api: Api,
    stream: String,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("streamName", "name the stream");
    let Config { stream_name, region, endpoint, credentials, tls, layout: _ } = &config;
    aws::require_name(keys, "streamName", stream_name, 128, "_.-");
    let api = Api::new(keys, SERVICE, &Access { region, endpoint, credentials, tls });
    let body = Body::new(keys, false);
    Some(Built { sink: Box::new(Kinesis { api: api?, stream: stream_name.clone() }), defaults: DEFAULTS, body })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    stream_name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Record>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    data: String,
    partition_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    records: Vec<Outcome>,
}

impl Sink for Kinesis {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async {
            let request = aws::encode(&Request { stream_name: &self.stream, records: Vec::new() }).map_err(SendError::Refused)?;
            self.api.look(DESCRIBE, request).await
        })
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = self.encode(batch).map_err(SendError::Refused)?;
            let answered: Answered = aws::decode(&self.api.call(PUT, body).await?, PUT)?;
            Outcome::settle(&answered.records, batch.len(), true, PUT)
        })
    }
}

impl Kinesis {
    fn encode(&self, batch: &[Item]) -> Result<String, Refusal> {
        let records = batch.iter().map(record).collect::<Result<_, _>>()?;
        aws::encode(&Request { stream_name: &self.stream, records })
    }
}

fn record(item: &Item) -> Result<Record, Refusal> {
    let partition_key = aws::group_id(item, LONGEST_KEY)?;
    aws::fits(item.body.len() + partition_key.len(), LARGEST, "a record of Kinesis")?;
    Ok(Record { data: BASE64.encode(&item.body), partition_key })
}
