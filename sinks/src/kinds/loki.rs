//! `loki`: log lines (Grafana Loki HTTP API, `POST /loki/api/v1/push`, JSON).
//!
//! A line is the event, its time the event's own in nanoseconds. Loki keeps a line of the same time and text once, which makes repeats harmless. Events with the
//! same labels share a stream of the request. 204 is acceptance; 400 is permanent, and the core then finds the line that is at fault; 429 wants a pause. What
//! Loki refuses as too old or too far behind is sent again with the present time: the line holds the event's own times, and nothing is lost.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{
    config::{Located, Secret},
    event::to_go_json,
};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{self, Address, Answer, Compression, Headers, Login},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey, Secrecy, Text, TextKey, Texts},
    sink::{Item, Refusal, SendError, Sink, encoded},
    tls::Tls,
};

/// The keys of `loki`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Address of the push API.
    #[schemars(with = "String")]
    pub url: Located<String>,
    /// Labels of the stream, each a template; without any it is `job="kubernetes-events"`.
    stream_labels: BTreeMap<String, TextKey>,
    /// Most different label sets that templates may make; further ones get `other` as the value of each templated label. 0 means 1,000.
    pub max_streams: usize,
    /// Structured metadata of each line, each a template.
    structured_metadata: BTreeMap<String, TextKey>,
    /// Sent as `X-Scope-OrgID`.
    #[serde(rename = "tenantID")]
    tenant_id: TextKey,
    /// User for basic authentication.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// Token for bearer authentication.
    pub bearer_token: Secret,
    /// More headers, each a template.
    headers: BTreeMap<String, TextKey>,
    /// How the request's body is compressed.
    compression: Compression,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

const DEFAULTS: Defaults =
    Defaults { batch: 1_000, max_batch: 10_000, max_bytes: 3 << 20, concurrency: 2, timeout: Duration::from_secs(10), summarises: false };
const MOST_STREAMS: usize = 1_000;
const DEFAULT_LABEL: (&str, &str) = ("job", "kubernetes-events");
const OTHER: &str = "other";
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");
/// What Loki says of a line whose time it does not take.
const WRONG_TIME: [&str; 4] = ["timestamp too old", "too far behind", "out of order", "too far in the past"];

type LabelSet = BTreeMap<String, String>;

struct Loki {
    address: Address,
    headers: Headers,
    authorization: Option<HeaderValue>,
    tenant: Text,
    labels: Labels,
    structured_metadata: Texts,
    compression: Compression,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("url", "name the address to push to, which ends with /loki/api/v1/push");
    let url = keys.addresses("url").into_iter().next();
    let client = http::client(keys, &config.tls, DEFAULTS.timeout);
    let headers = Headers::new(&config.headers, keys);
    let authorization = Login { user: &config.username, password: &config.password, bearer: &config.bearer_token }.header(keys);
    let tenant = keys.text(&config.tenant_id, Secrecy::Public);
    let labels = Labels::new(&config, keys);
    let structured_metadata = Texts::new(&config.structured_metadata, keys);
    let body = Body::new(keys, false);
    let address = Address::new(&client?, url?).hide_path(config.url.hidden);
    let sink = Loki { address, headers, authorization, tenant, labels, structured_metadata, compression: config.compression };
    Some(Built { sink: Box::new(sink), defaults: DEFAULTS, body })
}

/// The labels of streams, and the guard against more streams than Loki stands.
struct Labels {
    texts: Vec<(String, Text)>,
    most: usize,
    seen: Mutex<HashSet<LabelSet>>,
}

impl Labels {
    fn new(config: &Config, keys: &mut Keys<'_>) -> Self {
        let mut texts = Vec::new();
        for (name, key) in &config.stream_labels {
            let mut characters = name.chars();
            let is_label = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_label {
                keys.error(key.0.problem("the key is no label of Loki's, use letters, digits and _, no digit first".to_owned()));
            }
            texts.push((name.clone(), keys.text(key, Secrecy::Public)));
        }
        if texts.is_empty() {
            let (name, value) = DEFAULT_LABEL;
            texts.push((name.to_owned(), Text::Fixed(value.to_owned())));
        }
        let most = if config.max_streams == 0 { MOST_STREAMS } else { config.max_streams };
        Self { texts, most, seen: Mutex::default() }
    }

    fn of(&self, item: &Item) -> Result<LabelSet, Refusal> {
        let set: LabelSet = self.texts.iter().map(|(name, text)| Ok((name.clone(), text.of(item)?))).collect::<Result<_, Refusal>>()?;
        if self.texts.iter().all(|(_, text)| text.is_fixed()) {
            return Ok(set);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&set) {
            return Ok(set);
        }
        if seen.len() < self.most {
            seen.insert(set.clone());
            return Ok(set);
        }
        let other = |(name, text): &(String, Text)| match text {
            Text::Fixed(value) => (name.clone(), value.clone()),
            Text::Template(..) => (name.clone(), OTHER.to_owned()),
        };
        Ok(self.texts.iter().map(other).collect())
    }
}

/// A request's body.
#[derive(Serialize)]
struct Push {
    streams: Vec<Stream>,
}

#[derive(Serialize)]
struct Stream {
    stream: LabelSet,
    values: Vec<Entry>,
}

/// Time in nanoseconds, line, and structured metadata where there is some.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Plain(String, String),
    WithMetadata(String, String, BTreeMap<String, String>),
}

impl Sink for Loki {
    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        Ok(self.encode(std::slice::from_ref(item), None)?.into())
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let Some(first) = batch.first() else { return Ok(()) };
            match self.push(batch, None).await {
                Err(SendError::Refused(refusal)) if batch.len() == 1 && WRONG_TIME.iter().any(|text| refusal.reason.contains(text)) => {
                    tracing::debug!(event = first.identity, reason = refusal.reason, "sent again with the present time");
                    self.push(batch, Some(Timestamp::now())).await
                }
                result => result,
            }
        })
    }
}

impl Loki {
    async fn push(&self, batch: &[Item], at: Option<Timestamp>) -> Result<(), SendError> {
        let body = self.encode(batch, at).map_err(SendError::Refused)?;
        let mut headers = self.headers(&batch[0]).map_err(SendError::Refused)?;
        let (encoding, body) = self.compression.apply(body);
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, encoding);
        }
        let request = self.address.post().headers(headers).body(body);
        Answer::to(request, self.address.shown(), http::REASON).await?.accepted(self.address.shown())
    }

    fn headers(&self, item: &Item) -> Result<HeaderMap, Refusal> {
        let mut headers = self.headers.render(item)?;
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if !self.tenant.is_empty() {
            let tenant = HeaderValue::try_from(self.tenant.of(item)?)
                .map_err(|_| Refusal::permanent("tenantID holds a line break or control character".to_owned()))?;
            headers.insert(TENANT, tenant);
        }
        Ok(headers)
    }

    fn encode(&self, batch: &[Item], at: Option<Timestamp>) -> Result<Vec<u8>, Refusal> {
        let mut streams: BTreeMap<LabelSet, Vec<Entry>> = BTreeMap::new();
        for item in batch {
            streams.entry(self.labels.of(item)?).or_default().push(self.entry(item, at)?);
        }
        let streams = streams.into_iter().map(|(stream, values)| Stream { stream, values }).collect();
        encoded(to_go_json(&Push { streams }))
    }

    fn entry(&self, item: &Item, at: Option<Timestamp>) -> Result<Entry, Refusal> {
        let at = match at {
            Some(at) => at,
            None => item.enriched()?.event.happened().unwrap_or_else(Timestamp::now),
        };
        let (time, line) = (at.as_nanosecond().to_string(), String::from_utf8_lossy(&item.body).into_owned());
        if self.structured_metadata.is_empty() {
            return Ok(Entry::Plain(time, line));
        }
        let metadata = self.structured_metadata.of(item).map(|one| one.map(|(name, text)| (name.to_owned(), text)));
        Ok(Entry::WithMetadata(time, line, metadata.collect::<Result<_, _>>()?))
    }
}
