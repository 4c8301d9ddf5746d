//! `stdout`: one JSON line an event on standard output.
//!
//! A batch is written and flushed at once; it blocks while nobody reads. Nothing is permanent: a closed standard output is an outage.

use std::{io::Write as _, time::Duration};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey},
    sink::{Item, SendError, Sink},
    writer::Writer,
};

/// How kinds that write lines like to be used: in order, many at a time.
pub(crate) const LINES: Defaults =
    Defaults { batch: 256, max_batch: 10_000, max_bytes: 8 << 20, concurrency: 1, timeout: Duration::from_secs(10), summarises: false };

/// The keys of `stdout`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

struct Stdout {
    writer: Writer,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    let writer = Writer::new(|lines| {
        let mut out = std::io::stdout().lock();
        out.write_all(lines).and_then(|()| out.flush()).map_err(|error| format!("cannot write to standard output: {error}"))
    });
    let body = Body::new(keys, config.de_dot);
    Some(Built { sink: Box::new(Stdout { writer }), defaults: LINES, body })
}

impl Sink for Stdout {
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move { self.writer.write(lines(batch)).await.map_err(SendError::outage) })
    }
}

/// The batch as lines.
pub(crate) fn lines(batch: &[Item]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(batch.iter().map(|item| item.body.len() + 1).sum());
    for item in batch {
        lines.extend_from_slice(&item.body);
        lines.push(b'\n');
    }
    lines
}
