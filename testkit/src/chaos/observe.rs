//! Reading what streams hold and what a file receives, without taking anything away.
//!
//! Streams are read by sequence, directly, since a receiver's stream allows no second consumer. What is gone before it is read was acknowledged or, if a
//! limit dropped it, was there for much longer than the time between two readings.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use async_nats::{Client, HeaderMap, Message, jetstream};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt as _, BufReader},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    book::{Book, identity},
    ledger::Gap,
};

/// How often streams and files are read.
const EVERY: Duration = Duration::from_millis(200);
/// How many messages are asked for at once, and how many bytes of them.
const BATCH: u64 = 500;
const BATCH_BYTES: u64 = 4 << 20;
/// How long the next message of a batch may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a gap marker says.
#[derive(Debug, Deserialize)]
struct Marker {
    reason: String,
    source: String,
    from: String,
    to: String,
}

/// An eye on the streams of a campaign.
pub(super) struct Observer {
    client: Client,
    _task: AbortOnDropHandle<()>,
}

impl Observer {
    /// Connects to nats-server and reads these streams from now on.
    pub(super) async fn start(urls: &str, streams: Vec<String>, book: Arc<Book>) -> Result<Self> {
        let servers: Vec<async_nats::ServerAddr> = urls.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let options = async_nats::ConnectOptions::new().name("herald-chaos").request_timeout(Some(PATIENCE));
        let client = options.connect(servers).await.context("the campaign could not connect to NATS")?;
        let reader = client.clone();
        let task = tokio::spawn(async move {
            let mut next: HashMap<String, u64> = streams.into_iter().map(|stream| (stream, 1)).collect();
            loop {
                for (stream, next) in &mut next {
                    // While NATS is away or the stream is not there yet there is nothing to read.
                    while read(&reader, stream, next, &book).await.is_ok_and(|read| read == BATCH) {}
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Ok(Self { client, _task: AbortOnDropHandle::new(task) })
    }

    /// JetStream, for what the campaign itself does there.
    pub(super) fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.client.clone())
    }

    /// The name of the server that leads a stream.
    pub(super) async fn leader(&self, stream: &str) -> Result<String> {
        let stream = self.jetstream().get_stream(stream).await?;
        stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone()).context("the stream has no leader")
    }
}

/// Reads a batch from `next` on; returns how many messages it had.
async fn read(client: &Client, stream: &str, next: &mut u64, book: &Book) -> Result<u64> {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await?;
    let ask = json!({"seq": *next, "batch": BATCH, "max_bytes": BATCH_BYTES}).to_string();
    client.publish_with_reply(format!("$JS.API.DIRECT.GET.{stream}"), inbox, ask.into()).await?;
    let mut count = 0;
    while let Some(message) = tokio::time::timeout(PATIENCE, answers.next()).await? {
        // The end of the batch, or that there is nothing, is a status.
        let Some(headers) = message.headers.as_ref().filter(|_| message.status.is_none()) else { break };
        let Some(sequence) = header(headers, "Nats-Sequence").and_then(|text| text.parse::<u64>().ok()) else { break };
        *next = sequence + 1;
        count += 1;
        note(stream, sequence, headers, &message, book);
    }
    Ok(count)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(async_nats::HeaderValue::as_str)
}

fn note(stream: &str, sequence: u64, headers: &HeaderMap, message: &Message, book: &Book) {
    let subject = header(headers, "Nats-Subject").unwrap_or_default();
    if let Some(subject) = subject.strip_prefix("herald.gap.") {
        let Ok(marker) = serde_json::from_slice::<Marker>(&message.payload) else { return };
        tracing::info!(subject, ?marker, "gap");
        if let Some(gap) = gap(&marker) {
            book.ledger(|ledger| ledger.gap(gap));
        }
        return;
    }
    let Some(identity) = header(headers, "Herald-Identity").or_else(|| header(headers, "Nats-Msg-Id")).and_then(event_of) else { return };
    book.ledger(|ledger| match subject.strip_prefix("herald.dead.") {
        Some(of) => ledger.dead(of, &identity),
        None => ledger.held(stream, sequence, &identity),
    });
}

/// The ledger's identity in one of Herald's, `<cluster>/<uid>/<version>`.
fn event_of(text: &str) -> Option<String> {
    let mut parts = text.split('/').skip(1);
    Some(identity(parts.next()?, parts.next()?))
}

fn gap(marker: &Marker) -> Option<Gap> {
    let numbers = || Some((marker.from.parse().ok()?, marker.to.parse().ok()?));
    match marker.reason.as_str() {
        "compacted" | "restored" => numbers().map(|(from, to)| Gap::Versions(from, to)),
        "limits" => numbers().map(|(from, to)| Gap::Sequences(marker.source.clone(), from, to)),
        _ => event_of(&marker.from).map(Gap::Event),
    }
}

/// Follows a file that a receiver writes, line by line.
pub(super) fn follow(path: PathBuf, receiver: usize, book: Arc<Book>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut lines = BufReader::new(opened(&path).await);
        let mut line = Vec::new();
        loop {
            match lines.read_until(b'\n', &mut line).await {
                Ok(_) if line.last() == Some(&b'\n') => {
                    // A line that a kill tore in two is no event; it comes again whole.
                    if serde_json::from_slice::<Value>(&line).is_ok() {
                        book.arrived(receiver, None, &line);
                    }
                    line.clear();
                }
                _ => tokio::time::sleep(EVERY).await,
            }
        }
    }))
}

async fn opened(path: &Path) -> File {
    loop {
        match File::open(path).await {
            Ok(file) => return file,
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_read_by_their_reason() {
        let marker = |reason: &str, from: &str, to: &str| Marker {
            reason: reason.to_owned(),
            source: "HERALD_OUT_hook".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        assert_eq!(gap(&marker("compacted", "4", "9")), Some(Gap::Versions(4, 9)));
        assert_eq!(gap(&marker("limits", "4", "9")), Some(Gap::Sequences("HERALD_OUT_hook".to_owned(), 4, 9)));
        assert_eq!(gap(&marker("too-large", "c/u/7", "c/u/7")), Some(Gap::Event("u/7".to_owned())));
        assert_eq!(gap(&marker("limits", "x", "9")), None);
    }
}
