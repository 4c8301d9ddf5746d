//! `otlp`: log records of OpenTelemetry (OTLP 1.9, logs, protobuf over HTTP or gRPC).
//!
//! A batch is one export. A record is the event, with its identity as `log.record.uid`, the same on every repeat. Codes that the specification lets be repeated
//! are outages, like a wrong login or address; an invalid request is permanent. A partial success says how many records were rejected and not which: the records are
//! then tried one by one, which may repeat those that were accepted, and those rejected again become dead letters with the reason given.

mod answer;
mod grpc;
mod record;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use self::{grpc::LogsService, record::Records};
use crate::{
    http::{self, Address, Answer, Compression, Headers},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey, TextKey, Texts},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `otlp`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Address of the OTLP endpoint.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// How it is spoken to.
    protocol: Protocol,
    /// More headers, or metadata of gRPC, each a template.
    headers: BTreeMap<String, TextKey>,
    /// More attributes of the resource, each a template.
    resource_attributes: BTreeMap<String, TextKey>,
    /// More attributes of the record, each a template.
    attributes: BTreeMap<String, TextKey>,
    /// How exports are compressed.
    compression: Compression,
    /// TLS settings.
    pub tls: Tls,
    /// What the record's body is instead of the message.
    layout: LayoutKey,
}

/// The transports of OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    /// Protobuf over HTTP.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

const DEFAULTS: Defaults =
    Defaults { batch: 512, max_batch: 10_000, max_bytes: 2 << 20, concurrency: 2, timeout: Duration::from_secs(10), summarises: false };
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
/// Largest answer read.
const ANSWER: usize = 1 << 20;

struct Otlp {
    transport: Transport,
    address: Address,
    headers: Headers,
    has_headers: bool,
    records: Records,
    compression: Compression,
}

enum Transport {
    Http,
    Grpc(Box<LogsService>),
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("endpoint", "name the collector's address, for example http://collector:4318");
    let endpoint = keys.addresses("endpoint").into_iter().next();
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http") {
        keys.unused("tls", "an http address is asked without TLS, give an https address");
    }
    let (headers, body) = (Headers::new(&config.headers, keys), Body::new(keys, false));
    let records = Records {
        resource_attributes: Texts::new(&config.resource_attributes, keys),
        attributes: Texts::new(&config.attributes, keys),
        has_layout: !body.is_whole_event(),
    };
    let client = http::client(keys, &config.tls, DEFAULTS.timeout);
    let (endpoint, timeout) = (endpoint?, keys.receiver.timeout_or(DEFAULTS.timeout));
    let transport = match config.protocol {
        Protocol::Http => Transport::Http,
        Protocol::Grpc => Transport::Grpc(Box::new(LogsService::new(keys, &endpoint, &config.tls, config.compression, timeout)?)),
    };
    let is_bare = matches!(endpoint.path(), "" | "/");
    let address = Address::new(&client?, endpoint).hide_path(config.endpoint.hidden);
    // An address without a path is the collector's, for all signals.
    let address = if config.protocol == Protocol::Http && is_bare { address.below(&["v1", "logs"]) } else { address };
    let has_headers = !config.headers.is_empty();
    let sink = Otlp { transport, address, headers, has_headers, records, compression: config.compression };
    Some(Built { sink: Box::new(sink), defaults: DEFAULTS, body })
}

impl Sink for Otlp {
    /// An export of nothing, which every server has to take; headers, which may be its login, need an event.
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async {
            if self.has_headers { Ok(()) } else { self.export(ExportLogsServiceRequest::default(), HeaderMap::new(), 0).await }
        })
    }

    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        let export = self.records.export(std::slice::from_ref(item), Timestamp::now())?;
        Ok(format!("{export:#?}").into())
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let Some(first) = batch.first() else { return Ok(()) };
            let headers = self.headers.render(first).map_err(SendError::Refused)?;
            let export = self.records.export(batch, Timestamp::now()).map_err(SendError::Refused)?;
            self.export(export, headers, batch.len()).await
        })
    }
}

impl Otlp {
    async fn export(&self, export: ExportLogsServiceRequest, mut headers: HeaderMap, records: usize) -> Result<(), SendError> {
        let shown = self.address.shown();
        match &self.transport {
            Transport::Http => {
                headers.insert(CONTENT_TYPE, PROTOBUF);
                let (encoding, body) = self.compression.apply(export.encode_to_vec());
                if let Some(encoding) = encoding {
                    headers.insert(CONTENT_ENCODING, encoding);
                }
                let answer = Answer::to(self.address.post().headers(headers).body(body), shown, ANSWER).await?;
                answer::of_http(&answer, shown, records)
            }
            Transport::Grpc(service) => match service.export(export, headers).await {
                Ok(response) => answer::accepted(response, shown, records),
                Err(status) => Err(answer::of_grpc(&status, shown)),
            },
        }
    }
}
