//! `opsgenie` and what the documentation of its Alert API says of "Create Alert"; a place is a tag. Alerts of the same alias are one.

use herald_testkit::receiver::{Received, Reply};
use serde_json::{Value, json};

use super::faked::{Product, RIGHT, accepted, header, refused};
use crate::{events::event, kind::Refused};

pub(crate) struct Opsgenie;

fn alert(request: &Received) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// A 422 that names the field.
fn unprocessable(field: &str, why: &str) -> Reply {
    let body = json!({"message": "Request body is not processable. Please check the errors.", "errors": {field: why}, "took": 0.0});
    refused(422, &body.to_string())
}

impl Product for Opsgenie {
    const KIND: &'static str = "opsgenie";
    const NAME: &'static str = "a fake of Opsgenie's Alert API";
    const DENIED: &'static str = "/v2/alerts answered 403 Forbidden";
    const KEYED: bool = true;

    fn keys(url: &str, place: &str, credentials: &str) -> String {
        format!(
            "{{URL: \"{url}\", apiKey: {credentials}, message: \"{{{{ .Message }}}}\", alias: \"{{{{ .UID }}}}\", tags: [{place}], \
             priority: \"{{{{ if eq .Type \\\"Poison\\\" }}}}P9{{{{ else }}}}P2{{{{ end }}}}\"}}"
        )
    }

    fn answer(request: &Received) -> Reply {
        let alert = alert(request);
        let length = |field: &str| alert[field].as_str().unwrap_or_default().chars().count();
        if request.path != "/v2/alerts" {
            return refused(404, "");
        }
        if header(request, "authorization") != format!("GenieKey {RIGHT}") {
            return refused(403, "{\"message\":\"You are not authorized to perform this action.\",\"took\":0.0}");
        }
        match length("message") {
            0 => return unprocessable("message", "Message can not be empty."),
            1..=130 => {}
            _ => return unprocessable("message", "Message should be between 1 and 130 characters."),
        }
        if !["P1", "P2", "P3", "P4", "P5"].contains(&alert["priority"].as_str().unwrap_or("P3")) {
            return unprocessable("priority", "should be one of [ P1, P2, P3, P4, P5 ]");
        }
        accepted(202, "{\"result\":\"Request will be processed\",\"took\":0.1,\"requestId\":\"r\"}")
    }

    fn read(request: &Received) -> (String, Value) {
        let alert = alert(request);
        (alert["tags"][0].as_str().unwrap_or_default().to_owned(), alert["message"].clone())
    }

    fn shown(event: &Value) -> Value {
        event["message"].clone()
    }

    fn key(request: &Received) -> Option<String> {
        alert(request)["alias"].as_str().map(str::to_owned)
    }

    fn refused() -> Refused {
        let mut event = event("poison");
        event["type"] = "Poison".into();
        Refused { event, reason: "answered 422 Unprocessable Entity: {\"errors\":{\"priority\":\"should be one of".to_owned() }
    }
}
