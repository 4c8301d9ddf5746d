//! What is secret in a receiver's configuration is never printed.

use herald_common::bus::header;
use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    stage::StageOptions,
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture};

#[tokio::test]
async fn logs_and_dead_letters_hold_no_secret() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Status(401)).containing("denied").times(2));
    receiver.rule(Rule::new(Answer::Status(400)).containing("bad"));
    receiver.rule(Rule::new(Answer::Cut).containing("cut").times(2));
    let address = receiver.address();
    let gone = WebhookReceiver::start().await.expect("starts").address();
    let config = |address: std::net::SocketAddr| {
        format!("webhook: {{endpoint: \"http://user:hunter2@{address}/path?token=hunter2\", headers: {{Authorization2: Bearer hunter2}}}}")
    };
    let config = format!("logLevel: trace\nreceivers:\n- name: hook\n  {}\n- name: gone\n  {}\n", config(address), config(gone));
    let fixture = Fixture::prepare(&config).await;
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("config.yaml");
    std::fs::write(&conf, config).expect("written");
    let stage = StageOptions::new("herald-sinks").conf(&conf).nats(&fixture.nats.url()).start().expect("starts");
    stage.ready().await.expect("ready");
    fixture.publish("gone", &["gone"]).await;
    fixture.publish("hook", &["denied", "bad", "cut"]).await;
    fixture.settled("hook").await;
    let output = || stage.process().output();
    let said = |text: &str| output().iter().any(|line| line.contains(text));
    for words in [
        "answered 401 Unauthorized; check the receiver's address and credentials",
        "answered 400 Bad Request",
        "receiver is up again",
        &format!("http://{gone}/path: cannot connect"),
    ] {
        wait::until(words, BOUND, || async { said(words) }).await.unwrap_or_else(|error| panic!("{error}: {:#?}", output()));
    }
    let request = &receiver.received()[0];
    assert_eq!(request.path, "/path?token=hunter2");
    assert_eq!(request.headers["authorization2"], "Bearer hunter2");
    let leaks: Vec<String> = output().into_iter().filter(|line| line.contains("hunter2") || line.contains("dXNlcjpodW50ZXIy")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    let letters = fixture.dead("hook").await;
    assert_eq!(letters[0].headers.get(header::DEAD_REASON), Some(format!("http://{address}/path answered 400 Bad Request").as_str()));
}

#[tokio::test]
async fn a_configuration_that_cannot_work_ends_the_process_with_every_fault_and_no_secret() {
    skip_unless!(Tool::NatsServer);
    let fixture = Fixture::prepare("{}").await;
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("config.yaml");
    let receivers = "receivers:
- name: a
  webhook: {endpoint: \"ftp://user:hunter2@h/?hunter2\"}
- name: b
  webhook: {endpoint: \"http://h:99999/?hunter2\"}
- name: c
  webhook: {endpoint: \"http://h/\", headers: {X-Token: \"hunter2\\n\\u0001x\"}}
- name: d
  webhook: {endpoint: \"http://h/\", headers: {X-Token: \"hunter2 {{ .NoSuch }}\"}}
- name: e
  webhook: {endpoint: \"https://h/\", layout: [hunter2]}
- name: f
  webhook: {endpoint: \"https://h/\", tls: {certFile: /c.pem}}
- name: g
  inMemory: {}
- name: h
  file: {maxsize: 1}
- name: fine
  stdout: {}
";
    std::fs::write(&conf, receivers).expect("written");
    let stage = StageOptions::new("herald-sinks").conf(&conf).nats(&fixture.nats.url()).start().expect("starts");
    let status = stage.process().exited(BOUND).await.expect("ends");
    assert!(!status.success());
    let output = stage.process().output().join("\n");
    for fault in [
        "3:23: receivers[0].webhook.endpoint: found scheme \"ftp\", expected http or https",
        "5:23: receivers[1].webhook.endpoint: this is no address: invalid port number",
        "receivers[2].webhook.headers.X-Token: the value holds a line break or control character",
        "receivers[3].webhook.headers.X-Token: this is no template that can work; its text is secret and not shown",
        "receivers[4].webhook.layout: found a list, expected a map of keys, each with a template, a list or a map",
        "receivers[5].webhook.tls.certFile: needs keyFile beside it",
        "receivers[6].inMemory: receivers of kind inMemory deliver nowhere",
        "receivers[7].file: path is missing",
    ] {
        assert!(output.contains(fault), "{fault} in\n{output}");
    }
    assert!(!output.contains("hunter2"), "{output}");
    // Only those named are served, so the faults of others do not matter.
    let stage =
        StageOptions::new("herald-sinks").conf(&conf).nats(&fixture.nats.url()).arg("--receiver").arg("fine").start().expect("starts");
    stage.ready().await.expect("ready");
}
