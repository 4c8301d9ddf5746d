//! Events and receivers that mean harm: what an event says is never evaluated and never becomes a header of its own; what a receiver answers is read to a
//! bound, goes nowhere, and changes nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use herald_common::bus::header;
use herald_testkit::{receiver::WebhookReceiver, skip_unless, tools::Tool};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::fixture::Fixture;

/// An event that says something.
fn saying(name: &str, message: &str) -> Vec<u8> {
    json!({
        "metadata": {"name": name, "uid": name, "resourceVersion": "1"}, "reason": "R", "message": message,
        "involvedObject": {"kind": "Pod", "deleted": false, "labels": {"{{ .Reason }}": "{{ .Reason }}"}}
    })
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn what_an_event_says_is_never_a_template() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    let layout = "{text: '{{ .Message }} {{ printf \"%s\" .Message }} {{ .Message | upper | lower | quote }}', labels: '{{ toJson .InvolvedObject.Labels }}', all: '{{ toJson . }}'}";
    let config = format!(
        "templates: {{env: true}}\nreceivers:\n- name: hook\n  webhook: {{endpoint: \"{}\", headers: {{X-Message: \"{{{{ .Message }}}}\"}}, layout: {layout}}}\n",
        receiver.url()
    );
    let fixture = Fixture::start_with(&config).await;
    let messages = [
        "{{ .Reason }} {{ env \"PATH\" }} {{ printf \"%s\" .UID }}",
        "{{ fail \"x\" }}",
        "{{",
        "{{ range $i, $e := until 1000000000 }}x{{ end }}",
        "%s%n%!x ${PATH} $PATH",
    ];
    for (number, message) in messages.iter().enumerate() {
        fixture.publish_payload("hook", &format!("e{number}"), saying(&format!("e{number}"), message), "application/json").await;
    }
    fixture.settled("hook").await;
    assert!(fixture.dead("hook").await.is_empty());
    for (number, message) in messages.iter().enumerate() {
        let got = receiver.received().into_iter().find(|got| got.identity() == Some(&format!("c/e{number}/1"))).expect("delivered");
        let body: Value = serde_json::from_slice(&got.body).expect("JSON");
        assert_eq!(body["text"], format!("{message} {message} {:?}", message.to_lowercase()));
        assert_eq!(body["labels"], r#"{"{{ .Reason }}":"{{ .Reason }}"}"#);
        assert_eq!(got.headers["x-message"].to_str().expect("text"), *message);
    }
}

#[tokio::test]
async fn an_event_adds_no_header() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    let config = format!(
        "receivers:\n- name: hook\n  webhook: {{endpoint: \"{}\", headers: {{X-Message: \"{{{{ .Message }}}}\"}}}}\n",
        receiver.url()
    );
    let fixture = Fixture::start_with(&config).await;
    let hostile = ["a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rb", "a\0b", "a\u{1b}[2Jb", "a\r\n\r\nGET / HTTP/1.1"];
    for (number, message) in hostile.iter().enumerate() {
        fixture.publish_payload("hook", &format!("e{number}"), saying(&format!("e{number}"), message), "application/json").await;
    }
    fixture.publish_payload("hook", "good", saying("good", "ends with a line break\n"), "application/json").await;
    fixture.settled("hook").await;
    let letters = fixture.dead("hook").await;
    assert_eq!(letters.len(), hostile.len(), "each is refused for good at the first try");
    for letter in letters {
        assert_eq!(letter.headers.get(header::DEAD_REASON), Some("header x-message: the value holds a line break or control character"));
        assert_eq!(letter.headers.get(header::DEAD_ATTEMPTS), Some("1"));
    }
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(receiver.received()[0].headers["x-message"], "ends with a line break");
    assert!(!receiver.received()[0].headers.contains_key("x-injected"));
}

/// Answers each connection on a port of its own with `first`, then with `then` for as long as the other side listens; counts the bytes.
async fn answering(first: Vec<u8>, then: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let (address, sent) = (listener.local_addr().expect("bound"), Arc::new(AtomicUsize::new(0)));
    let counter = sent.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (first, then, counter) = (first.clone(), then.clone(), counter.clone());
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let mut listens = stream.write_all(&first).await.is_ok();
                while listens && !then.is_empty() {
                    counter.fetch_add(then.len(), Ordering::Relaxed);
                    listens = stream.write_all(&then).await.is_ok();
                }
                let _ = stream.read(&mut request).await;
            });
        }
    });
    (format!("http://{address}/"), sent)
}

#[tokio::test]
async fn what_a_receiver_answers_is_bounded_and_goes_nowhere() {
    skip_unless!(Tool::NatsServer);
    let elsewhere = WebhookReceiver::start().await.expect("starts");
    let nasty =
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 60\r\n\r\n\x1b[2Jno\r\nHerald-Forged: 1\r\n2026-01-01T00:00:00Z ERROR forged      "
            .to_vec();
    let endless = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let redirect = format!("HTTP/1.1 308 Permanent Redirect\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n", elsewhere.url()).into_bytes();
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x1_0000)).into_bytes();
    let (nasty, endless) = (answering(nasty, Vec::new()).await, answering(endless, chunk).await);
    let hooks = [("nasty", nasty.0), ("endless", endless.0), ("redirect", answering(redirect, Vec::new()).await.0)];
    let receivers: String = hooks
        .iter()
        .map(|(name, url)| format!("- {{name: {name}, timeout: 5s, webhook: {{endpoint: \"{url}\", headers: {{X-Token: hunter2}}}}}}\n"))
        .collect();
    let fixture = Fixture::start_with(&format!("receivers:\n{receivers}")).await;
    for (name, _) in &hooks {
        fixture.publish(name, &[name]).await;
    }
    for name in ["nasty", "endless"] {
        fixture.settled(name).await;
        let letters = fixture.dead(name).await;
        assert_eq!(letters.len(), 1, "{name}");
        let reason = letters[0].headers.get(header::DEAD_REASON).unwrap_or_default();
        assert!(
            reason.contains("answered 400 Bad Request: ") && reason.len() < 500 && !reason.contains(char::is_control),
            "{name}: {reason:?}"
        );
        assert!(letters[0].headers.get("Herald-Forged").is_none());
    }
    // More than was read may have been on its way, in buffers.
    let sent = endless.1.load(Ordering::Relaxed);
    assert!(sent < 32 << 20, "{sent} bytes of an answer were listened to");
    fixture.until("the redirect to be refused again", || fixture.metric("retried", "redirect") >= 2).await;
    assert_eq!(elsewhere.number_of_requests(), 0, "what the first was sent, its token too, is not sent elsewhere");
}
