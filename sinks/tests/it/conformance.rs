//! What the exporter Herald replaces sent, byte for byte; and standard output as a process sees it.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
};

use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless, stage,
    tools::Tool,
};
use serde_json::Value;

use crate::fixture::{BOUND, Fixture, event};

fn cases() -> Vec<Value> {
    let recorded: Value = serde_json::from_str(include_str!("../conformance/wire.json")).expect("JSON");
    recorded["cases"].as_array().expect("cases").clone()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{key} in {case}"))
}

async fn publish(fixture: &Fixture, receiver: &str, case: &Value) {
    fixture.publish_payload(receiver, "recorded", text(case, "event").as_bytes().to_vec(), "application/json").await;
}

#[tokio::test]
async fn webhooks_get_the_recorded_requests() {
    skip_unless!(Tool::NatsServer);
    let mut seen = 0;
    for case in cases().iter().filter(|case| text(case, "id").starts_with("webhook/")) {
        let receiver = WebhookReceiver::start().await.expect("starts");
        if case.get("respond").is_some() {
            receiver.rule(Rule::new(Answer::Status(text(case, "respond").parse().expect("a status"))));
        }
        let config = text(case, "receiver").replace("SERVER", &receiver.address().to_string());
        let fixture = Fixture::start_with(&format!("receivers:\n{config}")).await;
        publish(&fixture, "w", case).await;
        let got = receiver.wait_for(1, BOUND).await.expect("arrives");
        fixture.settled("w").await;
        let want = &case["want"];
        let id = text(case, "id");
        assert_eq!(got[0].path, text(want, "path"), "{id}");
        assert_eq!(got[0].text(), text(want, "body"), "{id}");
        for (name, value) in want["headers"].as_object().expect("headers") {
            let all: Vec<_> = got[0].headers.get_all(name.as_str()).iter().collect();
            assert_eq!(all, [value.as_str().expect("text")], "{id}: {name}");
        }
        assert_eq!(receiver.number_of_requests(), 1, "{id}");
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn files_get_the_recorded_lines() {
    skip_unless!(Tool::NatsServer);
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for case in cases().iter().filter(|case| text(case, "id").starts_with("file/")) {
        let path = folder.path().join("deep").join(format!("{seen}.json"));
        let fixture =
            Fixture::start_with(&format!("receivers:\n{}", text(case, "receiver").replace("PATH", &path.display().to_string()))).await;
        publish(&fixture, "f", case).await;
        fixture.settled("f").await;
        assert_eq!(std::fs::read_to_string(&path).expect("written"), text(&case["want"], "bytes"));
        seen += 1;
    }
    assert_eq!(seen, 1);
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
    for case in cases().iter().filter(|case| text(case, "id").starts_with("stdout/")) {
        let fixture = Fixture::prepare("{}").await;
        let printed = folder.path().join(format!("{seen}"));
        publish(&fixture, "o", case).await;
        let _binary = Binary::start(&fixture, text(case, "receiver"), folder.path(), File::create(&printed).expect("made").into());
        fixture.settled("o").await;
        assert_eq!(std::fs::read_to_string(&printed).expect("printed"), text(&case["want"], "bytes"), "{}", text(case, "id"));
        seen += 1;
    }
    assert_eq!(seen, 3);
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
