//! Watches of the simulated API server.
//!
//! In: a watch request and the changes of the store. Out: lines of JSON, as the store encoded them wherever nothing has to be left out.
//! A watch holds no objects: it remembers a revision and reads on from there, and fails with 410 when it is too slow for the history.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, sleep_until},
};

use super::{
    faults::{WatchTrouble, is_called},
    http::{Call, Format, render, respond},
    object,
    selector::Selector,
    state::Shared,
    store::{Change, ChangeKind},
    write::Failure,
};
use crate::serve::Cut;

/// How many changes are taken from the store at once.
const BATCH: usize = 512;
/// How many bytes are sent at once, about.
const CHUNK: usize = 64 << 10;
/// A watch without `timeoutSeconds` ends after this time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

/// The revision that a request names, `None` for any.
pub(super) fn revision(call: &Call) -> Result<Option<u64>, Failure> {
    match call.query("resourceVersion") {
        "" | "0" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| Failure::bad_request(format!("Invalid value: {text:?}: resourceVersion is not a number")))
        }
    }
}

/// Begins a watch.
pub(super) fn open(shared: &Arc<Shared>, call: Call, trouble: Option<WatchTrouble>) -> Result<Response<Body>, Failure> {
    let selector = call.selector()?;
    let resource = call.kind.resource();
    let since = revision(&call)?;
    let send_initial = call.flag("sendInitialEvents");
    if send_initial && call.query("resourceVersionMatch") != "NotOlderThan" {
        let message = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        return Err(Failure::new(422, "Invalid", message.to_owned()));
    }
    let timeout = match call.query("timeoutSeconds") {
        "" | "0" => DEFAULT_TIMEOUT,
        text => Duration::from_secs(text.parse().map_err(|_| Failure::bad_request(format!("timeoutSeconds is not a number: {text:?}")))?),
    };
    let mut watch = Watch {
        revisions: shared.revisions.subscribe(),
        disturbances: shared.disturbances.subscribe(),
        _open: OpenWatch::count(shared, &resource),
        shared: shared.clone(),
        prefix: call.prefix(),
        resource,
        selector,
        cursor: 0,
        pending: VecDeque::new(),
        deadline: Instant::now() + timeout,
        next_bookmark: None,
        state: trouble.map_or(Progress::Open, Progress::from),
        call,
    };
    watch.begin(since, send_initial)?;
    Ok(respond(
        StatusCode::OK,
        "application/json",
        Body::from_stream(stream::unfold(watch, |mut watch| async move {
            let chunk = watch.next().await?;
            Some((chunk, watch))
        })),
    ))
}

/// How a watch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Expire,
    Silent,
    Cut,
    Ended,
}

impl From<WatchTrouble> for Progress {
    fn from(trouble: WatchTrouble) -> Self {
        match trouble {
            WatchTrouble::Expired => Self::Expire,
            WatchTrouble::Silent => Self::Silent,
            WatchTrouble::Close => Self::Ended,
            WatchTrouble::Cut => Self::Cut,
        }
    }
}

struct Watch {
    shared: Arc<Shared>,
    call: Call,
    resource: String,
    prefix: String,
    selector: Selector,
    /// Everything up to this revision was sent or is pending.
    cursor: u64,
    pending: VecDeque<Bytes>,
    revisions: watch::Receiver<u64>,
    disturbances: broadcast::Receiver<(String, WatchTrouble)>,
    deadline: Instant,
    next_bookmark: Option<Instant>,
    state: Progress,
    _open: OpenWatch,
}

impl Watch {
    fn begin(&mut self, since: Option<u64>, send_initial: bool) -> Result<(), Failure> {
        let shared = self.shared.clone();
        let state = shared.lock();
        let current = state.store.revision();
        if self.call.flag("allowWatchBookmarks") {
            self.next_bookmark = Some(Instant::now() + state.bookmark_every);
        }
        if let Some(since) = since.filter(|_| !send_initial) {
            state.store.can_watch(&self.resource, since).map_err(|expired| Failure::expired(since, expired.oldest))?;
            self.cursor = since;
            return Ok(());
        }
        self.cursor = current;
        for item in state.store.all(&self.resource, &self.prefix) {
            if self.selector.selects(&item) {
                self.push(ChangeKind::Added, &item);
            }
        }
        if send_initial {
            self.push_bookmark(true);
        }
        Ok(())
    }

    /// The next bytes to send, `None` at the end.
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        loop {
            match self.state {
                Progress::Open => {}
                Progress::Ended => return None,
                Progress::Cut => return Some(Err(Cut)),
                Progress::Silent => std::future::pending().await,
                Progress::Expire => {
                    self.state = Progress::Ended;
                    let current = self.shared.lock().store.revision();
                    return Some(Ok(object::expired_line(&format!("too old resource version: {} ({current})", self.cursor))));
                }
            }
            if let Ok((resource, trouble)) = self.disturbances.try_recv() {
                if is_called(&self.resource, &resource) {
                    self.state = trouble.into();
                }
                continue;
            }
            if let Some(chunk) = self.take_pending() {
                return Some(Ok(chunk));
            }
            self.revisions.mark_unchanged();
            let (changes, current) = {
                let state = self.shared.lock();
                (state.store.changes(&self.resource, self.cursor, BATCH), state.store.revision())
            };
            match changes {
                Ok(changes) if changes.is_empty() => {
                    // What others changed up to now is nothing to tell.
                    self.cursor = self.cursor.max(current);
                    self.wait().await;
                }
                Ok(changes) => changes.iter().for_each(|change| self.take(change)),
                Err(_) => self.state = Progress::Expire,
            }
        }
    }

    /// Waits until there may be something to do.
    async fn wait(&mut self) {
        let bookmark = self.next_bookmark.unwrap_or(self.deadline);
        tokio::select! {
            biased;
            disturbance = self.disturbances.recv() => match disturbance {
                Ok((resource, trouble)) if is_called(&self.resource, &resource) => self.state = trouble.into(),
                _ => {}
            },
            changed = self.revisions.changed() => if changed.is_err() { self.state = Progress::Ended },
            () = sleep_until(self.deadline) => self.state = Progress::Ended,
            () = sleep_until(bookmark) => {
                self.push_bookmark(false);
                self.next_bookmark = Some(Instant::now() + self.shared.lock().bookmark_every);
            }
        }
    }

    /// Takes a change that the watch may have to tell.
    fn take(&mut self, change: &Change) {
        self.cursor = change.revision;
        if !change.key.starts_with(&self.prefix) {
            return;
        }
        if self.selector.is_empty() {
            if self.call.format == Format::Full {
                self.pending.push_back(change.line.clone());
            } else {
                self.push(change.kind, &change.object());
            }
            return;
        }
        let object = change.object();
        let before = change.previous.as_ref().is_some_and(|previous| self.selector.selects(previous));
        let now = change.kind != ChangeKind::Deleted && self.selector.selects(&object);
        match (before, now) {
            (false, true) => self.push(ChangeKind::Added, &object),
            (true, true) => self.push(ChangeKind::Modified, &object),
            (true, false) => self.push(ChangeKind::Deleted, &object),
            (false, false) => {}
        }
    }

    fn push(&mut self, kind: ChangeKind, object: &Bytes) {
        let object = render(self.call.format, &self.call.kind, object);
        let mut line = Vec::with_capacity(object.len() + 40);
        line.extend_from_slice(format!("{{\"type\":\"{}\",\"object\":", kind.name()).as_bytes());
        line.extend_from_slice(&object);
        line.extend_from_slice(b"}\n");
        self.pending.push_back(line.into());
    }

    /// A bookmark at the cursor.
    fn push_bookmark(&mut self, initial_end: bool) {
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (kind, api_version) = match self.call.format {
            Format::Metadata => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned()),
            Format::Full | Format::Table => (self.call.kind.kind.clone(), self.call.kind.api_version()),
        };
        let bookmark = json!({"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": api_version, "metadata": metadata}});
        self.pending.push_back(format!("{bookmark}\n").into());
    }

    /// The next lines: a single one is shared, several short ones are joined.
    fn take_pending(&mut self) -> Option<Bytes> {
        let first = self.pending.pop_front()?;
        if self.pending.is_empty() || first.len() >= CHUNK {
            return Some(first);
        }
        let mut chunk = Vec::with_capacity(CHUNK + first.len());
        chunk.extend_from_slice(&first);
        while chunk.len() < CHUNK
            && let Some(line) = self.pending.pop_front()
        {
            chunk.extend_from_slice(&line);
        }
        Some(chunk.into())
    }
}

/// Counts a watch as open while it exists.
struct OpenWatch {
    shared: Arc<Shared>,
    resource: String,
}

impl OpenWatch {
    fn count(shared: &Arc<Shared>, resource: &str) -> Self {
        *shared.lock().open_watches.entry(resource.to_owned()).or_default() += 1;
        Self { shared: shared.clone(), resource: resource.to_owned() }
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        if let Some(open) = self.shared.lock().open_watches.get_mut(&self.resource) {
            *open -= 1;
        }
    }
}
