//! `slack` and what the documentation of `chat.postMessage` says; a place is a channel.

use std::collections::HashMap;

use herald_testkit::receiver::{Received, Reply};
use serde_json::Value;

use super::faked::{Product, RIGHT, accepted, header};
use crate::{events::event, kind::Refused};

pub(crate) struct Slack;

fn arguments(request: &Received) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

/// Slack answers 200 whatever it thinks of a request.
fn error(name: &str) -> Reply {
    Reply { status: 200, body: format!("{{\"ok\":false,\"error\":\"{name}\"}}"), ..Reply::default() }
}

impl Product for Slack {
    const KIND: &'static str = "slack";
    const NAME: &'static str = "a fake of Slack's Web API";
    const DENIED: &'static str = "chat.postMessage answered invalid_auth";
    const KEYED: bool = false;

    fn keys(url: &str, place: &str, credentials: &str) -> String {
        format!("{{token: {credentials}, channel: {place}, message: \"{{{{ .Message }}}}\", endpoint: \"{url}/api\"}}")
    }

    fn answer(request: &Received) -> Reply {
        let arguments = arguments(request);
        let is_empty = |name: &str| arguments.get(name).is_none_or(String::is_empty);
        match request.path.as_str() {
            "/api/chat.postMessage" if header(request, "content-type") != "application/x-www-form-urlencoded" => error("invalid_post_type"),
            "/api/chat.postMessage" if header(request, "authorization") != format!("Bearer {RIGHT}") => error("invalid_auth"),
            "/api/chat.postMessage" if is_empty("channel") => error("channel_not_found"),
            "/api/chat.postMessage" if is_empty("text") && is_empty("attachments") => error("no_text"),
            "/api/chat.postMessage" => accepted(200, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"1503435956.000247\"}"),
            _ => error("unknown_method"),
        }
    }

    fn read(request: &Received) -> (String, Value) {
        let mut arguments = arguments(request);
        (arguments.remove("channel").unwrap_or_default(), arguments.remove("text").unwrap_or_default().into())
    }

    fn shown(event: &Value) -> Value {
        let text = event["message"].as_str().unwrap_or_default();
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
    }

    fn refused() -> Refused {
        let mut event = event("poison");
        event["message"] = "".into();
        Refused { event, reason: "chat.postMessage answered no_text".to_owned() }
    }
}
