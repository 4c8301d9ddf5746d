//! HTTP as receivers use it: a client of their own, and what an answer means.

mod address;
mod answer;
mod compression;
mod headers;
mod login;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, StatusCode, header};

pub(crate) use self::{
    address::Address,
    answer::{Answer, REASON, one_line},
    compression::Compression,
    headers::Headers,
    login::{Login, Sign, secret},
};
use crate::{keys::Keys, sink::SendError, tls::Tls};

/// How long a connection may be used again that nothing was sent on; it is closed within twice that time. Shorter than load balancers keep it (60 s and more), so
/// that no event is sent on one that is just being closed, and what a busy time needed is given back soon.
const IDLE: Duration = Duration::from_secs(20);

/// Makes a client for one receiver. Redirects are not followed; `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are honoured. What is wrong with the TLS settings
/// is among the findings of `keys`.
pub(crate) fn client(keys: &mut Keys<'_>, tls: &Tls, default_timeout: Duration) -> Option<Client> {
    let timeout = keys.receiver.timeout_or(default_timeout);
    let mut builder = Client::builder()
        .user_agent(concat!("herald/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .pool_idle_timeout(IDLE)
        .timeout(timeout);
    if let Some(mut config) = tls.config(keys) {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        builder = builder.tls_backend_preconfigured(config);
    }
    let fail = |error| keys.error(keys.spec().problem_at("tls", format!("cannot set up TLS: {error}; check the certificates")));
    builder.build().map_err(fail).ok()
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
    SendError::outage(reason)
}

/// What a status other than 2xx means.
///
/// A wrong address or login is a fault of the configuration, not of the event: it is waited for like an outage, so that no event is given up because of it.
pub(crate) fn refusal(status: StatusCode, after: Option<Duration>, said: &str, shown: &str) -> SendError {
    let reason = format!("{shown} answered {status}{}{said}", if said.is_empty() { "" } else { ": " });
    match status.as_u16() {
        429 | 502..=504 => SendError::Outage { reason, after },
        300..=399 => SendError::outage(format!("{reason}; redirects are not followed, name the final address")),
        401 | 403 | 404 | 405 | 407 => SendError::outage(format!("{reason}; check the receiver's address and credentials")),
        408 | 409 | 425 | 500..=599 => SendError::refused(reason),
        _ => SendError::permanent(reason),
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
        for code in [301, 401, 403, 404, 405, 407, 429, 502, 503, 504] {
            assert!(matches!(of(code), SendError::Outage { .. }), "{code}");
        }
        for (codes, permanent) in [(&[408, 409, 425, 500, 501, 505][..], false), (&[400, 402, 406, 410, 411, 413, 415, 422][..], true)] {
            for &code in codes {
                assert!(matches!(of(code), SendError::Refused(refusal) if refusal.permanent == permanent), "{code}");
            }
        }
    }
}
