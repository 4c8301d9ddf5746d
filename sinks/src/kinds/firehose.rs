//! `firehose`: records in a delivery stream (Amazon Data Firehose API, `PutRecordBatch`).
//!
//! One record an event. Firehose has no idempotency key: a repeat is a second record. What of a batch it had no capacity for is sent
//! again alone, after a pause.

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

/// The keys of `firehose`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Name of the delivery stream, which takes direct puts.
    pub delivery_stream_name: String,
    /// Region of the delivery stream; the environment's when it is not set.
    pub region: String,
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
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

// A request holds 500 records and 4 MiB.
const DEFAULTS: Defaults = Defaults { batch: 500, max_batch: 500, max_bytes: 4 << 20, concurrency: 2, ..aws::DEFAULTS };
/// Largest record.
const LARGEST: usize = 1_000 << 10;
const SERVICE: Service = Service { name: "firehose", protocol: Protocol::Json { version: JSON_1_1, prefix: "Firehose_20150804" } };
const PUT: Operation = Operation { name: "PutRecordBatch", permission: "firehose:PutRecordBatch" };
const DESCRIBE: Operation = Operation { name: "DescribeDeliveryStream", permission: "firehose:DescribeDeliveryStream" };

struct Firehose {
    api: Api,
    stream: String,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("deliveryStreamName", "name the delivery stream");
    let Config { delivery_stream_name, region, de_dot, endpoint, credentials, tls, layout: _ } = &config;
    aws::require_name(keys, "deliveryStreamName", delivery_stream_name, 64, "_.-");
    let api = Api::new(keys, SERVICE, &Access { region, endpoint, credentials, tls });
    let body = Body::new(keys, *de_dot);
    Some(Built { sink: Box::new(Firehose { api: api?, stream: delivery_stream_name.clone() }), defaults: DEFAULTS, body })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    delivery_stream_name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Record>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    request_responses: Vec<Outcome>,
}

impl Sink for Firehose {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async {
            let request = aws::encode(&Request { delivery_stream_name: &self.stream, records: Vec::new() }).map_err(SendError::Refused)?;
            self.api.look(DESCRIBE, request).await
        })
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = self.encode(batch).map_err(SendError::Refused)?;
            let answered: Answered = aws::decode(&self.api.call(PUT, body).await?, PUT)?;
            Outcome::settle(&answered.request_responses, batch.len(), true, PUT)
        })
    }
}

impl Firehose {
    fn encode(&self, batch: &[Item]) -> Result<String, Refusal> {
        let record = |item: &Item| {
            aws::fits(item.body.len(), LARGEST, "a record of Firehose")?;
            Ok(Record { data: BASE64.encode(&item.body) })
        };
        let records = batch.iter().map(record).collect::<Result<_, Refusal>>()?;
        aws::encode(&Request { delivery_stream_name: &self.stream, records })
    }
}
