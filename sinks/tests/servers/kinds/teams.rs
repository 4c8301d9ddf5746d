//! `teams` and what is known of its incoming webhooks: the address is the credential, a wanted pause is said with status 200. A place is a path.

use herald_testkit::receiver::{Received, Reply};
use serde_json::Value;

use super::faked::{Product, RIGHT, accepted, header, refused};
use crate::{events::event, kind::Refused};

pub(crate) struct Teams;

impl Product for Teams {
    const KIND: &'static str = "teams";
    const NAME: &'static str = "a fake of Teams' incoming webhooks";
    const DENIED: &'static str = "/*** answered 404 Not Found";
    const KEYED: bool = false;

    fn keys(url: &str, place: &str, credentials: &str) -> String {
        format!("{{endpoint: \"{url}/{place}/{credentials}\"}}")
    }

    fn answer(request: &Received) -> Reply {
        let card: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = card["text"].as_str().unwrap_or_default();
        if !request.path.ends_with(&format!("/{RIGHT}")) {
            refused(404, "")
        } else if !header(request, "content-type").starts_with("application/json") || card["summary"].as_str().is_none_or(str::is_empty) {
            refused(400, "Summary or Text is required.")
        } else if text.contains("poison") {
            refused(400, "Bad payload received by generic incoming webhook.")
        } else {
            accepted(200, "1")
        }
    }

    fn throttled(_: &Received) -> Reply {
        refused(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0.")
    }

    fn read(request: &Received) -> (String, Value) {
        let place = request.path.split('/').nth(1).unwrap_or_default().to_owned();
        let card: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        // The metadata's own form is recorded elsewhere.
        let text = card["text"].as_str().and_then(|text| text.split("\nMetadata: ").next()).unwrap_or_default().to_owned();
        (place, text.into())
    }

    fn shown(event: &Value) -> Value {
        format!("Event: {} \nStatus: {} ", event["message"].as_str().unwrap_or_default(), event["reason"].as_str().unwrap_or_default())
            .into()
    }

    fn refused() -> Refused {
        Refused { event: event("poison"), reason: "answered 400 Bad Request: Bad payload received by generic incoming webhook.".to_owned() }
    }
}
