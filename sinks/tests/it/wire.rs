//! `wire.json`: what the exporter Herald replaces sent over the network, and what Herald sends instead where it departs on purpose.

use std::collections::BTreeMap;

use herald_common::config::Config;
use herald_sinks::{registry, render::Templates};
use herald_testkit::{
    receiver::{Answer, Received, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, UdpSocket},
};

use crate::{
    conformance::{cases, payload, publish, text},
    fixture::{BOUND, Fixture},
};

/// Delivers the event of a case to a server and returns the request that came.
async fn request(case: &Value, more: &str, answer: Answer) -> Received {
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(answer));
    let config = format!("receivers:\n{}{more}", text(case, "receiver")).replace("SERVER", &receiver.address().to_string());
    let fixture = Fixture::start_with(&config).await;
    let name = text(case, "receiver").lines().next().and_then(|line| line.strip_prefix("- name: ")).expect("a name");
    publish(&fixture, name, case).await;
    // Beside it there may be the check at start, which sends nothing.
    let first = || receiver.received().into_iter().find(|request| !request.body.is_empty());
    wait::until(text(case, "id"), BOUND, || std::future::ready(first().is_some())).await.expect("comes");
    first().expect("came")
}

/// Compares what is the same for all kinds that speak HTTP.
fn compare(case: &Value, got: &Received, without_headers: &[&str]) {
    let (id, want) = (text(case, "id"), &case["want"]["requests"][0]);
    let query = text(want, "query");
    let path = if query.is_empty() { text(want, "path").to_owned() } else { format!("{}?{query}", text(want, "path")) };
    assert_eq!(got.path, path, "{id}");
    for (name, values) in want["headers"].as_object().expect("headers") {
        if without_headers.iter().any(|left_out| left_out.eq_ignore_ascii_case(name)) {
            continue;
        }
        let all: Vec<_> = got.headers.get_all(name.as_str()).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let wanted: Vec<&str> = values.as_array().expect("values").iter().filter_map(Value::as_str).collect();
        // Where the old exporter sent two, the configured one is the last.
        assert_eq!(all, [*wanted.last().expect("a value")], "{id}: {name}");
    }
}

fn answer(case: &Value, usual: Answer) -> Answer {
    let Some(respond) = case["respond"].as_str() else { return usual };
    let (code, body) = respond.split_once(' ').unwrap_or((respond, ""));
    Answer::Says(code.parse().expect("a status"), body.to_owned().leak())
}

/// Tells whether the configuration is refused.
fn is_refused(case: &Value) -> bool {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = format!("receivers:\n{}", text(case, "receiver").replace("SERVER", "127.0.0.1:1"));
    Config::parse("config.yaml", &config, &|_| None)
        .map_or(true, |loaded| registry::build(&loaded.config.receivers[0], &Templates::default()).is_err())
}

#[tokio::test]
async fn webhooks_get_the_recorded_requests() {
    skip_unless!(Tool::NatsServer);
    let mut seen = 0;
    for case in cases("webhook") {
        seen += 1;
        if text(&case, "id") == "webhook/header-bad-template-1" {
            // The old exporter sends the template's text.
            assert!(is_refused(&case));
            continue;
        }
        let got = request(&case, "", answer(&case, Answer::Status(200))).await;
        compare(&case, &got, &[]);
        assert_eq!(got.text(), text(&case["want"]["requests"][0], "body"), "{}", text(&case, "id"));
    }
    assert_eq!(seen, 10);
}

#[tokio::test]
async fn loki_gets_the_recorded_requests_with_the_events_time() {
    skip_unless!(Tool::NatsServer);
    let mut seen = 0;
    for case in cases("loki") {
        let got = request(&case, "", answer(&case, Answer::Status(204))).await;
        compare(&case, &got, &[]);
        let time = |name: &str| case["event"][name].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let at = case["event"]["series"]["lastObservedTime"].as_str().and_then(|time| time.parse().ok());
        let at = at.or_else(|| time("lastTimestamp")).or_else(|| time("eventTime")).expect("a time");
        let mut want: Value = serde_json::from_str(
            &text(&case["want"]["requests"][0], "body").replace("NOW_SECONDS000000000", &at.as_nanosecond().to_string()),
        )
        .expect("JSON");
        if want["streams"][0]["stream"].is_null() {
            // Loki takes no stream without labels.
            want["streams"][0]["stream"] = json!({"job": "kubernetes-events"});
        }
        assert_eq!(serde_json::from_slice::<Value>(&got.body).expect("JSON"), want, "{}", text(&case, "id"));
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn teams_gets_the_recorded_requests() {
    skip_unless!(Tool::NatsServer);
    let mut seen = 0;
    for case in cases("teams") {
        seen += 1;
        if text(&case, "id") == "teams/unreachable-1" {
            // An outage here, success for the old exporter: there is no request to look at.
            continue;
        }
        let got = request(&case, "", answer(&case, Answer::Status(200))).await;
        // Header values are templates here.
        compare(&case, &got, &["X-A"]);
        let want = text(&case["want"]["requests"][0], "body").replace(r"%!s(\u003cnil\u003e)", "");
        assert_eq!(got.text(), want, "{}", text(&case, "id"));
    }
    assert_eq!(seen, 7);
}

#[tokio::test]
async fn opsgenie_gets_the_recorded_requests() {
    skip_unless!(Tool::NatsServer);
    let mut seen = 0;
    for case in cases("opsgenie") {
        seen += 1;
        match text(&case, "id") {
            "opsgenie/no-key-1" => assert!(is_refused(&case)),
            "opsgenie/empty-message-1" => {
                let config = format!("receivers:\n{}", text(&case, "receiver").replace("SERVER", "127.0.0.1:1"));
                let fixture = Fixture::start_with(&config).await;
                publish(&fixture, "alerts", &case).await;
                fixture.settled("alerts").await;
                assert_eq!(fixture.dead("alerts").await.len(), 1);
            }
            id => {
                let got = request(&case, "", Answer::Status(202)).await;
                compare(&case, &got, &[]);
                let mut want: Value = serde_json::from_str(text(&case["want"]["requests"][0], "body")).expect("JSON");
                if id == "opsgenie/priority-template-1" {
                    want["priority"] = json!("P1");
                }
                let body: Value = serde_json::from_slice(&got.body).expect("JSON");
                assert_eq!(body, want, "{id}");
            }
        }
    }
    assert_eq!(seen, 6);
}

#[tokio::test]
async fn slack_gets_the_recorded_requests() {
    skip_unless!(Tool::NatsServer);
    let form = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<BTreeMap<String, String>>();
    let mut seen = 0;
    for case in cases("slack") {
        let got = request(&case, "    endpoint: http://SERVER/slack\n", answer(&case, Answer::Says(200, r#"{"ok":true}"#))).await;
        compare(&case, &got, &[]);
        let mut want = form(text(&case["want"]["requests"][0], "body"));
        // The token travels in a header.
        let token = want.remove("token").expect("a token");
        assert_eq!(got.headers["authorization"], format!("Bearer {token}"), "{}", text(&case, "id"));
        assert_eq!(form(&got.text()), want, "{}", text(&case, "id"));
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[tokio::test]
async fn search_engines_get_the_recorded_documents_in_bulk() {
    skip_unless!(Tool::NatsServer);
    let taken = Answer::Says(200, r#"{"errors":false,"items":[{"index":{"status":201}}]}"#);
    let mut seen = 0;
    for case in cases("elasticsearch").into_iter().chain(cases("opensearch")) {
        seen += 1;
        let id = text(&case, "id");
        if matches!(id, "elasticsearch/no-index-1" | "elasticsearch/cloudid-and-hosts-1") {
            assert!(is_refused(&case), "{id}");
            continue;
        }
        let got = request(&case, "", taken).await;
        let want = &case["want"]["requests"][0];
        let body = got.text();
        let (action, document) = body.split_once('\n').expect("two lines");
        assert_eq!(document.strip_suffix('\n'), Some(text(want, "body")), "{id}");
        let action: Value = serde_json::from_str(action).expect("JSON");
        let (operation, action) = action.as_object().and_then(|action| action.iter().next()).expect("one operation");
        // `/PREFIX/INDEX/TYPE/ID`
        let path = text(want, "path").strip_prefix("/es").unwrap_or(text(want, "path"));
        let date = "2024-03-01";
        let path = path.replace("DATE", &if id.starts_with("opensearch/") { date.replace('-', ".") } else { date.to_owned() });
        let mut path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let document_id = if text(want, "method") == "PUT" { path.pop() } else { None };
        let type_ = path.pop().filter(|type_| *type_ != "_doc");
        let event = &case["event"]["metadata"];
        // Other cases' events happened on other days.
        if !id.ends_with("all-2") {
            assert_eq!(action["_index"], path.join("/").replace("%C3%BC%20x", "ü x"), "{id}");
        }
        assert_eq!(action["_type"].as_str(), type_, "{id}");
        match document_id {
            Some(document_id) => {
                assert_eq!((operation.as_str(), action["_id"].as_str()), ("index", Some(document_id)), "{id}");
                assert_eq!(action["version"].to_string(), text(event, "resourceVersion"), "{id}");
                assert_eq!(action["version_type"], "external", "{id}");
            }
            // The old exporter lets the server find an id, which makes two documents of a repeat.
            None => {
                let identity = format!("{}-{}", text(event, "uid"), text(event, "resourceVersion"));
                assert_eq!((operation.as_str(), action["_id"].as_str()), ("create", Some(identity.as_str())), "{id}");
            }
        }
        let wanted = &want["headers"]["Authorization"][0];
        assert_eq!(got.headers.get("authorization").map(|value| value.to_str().expect("text")), wanted.as_str(), "{id}");
        assert_eq!(got.headers["content-type"], "application/x-ndjson", "{id}");
        let prefix = if id.contains("path-prefix") { "/es" } else { "" };
        assert!(got.path.starts_with(&format!("{prefix}/_bulk?filter_path=")), "{id}: {}", got.path);
    }
    assert_eq!(seen, 15);
}

#[tokio::test]
async fn syslog_gets_the_recorded_bytes_with_a_severity() {
    skip_unless!(Tool::NatsServer);
    let mut seen = 0;
    for case in cases("syslog") {
        let id = text(&case, "id");
        let got = if id.starts_with("syslog/tcp") {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
            let fixture = syslog(&case, &listener.local_addr().expect("an address").to_string()).await;
            let (mut stream, _) = listener.accept().await.expect("connects");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.expect("ends");
            assert_eq!(fixture.metric("published", "s"), 0, "accepted only when the server closes its side too");
            drop(stream);
            fixture.settled("s").await;
            String::from_utf8(bytes).expect("text")
        } else {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("listens");
            let _fixture = syslog(&case, &socket.local_addr().expect("an address").to_string()).await;
            let mut bytes = vec![0; 65_536];
            let length = socket.recv(&mut bytes).await.expect("comes");
            String::from_utf8(bytes[..length].to_vec()).expect("text")
        };
        let severity = if text(&case["event"], "type") == "Warning" { 132 } else { 134 };
        let want = text(&case["want"], "bytes");
        let (head, message) = want.split_once("]: ").expect("a head");
        let (got_head, got_message) = got.split_once("]: ").expect("a head");
        assert_eq!(got_message, message, "{id}");
        let mut words = got_head.split(' ');
        let (priority, time) = words.next().and_then(|word| word.split_once('>')).expect("priority and time");
        assert_eq!(priority, format!("<{severity}"), "{id}");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{id}: {time}");
        assert_eq!(head.split(' ').count(), got_head.split(' ').count(), "{id}");
        assert_eq!(words.nth(1), Some(format!("k8s.event[{}", std::process::id()).as_str()), "{id}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}

async fn syslog(case: &Value, address: &str) -> Fixture {
    let fixture = Fixture::start_with(&format!("receivers:\n{}", text(case, "receiver").replace("SERVER", address))).await;
    fixture.publish_payload("s", "recorded", payload(case), "application/json").await;
    fixture
}

#[test]
fn what_is_no_configuration_is_refused() {
    for case in cases("unknown") {
        assert!(is_refused(&case), "{}", text(&case, "id"));
    }
}
