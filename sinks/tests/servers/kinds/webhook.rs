//! `webhook` and a receiver that honours `Idempotency-Key`.

use herald_testkit::receiver::{Received, Reply};
use serde_json::Value;

use super::faked::{Product, RIGHT, accepted, header, refused};
use crate::{events::event, kind::Refused};

pub(crate) struct Webhook;

impl Product for Webhook {
    const KIND: &'static str = "webhook";
    const NAME: &'static str = "a receiver that honours Idempotency-Key";
    const DENIED: &'static str = "answered 401 Unauthorized: no such token; check the receiver's address and credentials";
    const KEYED: bool = true;

    fn keys(url: &str, place: &str, credentials: &str) -> String {
        format!("{{endpoint: \"{url}/{place}\", headers: {{Authorization: Bearer {credentials}}}}}")
    }

    fn answer(request: &Received) -> Reply {
        if header(request, "authorization") != format!("Bearer {RIGHT}") {
            return refused(401, "no such token");
        }
        if request.text().contains("poison") { refused(422, "poison is not taken") } else { accepted(200, "") }
    }

    fn read(request: &Received) -> (String, Value) {
        (request.path.trim_start_matches('/').to_owned(), serde_json::from_slice(&request.body).unwrap_or_default())
    }

    fn shown(event: &Value) -> Value {
        event.clone()
    }

    fn key(request: &Received) -> Option<String> {
        request.identity().map(str::to_owned)
    }

    fn refused() -> Refused {
        Refused { event: event("poison"), reason: "answered 422 Unprocessable Entity: poison is not taken".to_owned() }
    }
}
