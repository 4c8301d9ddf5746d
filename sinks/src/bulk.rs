//! The `_bulk` API of Elasticsearch and OpenSearch: what is written, and what the answers mean.
//!
//! In go items with the names of their indices; out come the bytes of a request, and of the answer which items were refused and why. Pure, but for [`send`].
//!
//! With an id a repeat never makes a second document. A document that is the event (`useEventID`) has the event's UID as its id and the resourceVersion as
//! its external version, so that an older version never overwrites a newer one; any other has the event's identity as its id and is created once. So 409 is
//! as good as acceptance. An item's 400 is permanent; what all items are refused for alike (429, 401, 403, 404, 5xx) says that the server is not there.

use std::collections::BTreeMap;

use bytes::Bytes;
use herald_common::event::{EnrichedEvent, Event};
use herald_template::go::time::{Location, Time};
use reqwest::{
    RequestBuilder, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::{Deserialize, Serialize};

use crate::{
    http::{Address, Answer, Compression, Sign, one_line},
    render::Text,
    sink::{Item, Refusal, SendError, encoded},
};

/// Largest answer read: a line or so for each item that was refused.
const ANSWER: usize = 16 << 20;
/// Keeps the answer short: a status for each item, and what is wrong with those refused.
const FILTER: &str = "errors,items.*.status,items.*.error.type,items.*.error.reason";

/// How documents are named and written.
pub(crate) struct Documents {
    pub(crate) index: Index,
    /// Mapping type, for servers before 7.
    pub(crate) type_: String,
    pub(crate) use_event_id: bool,
    /// Whether the index is a data stream: documents are created, with `@timestamp`.
    pub(crate) data_stream: bool,
    /// Whether the server finds ids itself, because it takes none.
    pub(crate) without_ids: bool,
}

/// The index of an event.
pub(crate) enum Index {
    Name(Text),
    /// Text before, Go's time layout and text behind it; the zone in which the event's time is written.
    Dated {
        before: String,
        layout: String,
        after: String,
        zone: Location,
    },
}

impl Index {
    /// Reads `indexFormat`: what is between the first `{` and the last `}` is a time layout.
    pub(crate) fn dated(format: &str, zone: Location) -> Self {
        let plain = || Self::Name(Text::Fixed(format.to_owned()));
        let (Some(open), Some(close)) = (format.find('{'), format.rfind('}')) else { return plain() };
        match format.get(open + 1..close) {
            Some(layout) => {
                Self::Dated { before: format[..open].to_owned(), layout: layout.to_owned(), after: format[close + 1..].to_owned(), zone }
            }
            None => plain(),
        }
    }

    fn of(&self, item: &Item) -> Result<String, Refusal> {
        match self {
            Self::Name(text) => text.of(item),
            Self::Dated { .. } => Ok(self.at(happened(&item.enriched()?.event))),
        }
    }

    fn at(&self, at: jiff::Timestamp) -> String {
        match self {
            Self::Name(_) => String::new(),
            Self::Dated { before, layout, after, zone } => {
                let time = Time::from_unix(at.as_second(), i64::from(at.subsec_nanosecond()), zone.clone());
                format!("{before}{}{after}", String::from_utf8_lossy(&time.format(layout.as_bytes())))
            }
        }
    }
}

fn happened(event: &Event) -> jiff::Timestamp {
    event.happened().unwrap_or_else(jiff::Timestamp::now)
}

#[derive(Serialize)]
struct Action<'a> {
    #[serde(rename = "_index")]
    index: &'a str,
    #[serde(rename = "_type", skip_serializing_if = "str::is_empty")]
    type_: &'a str,
    #[serde(rename = "_id", skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_type: Option<&'static str>,
}

impl Documents {
    /// Writes a request of the items, two lines each.
    pub(crate) fn encode(&self, batch: &[Item]) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::with_capacity(batch.iter().map(|item| item.body.len() + 200).sum());
        for item in batch {
            let enriched = item.enriched()?;
            self.action(item, enriched, &mut out)?;
            out.push(b'\n');
            self.document(item, enriched, &mut out)?;
            out.push(b'\n');
        }
        Ok(out)
    }

    fn action(&self, item: &Item, EnrichedEvent { event, .. }: &EnrichedEvent, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let index = self.index.of(item)?;
        let uid = &event.metadata.uid;
        let (operation, id, version) = match (uid.as_str(), self.use_event_id && !self.data_stream) {
            ("", _) => (if self.data_stream { "create" } else { "index" }, String::new(), None),
            _ if self.without_ids => ("index", String::new(), None),
            (uid, true) => ("index", uid.to_owned(), event.metadata.resource_version.parse().ok().filter(|version| *version > 0)),
            (uid, false) => ("create", format!("{uid}-{}", event.metadata.resource_version), None),
        };
        let action = Action { index: &index, type_: &self.type_, id: &id, version, version_type: version.map(|_| "external") };
        encoded(serde_json::to_writer(out, &BTreeMap::from([(operation, action)])))
    }

    /// The body as it is; data streams want `@timestamp` in it, before the rest.
    fn document(&self, item: &Item, EnrichedEvent { event, .. }: &EnrichedEvent, out: &mut Vec<u8>) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Timed<'a> {
            #[serde(rename = "@timestamp", borrow)]
            at: Option<&'a serde_json::value::RawValue>,
        }
        let has_time = || serde_json::from_slice::<Timed<'_>>(&item.body).is_ok_and(|body| body.at.is_some());
        match item.body.strip_prefix(b"{") {
            Some(rest) if self.data_stream && !has_time() => {
                out.extend_from_slice(format!("{{\"@timestamp\":\"{}\"", happened(event)).as_bytes());
                if rest.trim_ascii_start() != b"}" {
                    out.push(b',');
                }
                out.extend_from_slice(rest);
            }
            _ => out.extend_from_slice(&item.body),
        }
        Ok(())
    }
}

/// The `_bulk` of a node.
pub(crate) fn address(node: &Address) -> Address {
    node.below(&["_bulk"]).with_query(&[("filter_path", FILTER)])
}

/// Sends a request's bytes and sorts the answer.
pub(crate) async fn send(
    address: &Address,
    mut headers: HeaderMap,
    compression: Compression,
    body: Vec<u8>,
    signer: Option<&dyn Sign>,
) -> Result<(), SendError> {
    if headers.get(CONTENT_TYPE).is_none_or(|value| value == "application/json") {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    }
    let (encoding, body) = compression.apply(body);
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    let request = address.post().headers(headers).body(body);
    let answer = ask(request, address, ANSWER, signer).await?;
    answer.accepted(address.shown())?;
    sort_out(&answer.body, address.shown())
}

async fn ask(request: RequestBuilder, address: &Address, limit: usize, signer: Option<&dyn Sign>) -> Result<Answer, SendError> {
    let Some(signer) = signer else { return Answer::to(request, address.shown(), limit).await };
    let answer = Answer::to(signer.sign(request).await?, address.shown(), limit).await?;
    if answer.status == StatusCode::FORBIDDEN {
        signer.refused().await;
    }
    Ok(answer)
}

#[derive(Deserialize)]
struct Answered {
    errors: bool,
    #[serde(default)]
    items: Vec<BTreeMap<String, Outcome>>,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault {
    #[serde(rename = "type")]
    type_: String,
    reason: String,
}

/// Tells from an answer which items were refused.
fn sort_out(body: &Bytes, shown: &str) -> Result<(), SendError> {
    let answered: Answered = serde_json::from_slice(body).map_err(|error| {
        SendError::outage(format!("{shown} answered what is not _bulk's: {error}: {}", one_line(&String::from_utf8_lossy(body))))
    })?;
    if !answered.errors {
        return Ok(());
    }
    let results: Vec<&Outcome> = answered.items.iter().filter_map(|item| item.values().next()).collect();
    let is_refused = |result: &Outcome| !(200..300).contains(&result.status) && result.status != 409;
    let first = results.iter().find(|result| is_refused(result));
    let refusal = |result: &Outcome| {
        let Fault { type_, reason } =
            result.error.as_ref().map_or_else(Fault::default, |fault| Fault { type_: fault.type_.clone(), reason: fault.reason.clone() });
        Refusal { reason: format!("{shown} answered {}: {type_}: {}", result.status, one_line(&reason)), permanent: result.status == 400 }
    };
    let about_server = |status: u16| matches!(status, 401 | 403 | 404 | 429) || status >= 500;
    match first {
        None => Ok(()),
        Some(first) if about_server(first.status) && results.iter().all(|result| result.status == first.status) => {
            Err(SendError::outage(refusal(first).reason))
        }
        Some(_) => Err(SendError::Partial(
            results.iter().enumerate().filter(|(_, result)| is_refused(result)).map(|(at, result)| (at, refusal(result))).collect(),
        )),
    }
}

/// What `GET /` tells of the server, for the check at start.
pub(crate) async fn check(address: &Address, headers: HeaderMap, signer: Option<&dyn Sign>) -> Result<(), SendError> {
    let answer = ask(address.get().headers(headers), address, crate::http::REASON, signer).await?;
    // A user who may only write is refused here and can write all the same.
    if answer.status == StatusCode::FORBIDDEN { Ok(()) } else { answer.accepted(address.shown()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_are_the_recorded_ones() {
        let recorded: serde_json::Value = serde_json::from_str(include_str!("../tests/conformance/wire.json")).expect("JSON");
        let mut seen = 0;
        for case in recorded["cases"].as_array().expect("cases") {
            let (Some(pattern), Some(time), Some(want)) = (case["pattern"].as_str(), case["time"].as_str(), case["want"].as_str()) else {
                continue;
            };
            let got = match Index::dated(pattern, Location::Utc) {
                Index::Name(Text::Fixed(name)) => name,
                dated => dated.at(time.parse().expect("a time")),
            };
            assert_eq!(got, want, "{pattern}");
            seen += 1;
        }
        assert_eq!(seen, 9);
    }

    fn answered(items: &str) -> Result<(), SendError> {
        sort_out(&Bytes::from(format!(r#"{{"errors":true,"items":[{items}]}}"#)), "http://h/")
    }

    #[test]
    fn only_what_the_server_refused_of_a_batch_is_refused() {
        let bad = r#"{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse\nfield"}}}"#;
        let busy = r#"{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue"}}}"#;
        let (done, known) = (
            r#"{"index":{"status":201}}"#,
            r#"{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}}"#,
        );
        let refusal = |reason: &str, permanent| Refusal { reason: format!("http://h/ answered {reason}"), permanent };
        assert_eq!(
            answered(&format!("{done},{bad},{known},{busy}")),
            Err(SendError::Partial(vec![
                (1, refusal("400: mapper_parsing_exception: failed to parsefield", true)),
                (3, refusal("429: es_rejected_execution_exception: queue", false)),
            ]))
        );
        assert_eq!(answered(&format!("{done},{known}")), Ok(()), "what is there already is accepted");
        assert!(matches!(answered(&format!("{busy},{busy}")), Err(SendError::Outage { .. })), "nobody is served");
        assert!(matches!(sort_out(&Bytes::from_static(b"<html>"), "http://h/"), Err(SendError::Outage { .. })));
    }
}
