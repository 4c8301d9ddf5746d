//! What the exporter Herald replaces sent, byte for byte; and standard output as a process sees it.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
};

use herald_common::{
    config::Config,
    event::{EnrichedEvent, to_go_json},
};
use herald_sinks::{registry, render::Templates};
use herald_testkit::{receiver::WebhookReceiver, skip_unless, stage, tools::Tool};
use serde_json::Value;

use crate::fixture::{BOUND, Fixture, event};

/// The cases of a kind, with the event each is about.
pub(crate) fn cases(kind: &str) -> Vec<Value> {
    let mut recorded: Value = serde_json::from_str(include_str!("../conformance/wire.json")).expect("JSON");
    let events = recorded["events"].take();
    let mut cases = recorded["cases"].take();
    let cases = cases.as_array_mut().expect("cases");
    cases.retain(|case| text(case, "id").split('/').next() == Some(kind));
    for case in cases.iter_mut() {
        if let Some(name) = case["event"].as_str() {
            case["event"] = events[name].clone();
        }
    }
    std::mem::take(cases)
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{key} in {case}"))
}

/// The event as the enricher publishes it.
pub(crate) fn payload(case: &Value) -> Vec<u8> {
    let event: EnrichedEvent = serde_json::from_value(case["event"].clone()).expect("an event");
    to_go_json(&event).expect("encodes")
}

pub(crate) async fn publish(fixture: &Fixture, receiver: &str, case: &Value) {
    fixture.publish_payload(receiver, "recorded", payload(case), "application/json").await;
}

#[tokio::test]
async fn files_get_the_recorded_lines() {
    skip_unless!(Tool::NatsServer);
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for kind in ["file", "pipe"] {
        for case in cases(kind) {
            let path = folder.path().join(if kind == "file" { "deep" } else { "" }).join(format!("{kind}-{seen}.json"));
            let config = format!("receivers:\n{}", text(&case, "receiver").replace("PATH", &path.display().to_string()));
            seen += 1;
            if case["want"]["error"].is_string() {
                let config = Config::parse("config.yaml", &config, &|_| None).expect("reads").config;
                assert!(registry::build(&config.receivers[0], &Templates::default()).is_err(), "{}", text(&case, "id"));
                continue;
            }
            let fixture = Fixture::start_with(&config).await;
            let name = &text(&case, "receiver")["- name: ".len()..][..1];
            // A number in a layout keeps its value.
            let want = text(&case["want"], "bytes").replace(r#""n":null"#, r#""n":5"#);
            for at in 0..want.lines().count() {
                fixture.publish_payload(name, &format!("recorded-{at}"), payload(&case), "application/json").await;
            }
            fixture.settled(name).await;
            assert_eq!(std::fs::read_to_string(&path).expect("written"), want, "{}", text(&case, "id"));
        }
    }
    assert_eq!(seen, 7);
}

/// The real binary with its standard output where the test wants it.
struct Binary(Child);

impl Binary {
    fn start(fixture: &Fixture, receivers: &str, folder: &std::path::Path, stdout: Stdio) -> Self {
        let conf = folder.join("config.yaml");
        std::fs::write(&conf, format!("receivers:\n{receivers}")).expect("written");
        let mut command = Command::new(stage::bin("herald-sinks").expect("built"));
        command.arg("--conf").arg(&conf).args(["--metrics-address", "127.0.0.1:0", "--nats", &fixture.nats.url()]);
        Self(command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn().expect("starts"))
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn standard_output_gets_the_recorded_lines() {
    skip_unless!(Tool::NatsServer);
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for case in &cases("stdout") {
        let fixture = Fixture::prepare("{}").await;
        let printed = folder.path().join(format!("{seen}"));
        publish(&fixture, "o", case).await;
        let _binary = Binary::start(&fixture, text(case, "receiver"), folder.path(), File::create(&printed).expect("made").into());
        fixture.settled("o").await;
        assert_eq!(std::fs::read_to_string(&printed).expect("printed"), text(&case["want"], "bytes"), "{}", text(case, "id"));
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[tokio::test]
async fn a_closed_standard_output_is_an_outage_and_not_the_end() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = Fixture::prepare("{}").await;
    let receivers = format!("- {{name: o, stdout: {{}}}}\n- {{name: w, webhook: {{endpoint: \"{}/\"}}}}\n", receiver.url());
    let mut binary = Binary::start(&fixture, &receivers, folder.path(), Stdio::piped());
    drop(binary.0.stdout.take());
    fixture.publish("o", &["lost?"]).await;
    fixture.publish_many("w", 20).await;
    receiver.wait_for(20, BOUND).await.expect("the other receiver works");
    assert!(binary.0.try_wait().expect("asked").is_none(), "the process lives");
    drop(binary);
    // The event is still there for the next process.
    let printed = folder.path().join("printed");
    let _binary = Binary::start(&fixture, "- {name: o, stdout: {}}\n", folder.path(), File::create(&printed).expect("made").into());
    let line = || async { std::fs::read_to_string(&printed).is_ok_and(|text| text == format!("{}\n", event("lost?"))) };
    herald_testkit::wait::until("the event to be printed", BOUND * 2, line).await.expect("printed");
}
