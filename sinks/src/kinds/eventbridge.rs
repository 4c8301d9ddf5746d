//! `eventbridge`: events on a bus (Amazon EventBridge API, `PutEvents`).
//!
//! Each has the event's own time. EventBridge has no idempotency key: a repeat is a second event, whose `detail` tells that it is the same. Each entry of a
//! batch has an answer of its own.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    aws::{self, Access, Api, CredentialKeys, JSON_1_1, Operation, Outcome, Protocol, Service},
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `eventbridge`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// What kind of events these are, for rules to match.
    pub detail_type: String,
    /// Where the events come from, for rules to match.
    pub source: String,
    /// Name or ARN of the bus; the account's default bus when it is not set.
    pub event_bus_name: String,
    /// Region of the bus; the environment's when it is not set.
    pub region: String,
    /// Address of the service, when it is not AWS's own for the region.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// Who to be at AWS.
    credentials: CredentialKeys,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent as the event's detail instead of the whole event, like a `layout`.
    details: LayoutKey,
}

/// Largest entry; what is larger than a batch goes alone.
const LARGEST: usize = 1 << 20;
/// What an entry's time counts for.
const TIME: usize = 14;
const SERVICE: Service = Service { name: "events", protocol: Protocol::Json { version: JSON_1_1, prefix: "AWSEvents" } };
const PUT: Operation = Operation { name: "PutEvents", permission: "events:PutEvents" };
const DESCRIBE: Operation = Operation { name: "DescribeEventBus", permission: "events:DescribeEventBus" };

struct EventBridge {
    api: Api,
    detail_type: String,
    source: String,
    bus: Option<String>,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("detailType", "say what kind of events these are");
    keys.required("source", "say where the events come from");
    let Config { detail_type, source, event_bus_name, region, endpoint, credentials, tls, details: _ } = &config;
    let is_ours = !source.starts_with("aws.");
    keys.require(is_ours, "source", "expected a name that does not begin with aws., which AWS keeps for itself");
    aws::require_name(keys, "eventBusName", event_bus_name, 1600, "/._-:");
    let api = Api::new(keys, SERVICE, &Access { region, endpoint, credentials, tls });
    let body = Body::named(keys, "details", false);
    let bus = (!event_bus_name.is_empty()).then(|| event_bus_name.clone());
    let sink = EventBridge { api: api?, detail_type: detail_type.clone(), source: source.clone(), bus };
    Some(Built { sink: Box::new(sink), defaults: aws::DEFAULTS, body })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Describe<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    detail: String,
    detail_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_bus_name: Option<&'a str>,
    source: &'a str,
    /// Seconds since 1970.
    time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    entries: Vec<Outcome>,
}

impl Sink for EventBridge {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async {
            let request = aws::encode(&Describe { name: self.bus.as_deref() }).map_err(SendError::Refused)?;
            self.api.look(DESCRIBE, request).await
        })
    }

    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        self.encode(std::slice::from_ref(item)).map(Bytes::from)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = self.encode(batch).map_err(SendError::Refused)?;
            let answered: Answered = aws::decode(&self.api.call(PUT, body).await?, PUT)?;
            Outcome::settle(&answered.entries, batch.len(), false, PUT)
        })
    }
}

impl EventBridge {
    fn encode(&self, batch: &[Item]) -> Result<String, Refusal> {
        let entries = batch.iter().map(|item| self.entry(item)).collect::<Result<_, _>>()?;
        aws::encode(&Request { entries })
    }

    fn entry(&self, item: &Item) -> Result<Entry<'_>, Refusal> {
        aws::fits(item.body.len() + self.source.len() + self.detail_type.len() + TIME, LARGEST, "an entry of EventBridge")?;
        Ok(Entry {
            detail: String::from_utf8_lossy(&item.body).into_owned(),
            detail_type: &self.detail_type,
            event_bus_name: self.bus.as_deref(),
            source: &self.source,
            time: item.enriched()?.event.happened().unwrap_or_else(Timestamp::now).as_second(),
        })
    }
}
