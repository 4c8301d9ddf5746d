//! `slack`: a message for each event (Slack Web API, `chat.postMessage`).
//!
//! The API has no idempotency key. It answers 200 and says in `ok` and `error` what happened: a bad token or missing right is a fault of the configuration
//! and waited for, `ratelimited` wants a pause, a refused text or channel is permanent. With `repeats: update` or `repeats: thread` the further versions of an
//! event change its message or answer it (`chat.update`, `thread_ts`); which message that is, is remembered for the last events only and forgotten at a
//! restart. Several events at once, which a rate limit leaves, become one summary.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{
    config::{Located, Secret},
    event::to_go_json,
};
use lru::LruCache;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::{
    http::{self, Address, Answer},
    keys::Keys,
    registry::Built,
    render::{Body, Secrecy, Text, TextKey, Texts},
    sink::{Item, Refusal, SendError, Sink, encoded},
    summary,
    tls::Tls,
};

/// The keys of `slack`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// A bot's token (`xoxb-…`) with the scope `chat:write`.
    pub token: Secret,
    /// Name or id of the channel.
    channel: TextKey,
    /// The text; `&`, `<` and `>` are escaped.
    message: TextKey,
    /// Colour of the attachment: `good`, `warning`, `danger` or `#rrggbb`.
    color: TextKey,
    /// Title of the attachment.
    title: TextKey,
    /// Author of the attachment.
    #[serde(rename = "author_name")]
    author_name: TextKey,
    /// Footer of the attachment.
    footer: TextKey,
    /// Fields of the attachment, sorted by name; without them there is no attachment.
    fields: BTreeMap<String, TextKey>,
    /// What becomes of further versions of an event (with `updates: true`).
    pub repeats: Repeats,
    /// Address of the API, when it is not `https://slack.com/api`.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// TLS settings.
    pub tls: Tls,
}

/// What becomes of further versions of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Repeats {
    /// A message of their own.
    #[default]
    New,
    /// They change the first one's message.
    Update,
    /// They answer in the first one's thread.
    Thread,
}

const API: &str = "https://slack.com/api";
/// Events whose message is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).expect("above zero");
/// Answers that are about the configuration and not about the event.
const OUTAGES: &[&str] = &[
    "account_inactive",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "org_login_required",
    "ratelimited",
    "rate_limited",
    "service_unavailable",
    "team_access_not_granted",
    "team_added_to_org",
    "token_expired",
    "token_revoked",
];
/// Answers that may be others the next time.
const PASSING: &[&str] = &["fatal_error", "internal_error", "request_timeout", "accesslimited"];
/// Answers about the channel: a fault of the configuration when that is fixed.
const CHANNEL: &[&str] = &["channel_not_found", "not_in_channel", "is_archived", "restricted_action"];

struct Slack {
    post: Address,
    update: Address,
    authorization: HeaderValue,
    channel: Text,
    message: Text,
    color: Text,
    title: Text,
    author_name: Text,
    footer: Text,
    fields: Texts,
    repeats: Repeats,
    /// Where the message of an event is, by the event's UID.
    messages: Mutex<LruCache<String, Place>>,
}

/// A message: its channel's id and its time stamp, which is its id.
#[derive(Clone)]
struct Place {
    channel: String,
    ts: String,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("token", "give the token of a bot");
    keys.required("channel", "name the channel to post to");
    if config.fields.is_empty() {
        keys.required("message", "say what to post, a template");
    }
    let authorization = http::secret(&format!("Bearer {}", config.token.expose()), keys, "token");
    let endpoint = if config.endpoint.value.is_empty() { API } else { &config.endpoint.value };
    let endpoint = keys.address("endpoint", endpoint);
    let client = http::client(keys, &config.tls, summary::CHAT.timeout);
    let mut text = |key: &TextKey| keys.text(key, Secrecy::Public);
    let (channel, message, color) = (text(&config.channel), text(&config.message), text(&config.color));
    let (title, author_name, footer) = (text(&config.title), text(&config.author_name), text(&config.footer));
    let fields = Texts::new(&config.fields, keys);
    let api = Address::new(&client?, endpoint?);
    let sink = Slack {
        post: api.below(&["chat.postMessage"]),
        update: api.below(&["chat.update"]),
        authorization: authorization?,
        channel,
        message,
        color,
        title,
        author_name,
        footer,
        fields,
        repeats: config.repeats,
        messages: Mutex::new(LruCache::new(REMEMBERED)),
    };
    Some(Built { sink: Box::new(sink), defaults: summary::CHAT, body: Body::default() })
}

/// An attachment, keys in the order of the client that kubernetes-event-exporter uses.
#[derive(Serialize)]
struct Attachment<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    fields: Vec<Field<'a>>,
    blocks: (),
    #[serde(skip_serializing_if = "String::is_empty")]
    footer: String,
}

#[derive(Serialize)]
struct Field<'a> {
    title: &'a str,
    value: String,
    short: bool,
}

/// What the API answers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    ok: bool,
    error: String,
    channel: String,
    ts: String,
}

impl Sink for Slack {
    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        Ok(form(&self.arguments(item)?).into())
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            match batch {
                [] => Ok(()),
                [item] => self.tell(item).await,
                several => {
                    let text = escape(&summary::text(several).map_err(SendError::Refused)?);
                    let channel = self.channel.of(&several[0]).map_err(SendError::Refused)?;
                    self.call(&self.post, &[("channel", channel), ("text", text)]).await.map(drop)
                }
            }
        })
    }
}

impl Slack {
    async fn tell(&self, item: &Item) -> Result<(), SendError> {
        let mut arguments = self.arguments(item).map_err(SendError::Refused)?;
        if self.repeats == Repeats::New {
            return self.call(&self.post, &arguments).await.map(drop);
        }
        let uid = item.enriched().map_err(SendError::Refused)?.event.metadata.uid.clone();
        let first = self.messages.lock().unwrap_or_else(PoisonError::into_inner).get(&uid).cloned();
        let said = match (first, self.repeats) {
            (Some(place), Repeats::Update) => {
                arguments.retain(|(name, _)| *name != "channel");
                arguments.extend([("channel", place.channel), ("ts", place.ts)]);
                self.call(&self.update, &arguments).await?
            }
            (Some(place), _) => {
                arguments.push(("thread_ts", place.ts));
                return self.call(&self.post, &arguments).await.map(drop);
            }
            (None, _) => self.call(&self.post, &arguments).await?,
        };
        if !said.ts.is_empty() {
            let place = Place { channel: said.channel, ts: said.ts };
            self.messages.lock().unwrap_or_else(PoisonError::into_inner).put(uid, place);
        }
        Ok(())
    }

    /// The arguments of `chat.postMessage`, sorted by name.
    fn arguments(&self, item: &Item) -> Result<Vec<(&'static str, String)>, Refusal> {
        let mut arguments = Vec::with_capacity(4);
        if !self.fields.is_empty() {
            let fields = self.fields.of(item).map(|field| field.map(|(title, value)| Field { title, value, short: false }));
            let attachment = Attachment {
                color: self.color.of(item)?,
                author_name: self.author_name.of(item)?,
                title: self.title.of(item)?,
                fields: fields.collect::<Result<_, _>>()?,
                blocks: (),
                footer: self.footer.of(item)?,
            };
            let json = encoded(to_go_json(&[attachment]))?;
            arguments.push(("attachments", String::from_utf8_lossy(&json).into_owned()));
        }
        arguments.push(("channel", self.channel.of(item)?));
        arguments.push(("text", escape(&self.message.of(item)?)));
        Ok(arguments)
    }

    async fn call(&self, method: &Address, arguments: &[(&'static str, String)]) -> Result<Said, SendError> {
        let request = method
            .post()
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form(arguments));
        let answer = Answer::to(request, method.shown(), 64 << 10).await?;
        answer.accepted(method.shown())?;
        let said: Said = serde_json::from_slice(&answer.body)
            .map_err(|_| SendError::outage(format!("{} answered what is not Slack's: {}", method.shown(), answer.said())))?;
        if said.ok {
            return Ok(said);
        }
        let reason = format!("{} answered {}", method.shown(), http::one_line(&said.error));
        let is = |list: &[&str]| list.contains(&said.error.as_str());
        Err(if is(OUTAGES) || (is(CHANNEL) && self.channel.is_fixed()) {
            SendError::Outage { reason, after: answer.after }
        } else if is(PASSING) {
            SendError::refused(reason)
        } else {
            SendError::permanent(reason)
        })
    }
}

fn form(arguments: &[(&'static str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(arguments).finish()
}

/// Slack's own escaping of text ("Formatting text for app surfaces").
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
