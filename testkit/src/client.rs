//! The HTTP client with which the kit asks servers for their state.

use std::time::Duration;

/// A client without proxies whose requests end after ten seconds.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Fails only when the process has chosen its provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10))
}

/// The body of a successful GET over plain HTTP, `None` when there is no answer or it is not a success.
pub(crate) async fn get(url: &str) -> Option<String> {
    // Without certificates, which take longer to load than the answer takes to come.
    let answer = builder().tls_certs_only([]).build().ok()?.get(url).send().await.ok()?;
    if answer.status().is_success() { answer.text().await.ok() } else { None }
}
