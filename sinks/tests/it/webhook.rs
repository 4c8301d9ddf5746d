//! What goes over the wire, and TLS.

use std::time::Duration;

use herald_testkit::{certs::Authority, receiver::WebhookReceiver, scratch::Scratch, skip_unless, tools::Tool};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::fixture::{BOUND, Fixture, event};

#[tokio::test]
async fn a_request_is_the_events_bytes_with_its_identity() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    let endpoint = receiver.url().replace("http://", "http://user:pa%20ss@");
    let mut fixture = Fixture::start(&format!(
        "  - {{name: w, webhook: {{endpoint: '{endpoint}/hook?a=1&b=x%20y', headers: {{X-API-KEY: '123', Content-Type: application/cloudevents+json}}}}}}\n"
    ))
    .await;
    fixture.publish("w", &["a"]).await;
    let received = receiver.wait_for(1, BOUND).await.expect("arrives").remove(0);
    let header = |name| received.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(received.text(), event("a"));
    assert_eq!(received.path, "/hook?a=1&b=x%20y");
    assert_eq!(header("idempotency-key"), ["c/a/1"]);
    assert_eq!(header("content-type"), ["application/cloudevents+json"], "the configured one, once");
    assert_eq!(header("x-api-key"), ["123"]);
    assert_eq!(header("authorization"), ["Basic dXNlcjpwYSBzcw=="]);
    fixture.stop().await;
}

#[tokio::test]
async fn tls_takes_an_own_authority_and_a_client_certificate_and_no_stranger() {
    skip_unless!(Tool::NatsServer);
    let (authority, stranger) = (Authority::new("ours").expect("made"), Authority::new("theirs").expect("made"));
    let server = authority.server(&["localhost"]).expect("made");
    let client = authority.client("herald", &[]).expect("made");
    let receiver = WebhookReceiver::start_tls(&server, Some(authority.certificate())).await.expect("starts");
    let scratch = Scratch::new("tls").expect("a folder");
    let file = |name: &str, content: &str| scratch.write(name, content).expect("written").display().to_string();
    let (ours, theirs) = (file("ours.crt", authority.certificate()), file("theirs.crt", stranger.certificate()));
    let (certificate, key) = (file("client.crt", &client.certificate), file("client.key", &client.key));
    let hook = |name: &str, ca: &str, more: &str| {
        format!("  - {{name: {name}, webhook: {{endpoint: '{}/', tls: {{caFile: {ca}{more}}}}}}}\n", receiver.url())
    };
    let both = format!(", certFile: {certificate}, keyFile: {key}");
    let mut fixture =
        Fixture::start(&(hook("good", &ours, &both) + &hook("stranger", &theirs, &both) + &hook("nameless", &ours, ""))).await;
    for name in ["good", "stranger", "nameless"] {
        fixture.publish(name, &[name]).await;
    }
    receiver.wait_for(1, BOUND).await.expect("arrives");
    fixture.until("the others to fail", || fixture.metric("retried", "stranger") >= 1 && fixture.metric("retried", "nameless") >= 1).await;
    assert_eq!(receiver.unique().len(), 1);
    assert_eq!(receiver.unique()[0].identity(), Some("c/good/1"));
    fixture.stop().await;
}

/// Load balancers close a connection that was idle for a minute, perhaps while an event is on its way there.
#[tokio::test]
async fn an_idle_connection_is_used_again_and_closed_in_time() {
    skip_unless!(Tool::NatsServer);
    async fn answer(stream: &mut TcpStream, name: &str) {
        let mut request = Vec::new();
        while !request.ends_with(event(name).as_bytes()) {
            let read = timeout(BOUND, stream.read_buf(&mut request)).await.expect("in time").expect("comes");
            assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&request));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("answered");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("bound");
    let fixture = Fixture::start(&format!("  - {{name: w, webhook: {{endpoint: 'http://{address}/'}}}}\n")).await;
    fixture.publish("w", &["a"]).await;
    let (mut stream, _) = timeout(BOUND, listener.accept()).await.expect("in time").expect("connects");
    answer(&mut stream, "a").await;
    fixture.settled("w").await;
    fixture.publish("w", &["b"]).await;
    answer(&mut stream, "b").await;
    let end = timeout(Duration::from_secs(50), stream.read(&mut [0])).await.expect("within a minute");
    assert_eq!(end.expect("closed properly"), 0);
    fixture.settled("w").await;
}
