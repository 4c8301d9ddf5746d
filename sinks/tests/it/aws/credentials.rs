//! Who Herald is at AWS: credentials that end, those of a session and of a role, and an address from the profile.

use std::path::Path;

use herald_testkit::{
    receiver::{Answer, Received, Reply, Rule},
    servers::{
        aws::{KEY_ID, SECRET},
        moto::REGION,
    },
    skip_unless,
    tools::Tool,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Fake, assert_signed, checked, header};
use crate::{
    fixture::{BOUND, Fixture},
    search::TAKEN,
};

const ITEM: &str = "title: '{{ .Name }}', description: d, source: s";

/// A file that a program of the profile's prints: credentials as AWS's programs tell them, for a time.
fn tell(file: &Path, key_id: &str, token: &str, minutes: i64) {
    let end = Timestamp::now() + SignedDuration::from_mins(minutes);
    let told =
        json!({"Version": 1, "AccessKeyId": key_id, "SecretAccessKey": SECRET, "SessionToken": token, "Expiration": end.to_string()});
    std::fs::write(file, told.to_string()).expect("written");
}

/// A fake that takes every item, and the file that its credentials are printed from.
async fn with_program() -> (Fake, std::path::PathBuf) {
    let fake = Fake::start().await;
    let told = fake.folder.path().join("told.json");
    let profile = format!("[default]\ncredential_process = /bin/cat {}\n", told.display());
    std::fs::write(fake.credentials(), profile).expect("written");
    fake.says("Title", 200, "{}");
    (fake, told)
}

async fn deliver(fixture: &Fixture, name: &str) {
    fixture.publish("r", &[name]).await;
    fixture.settled("r").await;
}

/// Whose request it is.
fn signer(request: &Received) -> (&str, &str) {
    let authorization = header(request, "authorization");
    let (_, rest) = authorization.split_once("Credential=").expect("signed");
    (rest.split('/').next().unwrap_or_default(), header(request, "x-amz-security-token"))
}

#[tokio::test]
async fn credentials_of_a_session_are_sent_with_their_token_and_renewed_before_they_end() {
    skip_unless!(Tool::NatsServer);
    let (fake, told) = with_program().await;
    tell(&told, "AKIAOLD", "one", 4);
    let fixture = Fixture::start_with(&fake.config("opscenter", ITEM)).await;
    deliver(&fixture, "a").await;
    tell(&told, KEY_ID, "two", 60);
    deliver(&fixture, "b").await;
    tell(&told, "AKIANEVER", "three", 60);
    deliver(&fixture, "c").await;
    let requests = fake.receiver.received();
    assert_eq!(requests.iter().map(signer).collect::<Vec<_>>(), [("AKIAOLD", "one"), (KEY_ID, "two"), (KEY_ID, "two")]);
    // The token is among what is signed.
    requests[1..].iter().for_each(|request| assert_signed(request, "ssm"));
}

#[tokio::test]
async fn credentials_that_cannot_be_renewed_are_used_until_they_end() {
    skip_unless!(Tool::NatsServer);
    let (fake, told) = with_program().await;
    tell(&told, KEY_ID, "one", 4);
    let fixture = Fixture::start_with(&fake.config("opscenter", ITEM)).await;
    deliver(&fixture, "a").await;
    std::fs::remove_file(&told).expect("removed");
    deliver(&fixture, "b").await;
    assert_eq!((fake.receiver.number_of_requests(), fixture.metric("retried", "r")), (2, 0));

    let (fake, told) = with_program().await;
    tell(&told, KEY_ID, "one", -1);
    let fixture = Fixture::start_with(&fake.config("opscenter", ITEM)).await;
    deliver(&fixture, "a").await;
    std::fs::remove_file(&told).expect("removed");
    fixture.publish("r", &["b"]).await;
    fixture.until("attempts to be repeated", || fixture.metric("retried", "r") > 1).await;
    assert_eq!(fake.receiver.number_of_requests(), 1, "nothing is signed with what has ended");
    tell(&told, KEY_ID, "two", 60);
    fixture.settled("r").await;
    assert_eq!(signer(&fake.receiver.received()[1]), (KEY_ID, "two"));
}

#[tokio::test]
async fn a_role_is_taken_on_and_the_address_is_the_profiles() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    let url = fake.receiver.url();
    let profile = |name: &str, key_id: &str| {
        format!("[{name}]\naws_access_key_id = {key_id}\naws_secret_access_key = {SECRET}\nendpoint_url = {url}\n")
    };
    std::fs::write(fake.credentials(), profile("default", "AKIADEFAULT") + &profile("other", "AKIAOTHER")).expect("written");
    let end = Timestamp::now() + SignedDuration::from_hours(1);
    let role = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials><AccessKeyId>{KEY_ID}</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>session</SessionToken><Expiration>{end}</Expiration></Credentials>\
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/herald/herald</Arn><AssumedRoleId>A:herald</AssumedRoleId></AssumedRoleUser>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    fake.says("AssumeRole", 200, role.leak());
    fake.says("Title", 200, "{}");
    let config = fake
        .config("opscenter", ITEM)
        .replace(&format!("endpoint: \"{url}\", "), "")
        .replace("credentials: {", "credentials: {profile: other, roleARN: 'arn:aws:iam::123456789012:role/herald', ");
    let fixture = Fixture::start_with(&config).await;
    deliver(&fixture, "a").await;
    let requests = fake.receiver.received();
    let sts = header(&requests[0], "authorization");
    assert!(sts.contains("Credential=AKIAOTHER/") && sts.contains(&format!("/{REGION}/sts/aws4_request")), "{sts}");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&requests[0].body).into_owned().collect();
    for (name, value) in [("RoleArn", "arn:aws:iam::123456789012:role/herald"), ("RoleSessionName", "herald")] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{form:?}");
    }
    let item = requests.last().expect("came");
    assert_eq!((requests.len(), signer(item)), (2, (KEY_ID, "session")));
    assert_signed(item, "ssm");
}

/// An OpenSearch Service that knows only the right key.
fn domain(request: &Received) -> Reply {
    let knows = header(request, "authorization").contains(KEY_ID);
    let (status, body) = if knows { (200, TAKEN) } else { (403, "no") };
    Reply { status, body: body.to_owned(), accepted: knows, ..Reply::default() }
}

#[tokio::test]
async fn credentials_that_a_domain_does_not_know_are_read_again() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    let good = std::fs::read_to_string(fake.credentials()).expect("reads");
    std::fs::write(fake.credentials(), good.replace(KEY_ID, "AKIAOLD")).expect("written");
    fake.receiver.rule(Rule::new(Answer::By(domain)));
    let (url, file) = (fake.receiver.url(), fake.credentials().display().to_string());
    let aws = format!("{{service: es, region: {REGION}, credentials: {{file: {file}}}}}");
    let config = format!("receivers:\n- name: r\n  opensearch: {{hosts: [\"{url}\"], index: events, aws: {aws}}}\n");
    let fixture = Fixture::start_with(&config).await;
    fixture.publish("r", &["a"]).await;
    // The check at start is one of them.
    fake.receiver.wait_for_requests(3, BOUND).await.expect("asked again");
    std::fs::write(fake.credentials(), good).expect("written");
    fixture.settled("r").await;
    assert_eq!((fixture.metric("published", "r"), fixture.metric("dead", "r")), (1, 0));
}

#[tokio::test]
async fn a_profile_without_keys_is_told_and_no_secret_is() {
    let fake = Fake::start().await;
    let config = fake.config("sqs", "queueName: events").replace("credentials: {", "credentials: {profile: other, ");
    let error = checked(&config).await.expect_err("no such profile").to_string();
    assert!(error.starts_with("no credentials for AWS: ") && error.contains("other"), "{error}");
    assert!(!error.contains(SECRET), "{error}");
    assert_eq!(fake.receiver.number_of_requests(), 0);
}

#[tokio::test]
async fn credentials_that_a_service_does_not_like_any_more_are_read_again() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    let good = std::fs::read_to_string(fake.credentials()).expect("reads");
    std::fs::write(fake.credentials(), good.replace(KEY_ID, "AKIAOLD")).expect("written");
    fake.receiver.rule(Rule::new(Answer::Says(403, r#"{"__type":"ExpiredTokenException","message":"expired"}"#)).times(2));
    fake.says("Title", 200, "{}");
    let fixture = Fixture::start_with(&fake.config("opscenter", "title: t, description: d, source: s")).await;
    fixture.publish("r", &["a"]).await;
    fake.receiver.wait_for_requests(1, BOUND).await.expect("asked");
    std::fs::write(fake.credentials(), good).expect("written");
    fixture.settled("r").await;
    let all = fake.receiver.received();
    assert!(header(&all[0], "authorization").contains("Credential=AKIAOLD/"));
    assert_signed(all.last().expect("came"), "ssm");
    assert_eq!((fixture.metric("published", "r"), fixture.metric("dead", "r")), (1, 0));
}
