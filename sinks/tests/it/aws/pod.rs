//! What a pod is given on AWS, found in its environment without a word in the configuration: a role by web identity (IRSA), by EKS Pod Identity, and that of
//! the instance. The sinks run as a process of their own, whose environment is nobody else's.

use herald_testkit::{
    receiver::{Answer, Received, Reply, Rule},
    servers::{aws::KEY_ID, moto::REGION},
    skip_unless,
    stage::StageOptions,
    tools::Tool,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Fake, SECRET, assert_signed, header};
use crate::fixture::Fixture;

const TOKEN: &str = "projected-token";
const ROLE: &str = "arn:aws:iam::123456789012:role/herald";

/// What tells credentials, and the service that wants them; each of the three is asked in its own way.
fn aws(request: &Received) -> Reply {
    let end = Timestamp::now() + SignedDuration::from_hours(1);
    let told = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": Timestamp::now(), "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET,
        "Token": "session", "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let path = request.path.trim_end_matches('/');
    let body = match path {
        _ if request.text().contains("Action=AssumeRoleWithWebIdentity") => format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>\
             <AccessKeyId>{KEY_ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>session</SessionToken>\
             <Expiration>{end}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        ),
        "/agent" | "/latest/meta-data/iam/security-credentials/pods" => told.to_string(),
        "/latest/api/token" => TOKEN.to_owned(),
        "/latest/meta-data/iam/security-credentials" => "pods".to_owned(),
        _ if path.starts_with("/latest") => return Reply { status: 404, ..Reply::default() },
        _ => "{}".to_owned(),
    };
    Reply { status: 200, header: Some(("x-aws-ec2-metadata-token-ttl-seconds", "600")), body, accepted: true, ..Reply::default() }
}

/// Delivers an event with this environment, and returns what AWS was asked; the last request is the event's.
async fn delivered(environment: impl FnOnce(&Fake) -> Vec<(&'static str, String)>) -> Vec<Received> {
    let fake = Fake::start().await;
    fake.receiver.rule(Rule::new(Answer::By(aws)));
    std::fs::write(token_file(&fake), TOKEN).expect("written");
    let receivers =
        format!("receivers:\n- name: r\n  opscenter: {{endpoint: \"{}\", title: t, description: d, source: s}}\n", fake.receiver.url());
    let fixture = Fixture::prepare(&receivers).await;
    let conf = fake.folder.path().join("config.yaml");
    std::fs::write(&conf, &receivers).expect("written");
    let options = StageOptions::new("herald-sinks").conf(&conf).nats(&fixture.nats.url());
    // No profile of whoever runs this.
    let options = options.env("HOME", fake.folder.path()).env("AWS_REGION", REGION);
    let options = environment(&fake).into_iter().fold(options, |options, (name, value)| options.env(name, value));
    let sinks = options.start().expect("starts");
    fixture.publish("r", &["a"]).await;
    fixture.settled("r").await;
    drop(sinks);
    let requests = fake.receiver.received();
    let item = requests.last().expect("came");
    assert_signed(item, "ssm");
    let authorization = header(item, "authorization");
    assert!(authorization.contains(&format!("Credential={KEY_ID}/")), "{authorization}");
    assert_eq!(header(item, "x-amz-security-token"), "session");
    requests
}

fn token_file(fake: &Fake) -> String {
    fake.folder.path().join("token").display().to_string()
}

#[tokio::test]
async fn a_role_of_the_service_account_is_taken_on() {
    skip_unless!(Tool::NatsServer);
    let requests = delivered(|fake| {
        vec![
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token_file(fake)),
            ("AWS_ROLE_ARN", ROLE.to_owned()),
            ("AWS_ENDPOINT_URL", fake.receiver.url()),
        ]
    })
    .await;
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&requests[0].body).into_owned().collect();
    for (name, value) in [("Action", "AssumeRoleWithWebIdentity"), ("RoleArn", ROLE), ("WebIdentityToken", TOKEN)] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{form:?}");
    }
    assert!(!requests[0].headers.contains_key("authorization"), "the token is the proof");
}

#[tokio::test]
async fn the_agent_of_eks_pod_identity_is_asked_with_the_pods_token() {
    skip_unless!(Tool::NatsServer);
    let requests = delivered(|fake| {
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/agent", fake.receiver.url())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file(fake)),
        ]
    })
    .await;
    assert_eq!((requests[0].path.as_str(), header(&requests[0], "authorization")), ("/agent", TOKEN));
}

#[tokio::test]
async fn the_role_of_the_instance_is_the_last_resort() {
    skip_unless!(Tool::NatsServer);
    let requests = delivered(|fake| vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.receiver.url())]).await;
    let asked: Vec<&Received> = requests.iter().filter(|request| request.path.contains("/meta-data/")).collect();
    assert!(!asked.is_empty());
    asked.iter().for_each(|request| assert_eq!(header(request, "x-aws-ec2-metadata-token"), TOKEN, "IMDSv2: {}", request.path));
}
