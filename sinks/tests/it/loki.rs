//! `loki` where no event of `wire.json` leads: the guard against too many streams, tenants, logins, and what stands beside a line.

use std::collections::BTreeSet;

use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};
use serde_json::{Value, json};

use crate::fixture::{Fixture, event};

async fn start(keys: &str) -> (WebhookReceiver, Fixture) {
    let receiver = WebhookReceiver::start().await.expect("starts");
    let fixture = Fixture::start(&format!("- {{name: r, loki: {{url: \"{}/push\", compression: none, {keys}}}}}\n", receiver.url())).await;
    (receiver, fixture)
}

/// The streams of all requests.
fn streams(receiver: &WebhookReceiver) -> Vec<Value> {
    let body = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON")["streams"].as_array().expect("streams").clone();
    receiver.received().iter().flat_map(|request| body(&request.body)).collect()
}

#[tokio::test]
async fn templates_make_no_more_streams_than_are_allowed() {
    skip_unless!(Tool::NatsServer);
    let (receiver, fixture) = start("maxStreams: 2, streamLabels: {app: '{{ .Name }}', job: events}").await;
    for name in ["a", "b", "c", "d"] {
        fixture.publish("r", &[name]).await;
        fixture.settled("r").await;
    }
    // A stream that is there goes on.
    fixture.publish_payload("r", "again", event("b").into_bytes(), "application/json").await;
    fixture.settled("r").await;
    let labels: Vec<Value> = streams(&receiver).iter().map(|stream| stream["stream"].clone()).collect();
    let app = |app: &str| json!({"app": app, "job": "events"});
    assert_eq!(labels, [app("a"), app("b"), app("other"), app("other"), app("b")]);
}

#[tokio::test]
async fn tenant_login_and_metadata_are_sent() {
    skip_unless!(Tool::NatsServer);
    let keys = "tenantID: 'ops-{{ .Name }}', username: u, password: pass, structuredMetadata: {kind: '{{ .InvolvedObject.Kind }}'}";
    let (receiver, fixture) = start(keys).await;
    fixture.publish("r", &["a"]).await;
    fixture.settled("r").await;
    let request = &receiver.received()[0];
    assert_eq!(
        (request.headers["x-scope-orgid"].as_bytes(), request.headers["authorization"].as_bytes()),
        (&b"ops-a"[..], &b"Basic dTpwYXNz"[..])
    );
    let values = &streams(&receiver)[0]["values"][0];
    assert_eq!((&values[1], &values[2]), (&json!(event("a")), &json!({"kind": "Pod"})));
}

#[tokio::test]
async fn a_line_that_is_too_old_is_sent_again_with_the_present_time() {
    skip_unless!(Tool::NatsServer);
    let (receiver, fixture) = start("username: ''").await;
    receiver.rule(
        Rule::new(Answer::Says(400, "entry for stream has timestamp too old: 2001-01-01T00:00:00Z")).containing("978307200000000000"),
    );
    let began = jiff::Timestamp::now().as_nanosecond();
    let old = event("a").replace(r#""lastTimestamp":null"#, r#""lastTimestamp":"2001-01-01T00:00:00Z""#);
    fixture.publish_payload("r", "a", old.clone().into_bytes(), "application/json").await;
    fixture.settled("r").await;
    let streams = streams(&receiver);
    let times: BTreeSet<i128> =
        streams.iter().map(|stream| stream["values"][0][0].as_str().expect("text").parse().expect("a number")).collect();
    assert!(times.len() == 2 && times.last().is_some_and(|time| *time >= began), "{times:?}");
    assert!(streams.iter().all(|stream| stream["values"][0][1] == json!(old)), "the line holds its own times");
    assert!(fixture.dead("r").await.is_empty());
}
