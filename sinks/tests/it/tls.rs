//! TLS as `tls` says: an authority of one's own, names, client certificates.

use std::path::{Path, PathBuf};

use herald_testkit::{certs::Authority, receiver::WebhookReceiver, skip_unless, tools::Tool, wait};

use crate::fixture::{BOUND, Fixture};

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[tokio::test]
async fn certificates_are_verified_as_configured() {
    skip_unless!(Tool::NatsServer);
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("own").expect("an authority");
    let client = authority.client("herald", &[]).expect("a certificate");
    let ca = file(folder.path(), "ca.pem", authority.certificate());
    let (cert, key) = (file(folder.path(), "cert.pem", &client.certificate), file(folder.path(), "key.pem", &client.key));
    let (ca, cert, key) = (ca.display(), cert.display(), key.display());
    let local = authority.server(&["localhost"]).expect("a certificate");
    let other = authority.server(&["hook.example.com"]).expect("a certificate");

    let plain = WebhookReceiver::start_tls(&local, None).await.expect("starts");
    let named = WebhookReceiver::start_tls(&other, None).await.expect("starts");
    let mutual = WebhookReceiver::start_tls(&local, Some(authority.certificate())).await.expect("starts");
    let cases = [
        ("own-authority", &plain, format!("{{caFile: {ca}}}"), true),
        ("unknown-authority", &plain, "{}".to_owned(), false),
        ("not-verified", &named, "{insecureSkipVerify: true}".to_owned(), true),
        ("wrong-name", &named, format!("{{caFile: {ca}}}"), false),
        ("server-name", &named, format!("{{caFile: {ca}, serverName: hook.example.com}}"), true),
        ("wrong-server-name", &plain, format!("{{caFile: {ca}, serverName: hook.example.com}}"), false),
        ("server-name-unknown-authority", &named, "{serverName: hook.example.com}".to_owned(), false),
        ("client-certificate", &mutual, format!("{{caFile: {ca}, certFile: {cert}, keyFile: {key}}}"), true),
        ("no-client-certificate", &mutual, format!("{{caFile: {ca}}}"), false),
    ];
    let receivers: String = cases
        .iter()
        .map(|(name, hook, tls, _)| format!("- {{name: {name}, webhook: {{endpoint: \"{}/{name}\", tls: {tls}}}}}\n", hook.url()))
        .collect();
    let fixture = Fixture::start_with(&format!("receivers:\n{receivers}")).await;
    for (name, ..) in &cases {
        fixture.publish(name, &[name]).await;
    }
    for (name, hook, tls, works) in &cases {
        if *works {
            fixture.settled(name).await;
            assert!(hook.received().iter().any(|request| request.path == format!("/{name}")), "{name}: {tls}");
        } else {
            let metrics = fixture.metrics(name);
            wait::until("attempts to be repeated", BOUND, || async { metrics.retried.get() >= 2 }).await.expect(name);
            assert!(hook.received().iter().all(|request| request.path != format!("/{name}")), "{name}: {tls}");
        }
    }
    for (name, ..) in &cases {
        assert!(fixture.dead(name).await.is_empty(), "{name}: wrong certificates are no fault of the events");
    }
}
