//! Where credentials of Google Cloud come from: a file, the machine's metadata server, nowhere. The real program is run, whose environment decides.

use std::path::Path;

use herald_testkit::{
    certs::Authority,
    receiver::{Answer, Rule, WebhookReceiver},
    servers::google::Account,
    skip_unless,
    stage::{Stage, StageOptions},
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture};

const TOKEN: Answer = Answer::Says(200, r#"{"access_token":"hunter2","expires_in":3600,"token_type":"Bearer"}"#);

/// A Pub/Sub that takes everything, and the sinks as a process with this environment, one event waiting.
async fn start(folder: &Path, environment: &[(&str, &str)]) -> (WebhookReceiver, Fixture, Stage) {
    let authority = Authority::new("own").expect("an authority");
    let pubsub = WebhookReceiver::start_tls(&authority.server(&["localhost"]).expect("a certificate"), None).await.expect("starts");
    pubsub.rule(Rule::new(Answer::Says(200, r#"{"messageIds":["1"]}"#)));
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, authority.certificate()).expect("written");
    let keys = format!("gcloud_project_id: p, topic: t, endpoint: \"{}\", tls: {{caFile: {}}}", pubsub.url(), ca.display());
    let config = format!("logLevel: trace\nreceivers:\n- {{name: topic, timeout: 5s, pubsub: {{{keys}}}}}\n");
    let fixture = Fixture::prepare(&config).await;
    let conf = folder.join("config.yaml");
    std::fs::write(&conf, config).expect("written");
    fixture.publish("topic", &["one"]).await;
    let options = StageOptions::new("herald-sinks").conf(&conf).nats(&fixture.nats.url()).env("HOME", folder);
    let options = environment.iter().fold(options, |options, (name, value)| options.env(name, value));
    (pubsub, fixture, options.start().expect("starts"))
}

/// The login that the event came with.
async fn login(pubsub: &WebhookReceiver, fixture: &Fixture) -> String {
    fixture.settled("topic").await;
    let published = pubsub.received().into_iter().find(|request| request.path.ends_with(":publish")).expect("published");
    published.headers["authorization"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_file_named_in_the_environment_signs_its_own_token() {
    skip_unless!(Tool::NatsServer);
    let (folder, account) = (tempfile::tempdir().expect("a folder"), Account::new("herald").expect("an account"));
    let file = account.file().display().to_string();
    let (pubsub, fixture, stage) = start(folder.path(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)]).await;
    let login = login(&pubsub, &fixture).await;
    assert!(login.starts_with("Bearer eyJ") && login.split('.').count() == 3, "{login}");
    assert!(stage.process().output().iter().all(|line| !line.contains(&login[7..])), "the token is logged");
}

#[tokio::test]
async fn the_metadata_server_gives_a_token() {
    skip_unless!(Tool::NatsServer);
    let (folder, metadata) = (tempfile::tempdir().expect("a folder"), WebhookReceiver::start().await.expect("starts"));
    metadata.rule(Rule::new(TOKEN));
    let (pubsub, fixture, stage) = start(folder.path(), &[("GCE_METADATA_HOST", &metadata.address().to_string())]).await;
    assert_eq!(login(&pubsub, &fixture).await, "Bearer hunter2");
    assert!(metadata.received().iter().any(|request| request.headers["metadata-flavor"] == "Google"));
    assert!(stage.process().output().iter().all(|line| !line.contains("hunter2")), "the token is logged");
}

#[tokio::test]
async fn without_credentials_events_wait_and_the_log_says_what_to_do() {
    skip_unless!(Tool::NatsServer);
    let (folder, gone) = (tempfile::tempdir().expect("a folder"), WebhookReceiver::start().await.expect("starts").address().to_string());
    let (pubsub, fixture, stage) = start(folder.path(), &[("GCE_METADATA_HOST", &gone)]).await;
    let advice = "check GOOGLE_APPLICATION_CREDENTIALS or the workload identity, or give credentials_path";
    let said = || async { stage.process().output().iter().any(|line| line.contains("no access token of Google") && line.contains(advice)) };
    wait::until("what to do", BOUND, said).await.unwrap_or_else(|error| panic!("{error}: {:#?}", stage.process().output()));
    assert_eq!(pubsub.number_of_requests(), 0, "nothing is asked without a login");
    assert!(fixture.dead("topic").await.is_empty());
}
