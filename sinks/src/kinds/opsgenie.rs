//! `opsgenie`: an alert for each event (Opsgenie Alert API v2, "Create Alert").
//!
//! `alias` is the idempotency key: Opsgenie counts an open alert's repeats instead of opening another. 202 is acceptance. 401 and 403 are outages, 422 and an
//! empty message are permanent, 429 wants a pause. Texts longer than the API takes are cut with an ellipsis. Several events at once, which a rate limit
//! leaves, become one summary.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{
    config::{Located, Secret},
    event::to_go_json,
};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{self, Address, Answer},
    keys::Keys,
    registry::Built,
    render::{Body, Secrecy, Text, TextKey, Texts},
    sink::{Item, Refusal, SendError, Sink, encoded},
    summary::{self, shorten},
    tls::Tls,
};

/// The keys of `opsgenie`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Key of an API integration.
    pub api_key: Secret,
    /// Host of the API, `api.opsgenie.com` or `api.eu.opsgenie.com`; a whole address is taken too.
    #[serde(rename = "URL")]
    #[schemars(with = "String")]
    pub url: Located<String>,
    /// `P1` to `P5`.
    priority: TextKey,
    /// The alert's text; cut at 130 characters.
    message: TextKey,
    /// What makes two alerts the same; the event's UID when it is not set.
    alias: TextKey,
    /// The long text; cut at 15,000 characters.
    description: TextKey,
    /// Tags; the first 20 are sent.
    tags: Vec<TextKey>,
    /// More fields.
    details: BTreeMap<String, TextKey>,
    /// TLS settings.
    pub tls: Tls,
}

const DEFAULT_PRIORITY: &str = "P3";
const DEFAULT_HOST: &str = "api.opsgenie.com";
// Limits of "Create Alert", in characters; a byte is at most one.
const LONGEST_MESSAGE: usize = 130;
const LONGEST_ALIAS: usize = 512;
const LONGEST_DESCRIPTION: usize = 15_000;
const LONGEST_TAG: usize = 50;
const MOST_TAGS: usize = 20;

struct Opsgenie {
    address: Address,
    authorization: HeaderValue,
    priority: Text,
    message: Text,
    alias: Text,
    description: Text,
    tags: Vec<Text>,
    details: Texts,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("apiKey", "give the key of an API integration");
    keys.required("message", "say what the alert is called, a template");
    let authorization = http::secret(&format!("GenieKey {}", config.api_key.expose()), keys, "apiKey");
    let priority = keys.text(&config.priority, Secrecy::Public);
    if priority.is_fixed() {
        keys.one_of("priority", &["P1", "P2", "P3", "P4", "P5"]);
    }
    let url = keys.address("URL", &with_scheme(&config.url.value));
    let client = http::client(keys, &config.tls, summary::CHAT.timeout);
    let message = keys.text(&config.message, Secrecy::Public);
    let alias = keys.text(&config.alias, Secrecy::Public);
    let description = keys.text(&config.description, Secrecy::Public);
    let tags = config.tags.iter().map(|tag| keys.text(tag, Secrecy::Public)).collect();
    let details = Texts::new(&config.details, keys);
    let address = Address::new(&client?, url?).below(&["v2", "alerts"]);
    let sink = Opsgenie { address, authorization: authorization?, priority, message, alias, description, tags, details };
    Some(Built { sink: Box::new(sink), defaults: summary::CHAT, body: Body::default() })
}

/// A bare host is reached by TLS when it is the API's, as kubernetes-event-exporter does.
fn with_scheme(url: &str) -> String {
    match url {
        "" => format!("https://{DEFAULT_HOST}"),
        url if url.contains("://") => url.to_owned(),
        host if host.contains("api") => format!("https://{host}"),
        host => format!("http://{host}"),
    }
}

/// The body of "Create Alert", keys in the order of Opsgenie's own client.
#[derive(Serialize)]
struct Alert {
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    alias: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
    priority: String,
}

impl Sink for Opsgenie {
    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        encode(&self.alert(item)?)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let alert = match batch {
                [] => return Ok(()),
                [item] => self.alert(item),
                several => self.summary(several),
            };
            let body = alert.and_then(|alert| encode(&alert)).map_err(SendError::Refused)?;
            let request = self
                .address
                .post()
                .header(AUTHORIZATION, self.authorization.clone())
                .header(ACCEPT, "application/json")
                .header(CONTENT_TYPE, "application/json; charset=utf-8")
                .body(body);
            Answer::to(request, self.address.shown(), http::REASON).await?.accepted(self.address.shown())
        })
    }
}

impl Opsgenie {
    fn alert(&self, item: &Item) -> Result<Alert, Refusal> {
        let message = self.message.of(item)?;
        if message.is_empty() {
            return Err(Refusal::permanent("the message is empty, Opsgenie takes no such alert".to_owned()));
        }
        Ok(Alert {
            message: shorten(&message, LONGEST_MESSAGE),
            alias: shorten(&self.alias.of(item)?, LONGEST_ALIAS),
            description: shorten(&self.description.of(item)?, LONGEST_DESCRIPTION),
            tags: self.tags.iter().take(MOST_TAGS).map(|tag| Ok(shorten(&tag.of(item)?, LONGEST_TAG))).collect::<Result<_, Refusal>>()?,
            details: self.details.of(item).map(|detail| detail.map(|(name, text)| (name.to_owned(), text))).collect::<Result<_, _>>()?,
            priority: self.priority(item)?,
        })
    }

    fn priority(&self, item: &Item) -> Result<String, Refusal> {
        if self.priority.is_empty() { Ok(DEFAULT_PRIORITY.to_owned()) } else { self.priority.of(item) }
    }

    /// One alert for what a rate limit held back; the first event's identity tells it from other summaries.
    fn summary(&self, items: &[Item]) -> Result<Alert, Refusal> {
        let text = summary::text(items)?;
        Ok(Alert {
            message: shorten(text.lines().next().unwrap_or_default(), LONGEST_MESSAGE),
            alias: shorten(&format!("herald/{}", items[0].identity), LONGEST_ALIAS),
            description: text,
            tags: Vec::new(),
            details: BTreeMap::new(),
            priority: self.priority(&items[0])?,
        })
    }
}

/// As Go's `json.Encoder` writes it, with a line feed at the end.
fn encode(alert: &Alert) -> Result<Bytes, Refusal> {
    let mut body = encoded(to_go_json(alert))?;
    body.push(b'\n');
    Ok(body.into())
}
