//! Compressed bodies: what a receiver is told of them is so, and what is too small to gain by it is left as it is.

use std::io::Read as _;

use flate2::read::GzDecoder;
use herald_testkit::{
    receiver::{Answer, Received, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};

use crate::{
    fixture::{Fixture, event},
    search::TAKEN,
};

/// What is said of a request's body, and the body as a server reads it.
fn read(request: &Received) -> (Option<String>, Vec<u8>) {
    let encoding = request.headers.get("content-encoding").map(|value| value.to_str().expect("text").to_owned());
    let mut body = Vec::new();
    match encoding {
        Some(_) => drop(GzDecoder::new(&request.body[..]).read_to_end(&mut body).expect("gzip")),
        None => body.extend_from_slice(&request.body),
    }
    (encoding, body)
}

#[tokio::test]
async fn a_body_is_what_its_encoding_says() {
    skip_unless!(Tool::NatsServer);
    let mut kinds =
        vec![("loki", "url: \"URL/\"", Answer::Status(204)), ("elasticsearch", "hosts: [\"URL\"], index: i", Answer::Says(200, TAKEN))];
    if cfg!(feature = "otlp") {
        kinds.push(("otlp", "endpoint: \"URL\"", Answer::Status(200)));
    }
    let message = "message ".repeat(2_000);
    let large = event("large").replace(r"\u003clarge\u003e", &message).into_bytes();
    for (kind, keys, answer) in kinds {
        for (more, name, encoding) in [("", "small", None), ("", "large", Some("gzip")), (", compression: none", "large", None)] {
            let receiver = WebhookReceiver::start().await.expect("starts");
            receiver.rule(Rule::new(answer));
            let keys = keys.replace("URL", &receiver.url());
            let fixture = Fixture::start(&format!("- {{name: r, {kind}: {{{keys}{more}}}}}\n")).await;
            let payload = if name == "large" { large.clone() } else { event(name).into_bytes() };
            fixture.publish_payload("r", name, payload, "application/json").await;
            fixture.settled("r").await;
            // The check at start sends nothing.
            let request = receiver.received().into_iter().find(|request| !request.body.is_empty()).expect("came");
            let (said, body) = read(&request);
            assert_eq!(said.as_deref(), encoding, "{kind} {name}{more}");
            let wanted = if name == "large" { message.as_bytes() } else { b"small" };
            assert!(body.windows(wanted.len()).any(|window| window == wanted), "{kind} {name}{more}: {}", String::from_utf8_lossy(&body));
            assert_eq!(request.body.len() < message.len(), name == "small" || encoding.is_some(), "{kind} {name}{more}");
        }
    }
}
