//! `webhook`: an HTTP POST for each event.
//!
//! The body is the event as it is exported. `Idempotency-Key` carries the event's identity, percent-encoded, the same on every repeat. 2xx is acceptance; 400, 413, 422 and
//! the like are permanent; 500 and its neighbours are refusals of this event; 429, 502 to 504, a wrong login or address, and no answer at all are outages.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use jiff::Timestamp;
use reqwest::{
    Client, Url,
    header::{HeaderName, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    http::{self, Headers},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey, TextKey},
    sink::{Item, SendError, Sink},
    tls::Tls,
};

/// The keys of `webhook`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The address to post to; a user and password in it are sent as basic authentication.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// TLS settings.
    pub tls: Tls,
    /// More headers, each a template; a `Content-Type` or `Idempotency-Key` here replaces ours.
    headers: BTreeMap<String, TextKey>,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How much of an answer is read for the reason.
const READ: usize = 4_096;

struct Webhook {
    client: Client,
    endpoint: Url,
    /// The address without what may be secret.
    shown: String,
    headers: Headers,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    let timeout = keys.receiver.options.timeout.map_or(Duration::from_secs(10), |timeout| timeout.0);
    keys.required("endpoint", "name the address to post to");
    let endpoint = keys.addresses("endpoint").into_iter().next();
    if config.endpoint.value.contains("{{") {
        let message = "the address is no template, {{ is sent as it stands; use a layout or headers".to_owned();
        keys.findings.mistakes.push(config.endpoint.problem(message));
    }
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http") {
        keys.unused("tls", "an http address is asked without TLS, give an https address");
    }
    let client = http::client(keys, &config.tls, timeout);
    let (headers, body) = (Headers::new(&config.headers, keys), Body::new(keys, false));
    let (client, endpoint) = (client?, endpoint?);
    let sink = Webhook { client, shown: shown(&endpoint), endpoint, headers };
    let defaults = Defaults { batch: 1, max_batch: 1, concurrency: 4, timeout };
    Some(Built { sink: Box::new(sink), defaults, body })
}

/// The identity as a header can carry it: what is not visible ASCII is written as `%` and two digits, for each byte. A cluster's name may be anything.
fn key(identity: &str) -> String {
    let mut key = String::with_capacity(identity.len());
    for byte in identity.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            key.push(char::from(byte));
        } else {
            key.push_str(&format!("%{byte:02X}"));
        }
    }
    key
}

/// Scheme, host, port and path: what may be shown.
fn shown(endpoint: &Url) -> String {
    let port = endpoint.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", endpoint.scheme(), endpoint.host_str().unwrap_or_default(), endpoint.path())
}

impl Sink for Webhook {
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            for item in batch {
                self.post(item).await?;
            }
            Ok(())
        })
    }
}

impl Webhook {
    async fn post(&self, item: &Item) -> Result<(), SendError> {
        let mut headers = self.headers.render(item).map_err(SendError::Refused)?;
        if !headers.contains_key(IDEMPOTENCY_KEY)
            && let Ok(key) = HeaderValue::try_from(key(&item.identity))
        {
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        let request = self.client.post(self.endpoint.clone()).headers(headers).body(item.body.clone());
        let mut response = request.send().await.map_err(|error| http::no_answer(&error.without_url(), &self.shown))?;
        let status = response.status();
        let after = http::retry_after(response.headers(), Timestamp::now());
        let mut said = Vec::new();
        // Read to its end, up to a bound, so that the connection can be used again. The status has decided already.
        while let Ok(Some(chunk)) = response.chunk().await {
            said.extend_from_slice(&chunk[..chunk.len().min(READ - said.len())]);
            if said.len() >= READ {
                break;
            }
        }
        if status.is_success() {
            return Ok(());
        }
        let said: String = String::from_utf8_lossy(&Bytes::from(said)).chars().filter(|c| !c.is_control()).take(300).collect();
        Err(http::refusal(status, after, said.trim(), &self.shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_makes_a_key_and_different_ones_different_keys() {
        assert_eq!(key("prod.eu/0e1f-2/42"), "prod.eu/0e1f-2/42");
        assert_eq!(key("m\u{fc}nchen/u 1/4\n2"), "m%C3%BCnchen/u%201/4%0A2");
        assert_ne!(key("a%20b"), key("a b"));
        assert!(HeaderValue::try_from(key("\u{0}\u{10FFFF}")).is_ok());
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let url = Url::parse("https://user:hunter2@h:8443/a/b?token=hunter2#x").expect("an address");
        assert_eq!(shown(&url), "https://h:8443/a/b");
    }
}
