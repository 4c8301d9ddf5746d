//! Listing and watching core/v1 events: the requests, and what their answers mean.
//!
//! In go a position or a page token; out come events decoded straight into Herald's own type, and errors sorted into *expired* (history was compacted away,
//! HTTP 410 or an in-stream ERROR alike) and *failed* (to be tried again). Nothing is retried, kept or compared here.

use std::{error::Error as _, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use herald_common::{bus::Change, event::Event};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::{
    Client,
    api::{ListParams, WatchParams},
    core::{Request, Status},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A list costs the API server seats by its size; this keeps a page cheap.
const PAGE: u32 = 250;
/// The name in the API server's audit log.
const AGENT: &str = concat!("herald-watcher/", env!("CARGO_PKG_VERSION"));
/// How long a page may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How long the beginning of a watch, or the list of a single event, may take: an API server that queues requests refuses them after fifteen seconds.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);

/// Why the API server gave no answer to go on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The position or the page token is older than the API server's history.
    #[error("{0}")]
    Expired(String),
    /// Anything else; it may work later.
    #[error("{reason}")]
    Failed {
        /// What went wrong.
        reason: String,
        /// How long the API server asks to wait.
        retry_after: Option<Duration>,
    },
}

impl ApiError {
    #[allow(clippy::needless_pass_by_value, reason = "map_err hands errors over by value")]
    fn failed(reason: impl ToString) -> Self {
        Self::Failed { reason: reason.to_string(), retry_after: None }
    }
}

/// An event that could not be decoded.
#[derive(Debug, Default)]
pub(crate) struct Unreadable {
    /// Its UID, empty when that cannot be read either.
    pub(crate) uid: String,
    /// Its resourceVersion, empty when that cannot be read either.
    pub(crate) resource_version: String,
    /// Why.
    pub(crate) error: String,
}

/// An event of a list or a watch.
pub(crate) type Item = Result<Box<Event>, Unreadable>;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// The version of the whole list.
    pub(crate) resource_version: String,
    /// The token of the next page.
    pub(crate) next: Option<String>,
    /// The API server's clock.
    pub(crate) date: Option<Timestamp>,
}

/// What a watch says.
#[derive(Debug)]
pub(crate) enum Signal {
    /// An event is new or has changed.
    Changed(Change, Item),
    /// Nothing to publish happened up to this version: an event was deleted, or a bookmark.
    Reached(String),
    /// The watch cannot go on.
    Broken(ApiError),
}

/// The events of one namespace, or of all.
#[derive(Clone)]
pub(crate) struct EventsApi {
    client: Client,
    request: Request,
}

impl EventsApi {
    /// `namespace` is `None` for all.
    pub(crate) fn new(client: Client, namespace: Option<&str>) -> Self {
        let path = namespace.map_or_else(|| "/api/v1/events".to_owned(), |namespace| format!("/api/v1/namespaces/{namespace}/events"));
        Self { client, request: Request::new(path) }
    }

    /// Asks for the version of a list now, reading as little as possible.
    pub(crate) async fn probe(&self) -> Result<Page, ApiError> {
        self.list(1, None, BEGIN_WITHIN).await
    }

    /// Reads a page of a list, the first without a token.
    pub(crate) async fn page(&self, token: Option<&str>) -> Result<Page, ApiError> {
        self.list(PAGE, token, ANSWER_WITHIN).await
    }

    async fn list(&self, limit: u32, token: Option<&str>, within: Duration) -> Result<Page, ApiError> {
        let mut parameters = ListParams::default().limit(limit);
        parameters.continue_token = token.map(str::to_owned);
        let request = self.request.list(&parameters).map_err(ApiError::failed)?;
        let reading = async {
            let response = send(&self.client, request).await?;
            let date = date(response.headers());
            let body = response.into_body().collect().await.map_err(ApiError::failed)?.to_bytes();
            page(&String::from_utf8_lossy(&body), date)
        };
        tokio::time::timeout(within, reading).await.unwrap_or_else(|_| Err(no_answer(within)))
    }

    /// Watches from a version on; the API server ends the watch after `period`.
    pub(crate) async fn watch(&self, from: &str, period: Duration) -> Result<impl Stream<Item = Signal> + Send + use<>, ApiError> {
        let seconds = u32::try_from(period.as_secs()).unwrap_or(u32::MAX).max(1);
        let parameters = WatchParams { timeout: Some(seconds), bookmarks: true, ..WatchParams::default() };
        let mut request = self.request.watch(&parameters, from).map_err(ApiError::failed)?;
        // A compressed watch is a series of gzip members, of which the client's decoder reads only the first.
        request.headers_mut().insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
        let response =
            tokio::time::timeout(BEGIN_WITHIN, send(&self.client, request)).await.unwrap_or_else(|_| Err(no_answer(BEGIN_WITHIN)))?;
        let body = response.into_body().into_data_stream();
        Ok(lines(body).map(|line| {
            line.map_or_else(|reason| Signal::Broken(ApiError::failed(reason)), |line| signal(&String::from_utf8_lossy(&line)))
        }))
    }
}

fn no_answer(within: Duration) -> ApiError {
    ApiError::failed(format!("no answer within {} s", within.as_secs()))
}

/// Sends a request and sorts answers that are errors.
async fn send(client: &Client, mut request: http::Request<Vec<u8>>) -> Result<http::Response<kube::client::Body>, ApiError> {
    request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(AGENT));
    let response = client.send(request.map(kube::client::Body::from)).await.map_err(|error| ApiError::failed(with_causes(&error)))?;
    let code = response.status();
    if code.is_success() {
        return Ok(response);
    }
    let retry_after = response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.into_body().collect().await.map_err(ApiError::failed)?.to_bytes();
    let message = serde_json::from_slice::<Status>(&body).map(|status| status.message).unwrap_or_default();
    let reason = if message.is_empty() { format!("HTTP {code}") } else { format!("HTTP {code}: {message}") };
    if code == http::StatusCode::GONE {
        return Err(ApiError::Expired(reason));
    }
    Err(ApiError::Failed { reason, retry_after: retry_after.map(Duration::from_secs) })
}

/// Says an error with what caused it, as far as that is not said already.
fn with_causes(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

fn date(headers: &http::HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

/// Splits a body into its lines; what follows the last line break is a watch cut off and left out.
fn lines<E: std::fmt::Display>(body: impl Stream<Item = Result<Bytes, E>> + Send) -> impl Stream<Item = Result<Bytes, String>> + Send {
    let start = (Box::pin(body), BytesMut::new(), 0);
    futures_util::stream::unfold(start, |(mut body, mut buffer, mut searched)| async move {
        loop {
            if let Some(at) = buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(searched + at + 1).freeze();
                return Some((Ok(line), (body, buffer, 0)));
            }
            searched = buffer.len();
            match body.next().await? {
                Ok(bytes) => buffer.extend_from_slice(&bytes),
                Err(error) => return Some((Err(error.to_string()), (body, BytesMut::new(), 0))),
            }
        }
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMeta {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    r#continue: String,
}

#[derive(Deserialize)]
struct WireMetadata {
    metadata: WireMeta,
}

/// Reads a list. What was not UTF-8 in it has become U+FFFD, as Go's decoder has it, so that one bad byte costs no event.
fn page(body: &str, date: Option<Timestamp>) -> Result<Page, ApiError> {
    #[derive(Deserialize)]
    struct WireList<'a> {
        metadata: WireMeta,
        #[serde(borrow, default)]
        items: Option<Vec<&'a RawValue>>,
    }
    let list: WireList<'_> = serde_json::from_str(body).map_err(|error| ApiError::failed(format!("the list cannot be read: {error}")))?;
    Ok(Page {
        items: list.items.unwrap_or_default().into_iter().map(item).collect(),
        resource_version: list.metadata.resource_version,
        next: (!list.metadata.r#continue.is_empty()).then_some(list.metadata.r#continue),
        date,
    })
}

fn item(object: &RawValue) -> Item {
    let text = object.get();
    let error = match serde_json::from_str::<Box<Event>>(text) {
        Ok(event) if !event.metadata.uid.is_empty() && !event.metadata.resource_version.is_empty() => return Ok(event),
        Ok(_) => "the event has no UID or no resourceVersion".to_owned(),
        Err(error) => error.to_string(),
    };
    let (uid, resource_version) = serde_json::from_str::<WireMetadata>(text)
        .map(|object| (object.metadata.uid, object.metadata.resource_version))
        .unwrap_or_default();
    Err(Unreadable { uid, resource_version, error })
}

/// Reads a line of a watch.
fn signal(line: &str) -> Signal {
    #[derive(Deserialize)]
    struct WireLine<'a> {
        r#type: &'a str,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let line: WireLine<'_> = match serde_json::from_str(line) {
        Ok(line) => line,
        Err(error) => return Signal::Changed(Change::Modified, Err(Unreadable { error: error.to_string(), ..Unreadable::default() })),
    };
    match line.r#type {
        "ADDED" => Signal::Changed(Change::Added, item(line.object)),
        "MODIFIED" => Signal::Changed(Change::Modified, item(line.object)),
        "ERROR" => Signal::Broken(status(line.object.get())),
        // DELETED, BOOKMARK, and whatever may be invented.
        kind => match serde_json::from_str::<WireMetadata>(line.object.get()) {
            Ok(object) => Signal::Reached(object.metadata.resource_version),
            Err(error) => Signal::Broken(ApiError::failed(format!("{kind} cannot be read: {error}"))),
        },
    }
}

/// Sorts the `Status` of an in-stream error.
fn status(text: &str) -> ApiError {
    let status: Status = match serde_json::from_str(text) {
        Ok(status) => status,
        Err(error) => return ApiError::failed(format!("the watch ended with an error that cannot be read: {error}")),
    };
    let reason = format!("{} {}: {}", status.code, status.reason, status.message);
    if status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone") {
        return ApiError::Expired(reason);
    }
    let after = status.details.map_or(0, |details| details.retry_after_seconds);
    ApiError::Failed { reason, retry_after: (after > 0).then(|| Duration::from_secs(after.into())) }
}

#[cfg(test)]
mod tests;
