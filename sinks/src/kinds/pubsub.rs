//! `pubsub`: messages of Google Cloud Pub/Sub (REST, `projects.topics.publish`).
//!
//! The data of a message is the event; its attributes hold the identity, by which subscribers tell repeats, and what filters of subscriptions ask for. A batch is
//! one request, taken or refused as a whole: what is refused as invalid (400, 413) is tried message by message by the core. A topic that is not there is made
//! when `create_topic` says so; otherwise it is waited for, like a login or a permission that is missing.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    gcp::{self, Access, Google},
    http::{Address, Answer, one_line},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey, Secrecy, Text, TextKey, Texts},
    sink::{Item, Refusal, SendError, Sink, encoded},
    tls::Tls,
};

/// The keys of `pubsub`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// The project's id.
    pub gcloud_project_id: String,
    /// The topic's name.
    pub topic: String,
    /// Whether the topic is made when it is not there.
    pub create_topic: bool,
    /// Messages of the same key are delivered in order, a template; none where empty.
    ordering_key: TextKey,
    /// More attributes of each message, each a template.
    attributes: BTreeMap<String, TextKey>,
    /// JSON file of the credentials; the application default credentials when it is not set.
    pub credentials_path: Option<PathBuf>,
    /// Address of the API instead of Google's own; a plain http address is an emulator's and is sent no credentials.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

/// A request may have 1,000 messages and 10 MB, in which a body takes a third more than its own size.
const DEFAULTS: Defaults =
    Defaults { batch: 500, max_batch: 1_000, max_bytes: 6 << 20, concurrency: 4, timeout: Duration::from_secs(30), summarises: false };
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// An id for each message.
const ANSWER: usize = 1 << 20;

struct Pubsub {
    google: Google,
    topic: Address,
    publish: Address,
    create_topic: bool,
    ordering_key: Text,
    attributes: Texts,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("gcloud_project_id", "name the project");
    keys.required("topic", "name the topic");
    let is_name = !config.topic.contains('/');
    keys.require(is_name, "topic", "expected the topic's name alone, without projects/…/topics/");
    for (name, key) in config.attributes.iter().filter(|(name, _)| name.is_empty() || name.starts_with("goog")) {
        keys.error(key.0.problem(format!("the key {name:?} cannot be an attribute's, which is not empty and does not begin with goog")));
    }
    let (ordering_key, attributes) = (keys.text(&config.ordering_key, Secrecy::Public), Texts::new(&config.attributes, keys));
    let access = Access {
        api: "https://pubsub.googleapis.com",
        scope: "https://www.googleapis.com/auth/pubsub",
        endpoint: &config.endpoint,
        credentials: config.credentials_path.as_deref(),
        tls: &config.tls,
        timeout: DEFAULTS.timeout,
    };
    let (google, body) = (Google::new(keys, &access), Body::new(keys, false));
    let google = google?;
    let topics = google.base.below(&["v1", "projects", &config.gcloud_project_id, "topics"]);
    let (topic, publish) = (topics.below(&[&config.topic]), topics.below(&[&format!("{}:publish", config.topic)]));
    // Two requests at a time would break the order.
    let concurrency = if ordering_key.is_empty() { DEFAULTS.concurrency } else { 1 };
    let sink = Pubsub { google, topic, publish, create_topic: config.create_topic, ordering_key, attributes };
    Some(Built { sink: Box::new(sink), defaults: Defaults { concurrency, ..DEFAULTS }, body })
}

#[derive(Serialize)]
struct Publish<'a> {
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    data: String,
    attributes: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    ordering_key: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Published {
    message_ids: Vec<String>,
}

impl Sink for Pubsub {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async {
            let answer = self.google.call(self.topic.get(), self.topic.shown(), ANSWER).await?;
            match answer.status {
                StatusCode::NOT_FOUND if self.create_topic => self.create().await,
                // Who may publish need not be allowed to look.
                StatusCode::FORBIDDEN => Ok(()),
                _ => gcp::accepted(&answer, self.topic.shown()),
            }
        })
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = self.encode(batch).map_err(SendError::Refused)?;
            let mut answer = self.publish(&body).await?;
            if answer.status == StatusCode::NOT_FOUND && self.create_topic {
                self.create().await?;
                answer = self.publish(&body).await?;
            }
            let shown = self.publish.shown();
            gcp::accepted(&answer, shown)?;
            let ids = serde_json::from_slice::<Published>(&answer.body).unwrap_or_default().message_ids.len();
            if ids == batch.len() {
                return Ok(());
            }
            let said = one_line(&String::from_utf8_lossy(&answer.body));
            Err(SendError::outage(format!("{shown} answered {ids} ids to {} messages, this is not Pub/Sub: {said}", batch.len())))
        })
    }
}

impl Pubsub {
    async fn publish(&self, body: &Bytes) -> Result<Answer, SendError> {
        let request = self.publish.post().header(CONTENT_TYPE, JSON).body(body.clone());
        self.google.call(request, self.publish.shown(), ANSWER).await
    }

    /// Makes the topic, unless another has made it meanwhile.
    async fn create(&self) -> Result<(), SendError> {
        let request = self.topic.put().header(CONTENT_TYPE, JSON).body("{}");
        let answer = self.google.call(request, self.topic.shown(), ANSWER).await?;
        if answer.status == StatusCode::CONFLICT { Ok(()) } else { gcp::accepted(&answer, self.topic.shown()) }
    }

    fn encode(&self, batch: &[Item]) -> Result<Bytes, Refusal> {
        let messages = batch.iter().map(|item| self.message(item)).collect::<Result<_, _>>()?;
        encoded(serde_json::to_vec(&Publish { messages })).map(Bytes::from)
    }

    fn message<'a>(&'a self, item: &'a Item) -> Result<Message<'a>, Refusal> {
        let enriched = item.enriched()?;
        let event = &enriched.event;
        let own = [
            ("identity", &item.identity),
            ("cluster", &enriched.cluster_name),
            ("type", &event.type_),
            ("reason", &event.reason),
            ("kind", &event.involved_object.kind),
            ("namespace", &event.involved_object.namespace),
        ];
        let mut attributes: BTreeMap<&str, String> =
            own.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.clone())).collect();
        for attribute in self.attributes.of(item) {
            let (name, value) = attribute?;
            attributes.insert(name, value);
        }
        Ok(Message { data: BASE64.encode(&item.body), attributes, ordering_key: self.ordering_key.of(item)? })
    }
}
