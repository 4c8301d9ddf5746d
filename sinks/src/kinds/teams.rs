//! `teams`: a message to a Microsoft Teams channel, through an incoming webhook or a workflow.
//!
//! `format: messageCard` is what kubernetes-event-exporter posts to the connectors Microsoft retires; `format: adaptiveCard` is the envelope that the workflow
//! "Post to a channel when a webhook request is received" takes. One event a request; the protocol has no idempotency key. 2xx is acceptance, but a
//! connector says a rate limit as 200 with a text. The address is a secret as a whole. Several events at once, which a rate limit leaves, become one summary.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{config::Secret, event::to_go_json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    http::{self, Address, Answer, Headers},
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey, TextKey},
    sink::{Item, Refusal, SendError, Sink, encoded},
    summary,
    tls::Tls,
};

/// The keys of `teams`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The webhook's address; it is a secret.
    pub endpoint: Secret,
    /// The card that is posted.
    pub format: Format,
    /// Whose keys `message`, `reason` and `metadata` fill the text instead of the event's.
    layout: LayoutKey,
    /// More headers, each a template.
    headers: BTreeMap<String, TextKey>,
    /// TLS settings.
    pub tls: Tls,
}

/// The card that is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// The connectors' card: a summary and a text.
    #[default]
    MessageCard,
    /// An Adaptive Card 1.4 in a message, for workflows.
    AdaptiveCard,
}

/// Most bytes of text in a card; Teams refuses messages over 28 KB.
const LONGEST: usize = 20_000;
/// What a connector says, with status 200, when it wants a pause.
const RATE_LIMITED: &str = "Microsoft Teams endpoint returned HTTP error 429";

struct Teams {
    address: Address,
    headers: Headers,
    format: Format,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("endpoint", "name the address of the incoming webhook or workflow");
    let endpoint = keys.addresses("endpoint").into_iter().next();
    let client = http::client(keys, &config.tls, summary::CHAT.timeout);
    let (headers, body) = (Headers::new(&config.headers, keys), Body::new(keys, false));
    let sink = Teams { address: Address::new(&client?, endpoint?).hide_path(true), headers, format: config.format };
    Some(Built { sink: Box::new(sink), defaults: summary::CHAT, body })
}

impl Sink for Teams {
    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        card(self.format, &text(&item.body)?).map(Bytes::from)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let text = match batch {
                [] => return Ok(()),
                [item] => text(&item.body).map_err(SendError::Refused)?,
                several => summary::text(several).map_err(SendError::Refused)?,
            };
            let headers = self.headers.render(&batch[0]).map_err(SendError::Refused)?;
            let request = self.address.post().headers(headers).body(card(self.format, &text).map_err(SendError::Refused)?);
            let answer = Answer::to(request, self.address.shown(), http::REASON).await?;
            let said = answer.said();
            if said.contains(RATE_LIMITED) {
                return Err(SendError::Outage { reason: format!("{} wants a pause: {said}", self.address.shown()), after: answer.after });
            }
            answer.accepted(self.address.shown())
        })
    }
}

/// The text of a card, made of an event or of what a layout made of it.
fn text(body: &[u8]) -> Result<String, Refusal> {
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|error| Refusal::permanent(format!("no event: {error}")))?;
    let field = |name: &str| fields.get(name).map(go_text).unwrap_or_default();
    Ok(format!("Event: {} \nStatus: {} \nMetadata: {}", field("message"), field("reason"), field("metadata")))
}

fn card(format: Format, text: &str) -> Result<Vec<u8>, Refusal> {
    let text = summary::shorten(text, LONGEST);
    let card = match format {
        Format::MessageCard => json!({"summary": "event", "text": text}),
        Format::AdaptiveCard => json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": {"width": "Full"},
                    "body": text.lines().map(|line| json!({"type": "TextBlock", "text": line.trim_end(), "wrap": true})).collect::<Vec<_>>(),
                },
            }],
        }),
    };
    encoded(to_go_json(&card))
}

/// A value as Go's `%s` prints it, except that what is not there is nothing.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            format!("map[{}]", fields.iter().map(|(name, value)| format!("{name}:{}", go_text(value))).collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}
