//! The HTTP client with which the kit asks servers for their state.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder};

use crate::{certs, servers::Certificates};

/// A client without proxies whose requests end after ten seconds.
pub(crate) fn builder() -> ClientBuilder {
    // Fails only when the process has chosen its provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().timeout(Duration::from_secs(10))
}

/// As [`builder`], for servers whose certificate this authority (PEM) signed; it shows the identity's certificate.
pub(crate) fn trusting(authority: &str, identity: Option<&certs::Identity>) -> Result<ClientBuilder> {
    let authority = Certificate::from_pem(authority.as_bytes()).context("the authority is not a PEM certificate")?;
    let builder = builder().tls_certs_only([authority]);
    let Some(identity) = identity else { return Ok(builder) };
    let pem = format!("{}{}", identity.certificate, identity.key);
    Ok(builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).context("not a PEM certificate with its key")?))
}

/// A client of a server that was started with these certificates, as theirs; without them of one that speaks plain HTTP.
pub(crate) fn with(certificates: Option<&Certificates>) -> Result<Client> {
    let builder = match certificates {
        // Without certificates, which take longer to load than an answer takes to come.
        None => builder().tls_certs_only([]),
        Some(certificates) => trusting(&certificates.authority, Some(&certificates.client))?,
    };
    builder.build().context("could not make a client")
}

/// Whether a request is answered with 2xx.
pub(crate) async fn succeeds(request: RequestBuilder) -> bool {
    request.send().await.is_ok_and(|answer| answer.status().is_success())
}

/// The body of a successful GET over plain HTTP, `None` when there is no answer or it is not a success.
pub(crate) async fn get(url: &str) -> Option<String> {
    let answer = with(None).ok()?.get(url).send().await.ok()?;
    if answer.status().is_success() { answer.text().await.ok() } else { None }
}
