//! `webhook`: an HTTP POST for each event.
//!
//! The body is the event as it is exported. `Idempotency-Key` carries the event's identity, percent-encoded, the same on every repeat. 2xx is acceptance; 400, 413, 422 and
//! the like are permanent; 500 and its neighbours are refusals of this event; 429, 502 to 504, a wrong login or address, and no answer at all are outages.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::BoxFuture;
use herald_common::config::Located;
use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    http::{self, Address, Answer, Headers},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey, TextKey},
    sink::{Item, SendError, Sink},
    tls::Tls,
};

/// The keys of `webhook`.
#[derive(Default, Deserialize, JsonSchema)]
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
/// Requests at a time make up for one event a request: 5,000 events a second for a receiver that is 50 ms away.
const DEFAULTS: Defaults =
    Defaults { batch: 1, max_batch: 1, max_bytes: usize::MAX, concurrency: 400, timeout: Duration::from_secs(10), summarises: false };

struct Webhook {
    address: Address,
    headers: Headers,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("endpoint", "name the address to post to");
    let endpoint = keys.addresses("endpoint").into_iter().next();
    if config.endpoint.value.contains("{{") {
        let message = "the address is no template, {{ is sent as it stands; use a layout or headers".to_owned();
        keys.findings.mistakes.push(config.endpoint.problem(message));
    }
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http") {
        keys.unused("tls", "an http address is asked without TLS, give an https address");
    }
    let client = http::client(keys, &config.tls, DEFAULTS.timeout);
    let (headers, body) = (Headers::new(&config.headers, keys), Body::new(keys, false));
    let address = Address::new(&client?, endpoint?).hide_path(config.endpoint.hidden);
    let sink = Webhook { address, headers };
    Some(Built { sink: Box::new(sink), defaults: DEFAULTS, body })
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
        let request = self.address.post().headers(headers).body(item.body.clone());
        Answer::to(request, self.address.shown(), http::REASON).await?.accepted(self.address.shown())
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
}
