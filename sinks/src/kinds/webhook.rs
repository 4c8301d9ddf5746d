//! `webhook`: an HTTP POST for each event.
//!
//! The body is the event as it is exported. `Idempotency-Key` carries the event's identity, the same on every repeat. 2xx is acceptance; 400, 413, 422 and
//! the like are permanent; 500 and its neighbours are refusals of this event; 429, 502 to 504, a wrong login or address, and no answer at all are outages.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::config::{Located, Problem, Receiver};
use jiff::Timestamp;
use reqwest::{
    Client, Url,
    header::{HeaderName, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    http::{self, Headers},
    registry::{Built, Defaults},
    render::{Body, LayoutKey, Templates, TextKey},
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
/// How much of an answer is read for the reason.
const READ: usize = 4_096;

struct Webhook {
    client: Client,
    endpoint: Url,
    /// The address without what may be secret.
    shown: String,
    headers: Headers,
}

pub(crate) fn build(receiver: &Receiver, templates: &Templates) -> Result<Built, Problem> {
    let (config, mistakes) = receiver.spec.decode::<Config>()?;
    let timeout = receiver.options.timeout.map_or(Duration::from_secs(10), |timeout| timeout.0);
    if config.endpoint.value.is_empty() {
        return Err(receiver.spec.problem("endpoint is missing, name the address to post to".to_owned()));
    }
    let endpoint = Url::parse(&config.endpoint.value).map_err(|error| config.endpoint.problem(format!("this is no address: {error}")))?;
    if !matches!(endpoint.scheme(), "http" | "https") {
        return Err(config.endpoint.problem(format!("found scheme {:?}, expected http or https", endpoint.scheme())));
    }
    let client = http::client(&config.tls, timeout).map_err(|(key, message)| {
        let tls = receiver.spec.get("tls").unwrap_or(&receiver.spec);
        let problem = tls.problem(message);
        Problem { path: format!("{}.{key}", problem.path), ..problem }
    })?;
    let sink =
        Webhook { client, shown: shown(&endpoint, config.endpoint.hidden), endpoint, headers: Headers::new(&config.headers, templates)? };
    let defaults = Defaults { batch: 1, max_batch: 1, concurrency: 4, timeout };
    let body = Body::new(receiver, templates, false)?;
    Ok(Built { sink: Box::new(sink), defaults, body, mistakes })
}

/// Scheme, host, port and path: what may be shown. Of an address that a variable fills, the path may be what is secret.
fn shown(endpoint: &Url, hidden: bool) -> String {
    let port = endpoint.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if hidden { "/***" } else { endpoint.path() };
    format!("{}://{}{port}{path}", endpoint.scheme(), endpoint.host_str().unwrap_or_default())
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
            && let Ok(identity) = HeaderValue::from_str(&item.identity)
        {
            headers.insert(IDEMPOTENCY_KEY, identity);
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
    fn an_address_is_shown_without_its_secrets() {
        let url = Url::parse("https://user:hunter2@h:8443/a/b?token=hunter2#x").expect("an address");
        assert_eq!(shown(&url, false), "https://h:8443/a/b");
        assert_eq!(shown(&url, true), "https://h:8443/***");
    }
}
