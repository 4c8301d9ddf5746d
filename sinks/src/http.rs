//! HTTP as receivers use it: a client of their own, TLS settings, and what an answer means.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use reqwest::{Client, StatusCode, header};
use serde::Deserialize;

use crate::sink::SendError;

/// The keys of `tls`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// Whether any certificate is taken. Only for tests.
    pub insecure_skip_verify: bool,
    /// The name the certificate must bear, when it is not the address's.
    pub server_name: String,
    /// PEM file of the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
}

/// Makes a client.
///
/// # Errors
/// What is wrong with the TLS settings, with the key it is about.
pub(crate) fn client(tls: &Tls, timeout: Duration) -> Result<Client, (&'static str, String)> {
    let mut builder = Client::builder()
        .user_agent(concat!("herald/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .timeout(timeout)
        .tls_danger_accept_invalid_certs(tls.insecure_skip_verify);
    if !tls.server_name.is_empty() && !tls.insecure_skip_verify {
        return Err(("serverName", "not supported yet, use a certificate for the address's name".to_owned()));
    }
    if let Some(path) = &tls.ca_file {
        let pem = read("caFile", path)?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| ("caFile", format!("{} holds no certificate: {error}", path.display())))?;
        builder = builder.tls_certs_only(roots);
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(certificate), Some(key)) => {
            let mut pem = read("certFile", certificate)?;
            pem.push(b'\n');
            pem.extend(read("keyFile", key)?);
            let identity = reqwest::Identity::from_pem(&pem)
                .map_err(|error| ("certFile", format!("{} and its key do not fit: {error}", certificate.display())))?;
            builder = builder.identity(identity);
        }
        (Some(_), None) => return Err(("certFile", "needs keyFile beside it".to_owned())),
        (None, Some(_)) => return Err(("keyFile", "needs certFile beside it".to_owned())),
        (None, None) => {}
    }
    builder.build().map_err(|error| ("caFile", format!("cannot set up TLS: {error}")))
}

fn read(key: &'static str, path: &PathBuf) -> Result<Vec<u8>, (&'static str, String)> {
    std::fs::read(path).map_err(|error| (key, format!("cannot read {}: {error}", path.display())))
}

/// What a failure to get an answer means: the receiver is not there. The error's own words may hold the address's secrets and are left out.
pub(crate) fn no_answer(error: &reqwest::Error, shown: &str) -> SendError {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    };
    let mut cause = std::error::Error::source(error);
    let mut reason = format!("{shown}: {what}");
    while let Some(error) = cause {
        cause = error.source();
        if cause.is_none() {
            reason.push_str(&format!(": {error}"));
        }
    }
    SendError::Outage { reason, after: None }
}

/// What a status other than 2xx means.
///
/// A wrong address or login is a fault of the configuration, not of the event: it is waited for like an outage, so that no event is given up because of it.
pub(crate) fn refusal(status: StatusCode, after: Option<Duration>, said: &str, shown: &str) -> SendError {
    let reason = format!("{shown} answered {status}{}{said}", if said.is_empty() { "" } else { ": " });
    match status.as_u16() {
        429 | 502..=504 => SendError::Outage { reason, after },
        300..=399 => SendError::Outage { reason: format!("{reason}; redirects are not followed, name the final address"), after: None },
        401 | 403 | 404 | 405 | 407 => {
            SendError::Outage { reason: format!("{reason}; check the receiver's address and credentials"), after: None }
        }
        408 | 409 | 425 | 500..=599 => SendError::Refused { reason },
        _ => SendError::Permanent { reason },
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date.
pub(crate) fn retry_after(headers: &header::HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Duration::try_from(date.timestamp().duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &'static str) -> Option<Duration> {
        let mut headers = header::HeaderMap::new();
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(value));
        retry_after(&headers, "2015-10-21T07:27:00Z".parse().expect("a time"))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(after("Wed, 21 Oct 2015 07:20:00 GMT"), None, "in the past");
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn answers_are_told_apart() {
        let of = |code: u16| refusal(StatusCode::from_u16(code).expect("a code"), None, "", "http://h/");
        for code in [301, 401, 403, 404, 429, 502, 503, 504] {
            assert!(matches!(of(code), SendError::Outage { .. }), "{code}");
        }
        for code in [408, 409, 500, 501] {
            assert!(matches!(of(code), SendError::Refused { .. }), "{code}");
        }
        for code in [400, 410, 413, 422] {
            assert!(matches!(of(code), SendError::Permanent { .. }), "{code}");
        }
    }
}
