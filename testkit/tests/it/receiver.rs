//! The webhook receiver records, misbehaves as told, goes away and comes back.

use std::time::Duration;

use herald_testkit::{
    certs::Authority,
    receiver::{Answer, Received, Rule, WebhookReceiver},
};
use reqwest::{Certificate, Client, Identity, StatusCode};

const BOUND: Duration = Duration::from_secs(10);

fn client() -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

async fn send(client: &Client, receiver: &WebhookReceiver, identity: &str, body: &str) -> reqwest::Result<StatusCode> {
    let request = client.post(format!("{}/hook?a=1", receiver.url())).header("Idempotency-Key", identity).body(body.to_owned());
    let response = request.send().await?;
    let status = response.status();
    response.bytes().await?;
    Ok(status)
}

#[tokio::test]
async fn requests_are_kept_and_repetitions_recognised() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let client = client();
    for (identity, body) in [("a", "1"), ("b", "2"), ("a", "1")] {
        assert_eq!(send(&client, &receiver, identity, body).await.unwrap(), StatusCode::OK);
    }
    let unique = receiver.wait_for(2, BOUND).await.unwrap();
    assert_eq!(unique.iter().map(Received::text).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((receiver.received().len(), receiver.duplicates(), unique[0].path.as_str()), (3, 1, "/hook?a=1"));
    let error = receiver.wait_for(3, Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(error.to_string(), "waited 20ms for 3 events, 2 came in 3 requests");
}

#[tokio::test]
async fn rules_decide_the_answers_of_the_requests_they_name() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let client = client();
    receiver.rule(Rule::new(Answer::Status(400)).containing("poison"));
    receiver.rule(Rule::new(Answer::RetryAfter(429, 7)).times(1));
    receiver.rule(Rule::new(Answer::Cut).times(1));
    receiver.rule(Rule::new(Answer::CutWithin).times(1));
    assert_eq!(send(&client, &receiver, "p", "the poison").await.unwrap(), StatusCode::BAD_REQUEST);
    let limited = client.post(receiver.url()).body("x").send().await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    send(&client, &receiver, "cut", "x").await.unwrap_err();
    assert_eq!(receiver.number_of_unique(), 0);
    send(&client, &receiver, "within", "x").await.unwrap_err();
    assert_eq!(send(&client, &receiver, "within", "x").await.unwrap(), StatusCode::OK);
    assert_eq!((receiver.number_of_unique(), receiver.duplicates(), receiver.number_of_requests()), (1, 1, 5));
    receiver.rule(Rule::new(Answer::Hang));
    let patient = client.post(receiver.url()).timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(patient.is_timeout());
    receiver.clear_rules();
    assert_eq!(send(&client, &receiver, "p", "the poison").await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn it_goes_away_and_comes_back_on_the_same_port() {
    let mut receiver = WebhookReceiver::start().await.unwrap();
    let client = client();
    send(&client, &receiver, "a", "1").await.unwrap();
    receiver.stop().await;
    assert!(send(&client, &receiver, "b", "2").await.unwrap_err().is_connect());
    receiver.start_again().await.unwrap();
    send(&client, &receiver, "b", "2").await.unwrap();
    assert_eq!(receiver.wait_for(2, BOUND).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_forgetful_one_only_counts() {
    let receiver = WebhookReceiver::start_forgetful().await.unwrap();
    let client = client();
    for identity in ["a", "b", "a"] {
        send(&client, &receiver, identity, "x").await.unwrap();
    }
    receiver.wait_for(2, BOUND).await.unwrap();
    assert_eq!((receiver.received().len(), receiver.number_of_unique(), receiver.duplicates()), (0, 2, 1));
}

#[tokio::test]
async fn with_tls_only_clients_of_the_authority_are_heard() {
    let authority = Authority::new("test").unwrap();
    let server = authority.server(&["localhost"]).unwrap();
    let receiver = WebhookReceiver::start_tls(&server, Some(authority.certificate())).await.unwrap();
    client();
    let trusting = || Client::builder().no_proxy().tls_certs_only([Certificate::from_pem(authority.certificate().as_bytes()).unwrap()]);
    let stranger = trusting().build().unwrap();
    send(&stranger, &receiver, "a", "1").await.unwrap_err();
    let known = authority.client("sender", &[]).unwrap();
    let pem = format!("{}{}", known.certificate, known.key);
    let known = trusting().identity(Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap();
    assert_eq!(send(&known, &receiver, "a", "1").await.unwrap(), StatusCode::OK);
    assert_eq!(receiver.number_of_requests(), 1);
}
