//! `opscenter`: an OpsItem for each event (AWS Systems Manager API, `CreateOpsItem`).
//!
//! The event's identity is the item's deduplication string (`/aws/dedup` of the operational data) unless the configuration gives one: OpsCenter opens no second
//! item while the first is not resolved, and what it says then is as good as acceptance. Titles and descriptions longer than the API takes are cut.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    aws::{self, Access, Api, CredentialKeys, JSON_1_1, Operation, Protocol, Service},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, Secrecy, Text, TextKey, Texts},
    sink::{Item, Refusal, SendError, Sink},
    summary::shorten,
    tls::Tls,
};

/// The keys of `opscenter`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The item's title; cut at 1,024 bytes.
    title: TextKey,
    /// What the item is about; cut at 2,048 bytes.
    description: TextKey,
    /// Where the item comes from.
    source: TextKey,
    /// `Availability`, `Cost`, `Performance`, `Recovery` or `Security`.
    category: TextKey,
    /// `1` to `4`.
    severity: TextKey,
    /// A whole number; AWS takes 1 to 5.
    priority: TextKey,
    /// ARNs of the topics that hear of the item's changes.
    notifications: Vec<TextKey>,
    /// Searchable operational data.
    operational_data: BTreeMap<String, TextKey>,
    /// Tags of the item.
    tags: BTreeMap<String, TextKey>,
    /// Ids of items that this one has to do with.
    related_ops_items: Vec<TextKey>,
    /// Region; the environment's when it is not set.
    pub region: String,
    /// Address of the service, when it is not AWS's own for the region.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// Who to be at AWS.
    credentials: CredentialKeys,
    /// TLS settings.
    pub tls: Tls,
}

const DEFAULTS: Defaults = Defaults { batch: 1, max_batch: 1, concurrency: 1, ..aws::DEFAULTS };
// Limits of "CreateOpsItem", in characters; a byte is at most one.
const LONGEST_TITLE: usize = 1_024;
const LONGEST_DESCRIPTION: usize = 2_048;
const SERVICE: Service = Service { name: "ssm", protocol: Protocol::Json { version: JSON_1_1, prefix: "AmazonSSM" } };
const CREATE: Operation = Operation { name: "CreateOpsItem", permission: "ssm:CreateOpsItem" };
/// What OpsCenter says of an item that it has under the same deduplication string.
const THERE: &str = "OpsItemAlreadyExistsException";
/// The operational data that holds the deduplication string.
const DEDUPLICATION: &str = "/aws/dedup";
const NO_PRIORITY: &str = "expected a whole number, or a template that gives one";

struct OpsCenter {
    api: Api,
    title: Text,
    description: Text,
    source: Text,
    category: Text,
    severity: Text,
    priority: Text,
    notifications: Vec<Text>,
    operational_data: Texts,
    tags: Texts,
    related: Vec<Text>,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("title", "say what the item is called, a template");
    keys.required("description", "say what the item is about, a template");
    keys.required("source", "say where the events come from");
    let mut text = |key: &TextKey| keys.text(key, Secrecy::Public);
    let (title, description, source) = (text(&config.title), text(&config.description), text(&config.source));
    let (category, severity, priority) = (text(&config.category), text(&config.severity), text(&config.priority));
    let notifications = config.notifications.iter().map(&mut text).collect();
    let related = config.related_ops_items.iter().map(&mut text).collect();
    if let Text::Fixed(number) = &priority {
        keys.require(number.is_empty() || number.parse::<i64>().is_ok(), "priority", NO_PRIORITY);
    }
    let operational_data = Texts::new(&config.operational_data, keys);
    let tags = Texts::new(&config.tags, keys);
    let Config { region, endpoint, credentials, tls, .. } = &config;
    let api = Api::new(keys, SERVICE, &Access { region, endpoint, credentials, tls })?;
    let sink = OpsCenter { api, title, description, source, category, severity, priority, notifications, operational_data, tags, related };
    Some(Built { sink: Box::new(sink), defaults: DEFAULTS, body: Body::default() })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(skip_serializing_if = "String::is_empty")]
    category: String,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notifications: Vec<Notification>,
    operational_data: BTreeMap<String, Datum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_ops_items: Vec<Related>,
    #[serde(skip_serializing_if = "String::is_empty")]
    severity: String,
    source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    title: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    #[serde(rename = "Type")]
    type_: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Related {
    ops_item_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

impl Sink for OpsCenter {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(self.api.log_in())
    }

    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        aws::encode(&self.item(item)?).map(Bytes::from)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            for item in batch {
                let body = self.item(item).and_then(|item| aws::encode(&item)).map_err(SendError::Refused)?;
                match self.api.call(CREATE, body).await {
                    Err(failure) if failure.code != THERE => return Err(failure.into()),
                    _ => {}
                }
            }
            Ok(())
        })
    }
}

impl OpsCenter {
    fn item(&self, item: &Item) -> Result<Request, Refusal> {
        let each = |texts: &[Text]| texts.iter().map(|text| text.of(item)).collect::<Result<Vec<_>, _>>();
        let required = |name: &str, text: &Text| match text.of(item)? {
            empty if empty.is_empty() => Err(Refusal::permanent(format!("{name} is empty, OpsCenter takes no such item"))),
            text => Ok(text),
        };
        let datum = |value: String| Datum { type_: "SearchableString", value };
        let mut operational_data = self.operational_data.of(item).map(|one| one.map(|(name, value)| (name.to_owned(), datum(value))));
        let mut operational_data = operational_data.by_ref().collect::<Result<BTreeMap<_, _>, _>>()?;
        let deduplication = || datum(serde_json::json!({ "dedupString": aws::identifier(&item.identity, 128) }).to_string());
        operational_data.entry(DEDUPLICATION.to_owned()).or_insert_with(deduplication);
        let tags = self.tags.of(item).map(|tag| tag.map(|(key, value)| Tag { key: key.to_owned(), value }));
        Ok(Request {
            category: self.category.of(item)?,
            description: shorten(&required("description", &self.description)?, LONGEST_DESCRIPTION),
            notifications: each(&self.notifications)?.into_iter().map(|arn| Notification { arn }).collect(),
            operational_data,
            priority: self.priority(item)?,
            related_ops_items: each(&self.related)?.into_iter().map(|ops_item_id| Related { ops_item_id }).collect(),
            severity: self.severity.of(item)?,
            source: required("source", &self.source)?,
            tags: tags.collect::<Result<_, _>>()?,
            title: shorten(&required("title", &self.title)?, LONGEST_TITLE),
        })
    }

    fn priority(&self, item: &Item) -> Result<Option<i64>, Refusal> {
        let text = self.priority.of(item)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| Refusal::permanent(format!("priority is {text:?}, {NO_PRIORITY}")))
    }
}
