//! A webhook receiver as a process of its own that measures: how many distinct events came, when, and how old they were.
//!
//! In: posted events, JSON. Out: `GET /count` and `GET /stats`. An event is told by its UID and version in the body, which every exporter sends;
//! its age is the time since its `eventTime`, which the simulated API server stamps to the microsecond. It keeps a hash and an age of each event.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    helper::{self, Helper, now_micros},
    stats::percentile,
};
use crate::{
    process::Process,
    serve::{Cut, Handler, Server},
};

/// What came so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stats {
    /// Requests that were events.
    pub(super) requests: u64,
    /// Distinct events among them.
    pub(super) distinct: u64,
    /// When the last new event came, microseconds since 1970.
    pub(super) last_micros: u64,
    /// Percentiles 50, 99 and 99.9 of the ages of stamped events, microseconds.
    pub(super) ages: Option<[u64; 3]>,
}

#[derive(Default)]
struct State {
    seen: HashSet<u64>,
    ages: Vec<u64>,
    stats: Stats,
}

#[derive(Deserialize)]
struct Event {
    metadata: Metadata,
    #[serde(rename = "eventTime")]
    event_time: Option<Timestamp>,
}

#[derive(Deserialize, Hash)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
}

impl State {
    fn take(&mut self, body: &[u8], now: u64) -> Result<(), serde_json::Error> {
        let event: Event = serde_json::from_slice(body)?;
        self.stats.requests += 1;
        let mut hasher = DefaultHasher::new();
        event.metadata.hash(&mut hasher);
        if self.seen.insert(hasher.finish()) {
            self.stats.distinct += 1;
            self.stats.last_micros = now;
            if let Some(made) = event.event_time {
                self.ages.push(now.saturating_sub(u64::try_from(made.as_microsecond()).unwrap_or(0)));
            }
        }
        Ok(())
    }

    fn stats(&self) -> Stats {
        let mut ages = self.ages.clone();
        ages.sort_unstable();
        let at = |share| percentile(&ages, share);
        Stats { ages: at(0.5).zip(at(0.99)).zip(at(0.999)).map(|((p50, p99), p999)| [p50, p99, p999]), ..self.stats.clone() }
    }
}

/// Receives until this process ends; each event is accepted after `delay`.
pub async fn serve(delay: Duration) -> Result<()> {
    let state = Arc::new(Mutex::new(State::default()));
    let handler: Handler = Arc::new(move |request| Box::pin(answer(state.clone(), request, delay)));
    let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), None, handler).await?;
    helper::say("url", format!("http://{}", server.address()))?;
    std::future::pending().await
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>, delay: Duration) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let now = now_micros();
    if head.method == Method::POST && !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = match (head.method, head.uri.path()) {
        (Method::POST, _) => {
            let mut response = Response::new(Body::empty());
            if state.take(&body, now).is_err() {
                *response.status_mut() = StatusCode::BAD_REQUEST;
            }
            return Ok(response);
        }
        (Method::DELETE, _) => {
            *state = State::default();
            serde_json::to_vec(&state.stats)
        }
        (_, "/stats") => serde_json::to_vec(&state.stats()),
        _ => serde_json::to_vec(&state.stats),
    };
    Ok(Response::new(answer.map_err(|_| Cut)?.into()))
}

/// A receiver in another process.
#[derive(Debug)]
pub(super) struct Receiver {
    helper: Helper,
    url: String,
    http: reqwest::Client,
}

impl Receiver {
    pub(super) async fn start(delay: Duration) -> Result<Self> {
        let helper = Helper::start("receiver", &["receiver", "--delay-ms", &delay.as_millis().to_string()])?;
        let url = helper.said("url", helper::SOON).await?;
        Ok(Self { helper, url, http: crate::client::builder().build()? })
    }

    /// Where events are posted to.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn process(&self) -> &Process {
        self.helper.process()
    }

    /// Counts only.
    pub(super) async fn count(&self) -> Result<Stats> {
        self.ask(Method::GET, "count").await
    }

    /// Everything; it costs the receiver more.
    pub(super) async fn stats(&self) -> Result<Stats> {
        self.ask(Method::GET, "stats").await
    }

    /// Forgets what came.
    pub(super) async fn reset(&self) -> Result<()> {
        self.ask(Method::DELETE, "stats").await.map(drop)
    }

    async fn ask(&self, method: Method, what: &str) -> Result<Stats> {
        let answer = self.http.request(method, format!("{}/{what}", self.url)).send().await.context("the receiver did not answer")?;
        answer.json().await.context("the receiver's answer cannot be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(uid: &str, version: &str, made: &str) -> Vec<u8> {
        format!(r#"{{"metadata":{{"uid":"{uid}","resourceVersion":"{version}","name":"n"}},"reason":"R","eventTime":{made}}}"#).into_bytes()
    }

    #[test]
    fn versions_are_counted_once_and_aged_when_they_are_stamped() {
        let mut state = State::default();
        let made = "\"2026-01-01T00:00:00.000100Z\"";
        let at = |micros: u64| 1_767_225_600_000_000 + micros;
        state.take(&event("u", "1", made), at(600)).unwrap();
        state.take(&event("u", "1", made), at(900)).unwrap();
        state.take(&event("u", "2", "null"), at(1_000)).unwrap();
        assert!(state.take(b"{}", at(2_000)).is_err(), "no event");
        assert_eq!(state.stats(), Stats { requests: 3, distinct: 2, last_micros: at(1_000), ages: Some([500, 500, 500]) });
    }
}
