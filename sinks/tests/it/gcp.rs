//! Where credentials of Google Cloud come from: a file, the machine's metadata server, nowhere. The real program is run, whose environment decides.

use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use herald_testkit::{
    certs::Authority,
    receiver::{Answer, Received, Reply, Rule, WebhookReceiver},
    servers::google::Account,
    skip_unless,
    stage::{Stage, StageOptions},
    tools::Tool,
    wait,
};

use crate::fixture::{BOUND, Fixture};

const TOKEN: Answer = Answer::Says(200, r#"{"access_token":"hunter2","expires_in":3600,"token_type":"Bearer"}"#);
const TAKEN: Answer = Answer::Says(200, r#"{"messageIds":["1"]}"#);

/// A Pub/Sub that answers so, and the sinks as a process with this environment, one event waiting.
async fn start(folder: &Path, environment: &[(&str, &str)], answer: Answer) -> (WebhookReceiver, Fixture, Stage) {
    let authority = Authority::new("own").expect("an authority");
    let pubsub = WebhookReceiver::start_tls(&authority.server(&["localhost"]).expect("a certificate"), None).await.expect("starts");
    pubsub.rule(Rule::new(answer));
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
    let (pubsub, fixture, stage) = start(folder.path(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)], TAKEN).await;
    let login = login(&pubsub, &fixture).await;
    assert!(login.starts_with("Bearer eyJ") && login.split('.').count() == 3, "{login}");
    let claims = BASE64URL_NOPAD.decode(login.split('.').nth(1).unwrap_or_default().as_bytes()).expect("base64");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/pubsub");
    assert!(stage.process().output().iter().all(|line| !line.contains(&login[7..])), "the token is logged");
}

#[tokio::test]
async fn the_metadata_server_gives_a_token() {
    skip_unless!(Tool::NatsServer);
    let (folder, metadata) = (tempfile::tempdir().expect("a folder"), WebhookReceiver::start().await.expect("starts"));
    metadata.rule(Rule::new(TOKEN));
    let (pubsub, fixture, stage) = start(folder.path(), &[("GCE_METADATA_HOST", &metadata.address().to_string())], TAKEN).await;
    assert_eq!(login(&pubsub, &fixture).await, "Bearer hunter2");
    let asked = metadata.received();
    assert!(asked.iter().any(|request| request.headers["metadata-flavor"] == "Google"));
    assert!(asked.iter().any(|request| request.path.ends_with("auth/pubsub") || request.path.ends_with("auth%2Fpubsub")), "{asked:?}");
    assert!(stage.process().output().iter().all(|line| !line.contains("hunter2")), "the token is logged");
}

#[tokio::test]
async fn without_credentials_events_wait_and_the_log_says_what_to_do() {
    skip_unless!(Tool::NatsServer);
    let (folder, gone) = (tempfile::tempdir().expect("a folder"), WebhookReceiver::start().await.expect("starts").address().to_string());
    let (pubsub, fixture, stage) = start(folder.path(), &[("GCE_METADATA_HOST", &gone)], TAKEN).await;
    let advice = "check GOOGLE_APPLICATION_CREDENTIALS or the workload identity, or give credentials_path";
    let said = || async { stage.process().output().iter().any(|line| line.contains("no access token of Google") && line.contains(advice)) };
    wait::until("what to do", BOUND, said).await.unwrap_or_else(|error| panic!("{error}: {:#?}", stage.process().output()));
    assert_eq!(pubsub.number_of_requests(), 0, "nothing is asked without a login");
    assert!(fixture.dead("topic").await.is_empty());
}

/// A Pub/Sub that does not take the first token any more.
fn forgetful(request: &Received) -> Reply {
    let is_good = request.headers["authorization"] != "Bearer hunter2";
    let (status, body) = if is_good { (200, r#"{"messageIds":["1"]}"#) } else { (401, "{}") };
    Reply { status, body: body.to_owned(), accepted: is_good, ..Reply::default() }
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_asked_for_anew() {
    skip_unless!(Tool::NatsServer);
    let (folder, metadata) = (tempfile::tempdir().expect("a folder"), WebhookReceiver::start().await.expect("starts"));
    // Both are good for an hour.
    metadata.rule(Rule::new(TOKEN).times(1));
    metadata.rule(Rule::new(Answer::Says(200, r#"{"access_token":"hunter3","expires_in":3600,"token_type":"Bearer"}"#)));
    let environment = [("GCE_METADATA_HOST", metadata.address().to_string())].map(|(name, value)| (name, value.leak() as &str));
    let (pubsub, fixture, _stage) = start(folder.path(), &environment, Answer::By(forgetful)).await;
    fixture.settled("topic").await;
    let logins: Vec<_> = pubsub.received().iter().map(|request| request.headers["authorization"].clone()).collect();
    assert_eq!(
        (&logins[0], logins.last().expect("came")),
        (&"Bearer hunter2".parse().expect("a value"), &"Bearer hunter3".parse().expect("a value"))
    );
    assert!(fixture.dead("topic").await.is_empty());
}

#[tokio::test]
async fn messages_with_an_order_are_published_one_request_after_the_other() {
    skip_unless!(Tool::NatsServer);
    let pubsub = WebhookReceiver::start().await.expect("starts");
    pubsub.rule(Rule::new(Answer::Hang));
    let keys = format!("gcloud_project_id: p, topic: t, endpoint: \"{}\", ordering_key: '{{{{ .InvolvedObject.Kind }}}}'", pubsub.url());
    let fixture = Fixture::start(&format!("- {{name: topic, timeout: 1s, pubsub: {{{keys}}}}}\n")).await;
    fixture.takes_one_at_a_time("topic", "pubsub").await;
}

#[tokio::test]
async fn an_answer_without_an_id_for_each_message_is_none_of_pubsubs() {
    skip_unless!(Tool::NatsServer);
    let pubsub = WebhookReceiver::start().await.expect("starts");
    pubsub.rule(Rule::new(Answer::Says(200, "<html>welcome</html>")).containing("messages").times(2));
    pubsub.rule(Rule::new(Answer::Says(200, r#"{"messageIds":["1"]}"#)));
    let keys = format!("gcloud_project_id: p, topic: t, endpoint: \"{}\"", pubsub.url());
    let fixture = Fixture::start(&format!("- {{name: topic, pubsub: {{{keys}}}}}\n")).await;
    fixture.publish("topic", &["a"]).await;
    fixture.settled("topic").await;
    assert_eq!((fixture.metric("published", "topic"), fixture.metric("retried", "topic")), (1, 2));
}
