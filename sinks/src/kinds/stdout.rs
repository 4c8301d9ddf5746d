//! `stdout`: one JSON line an event on standard output.
//!
//! Batches are written and flushed at once. Nothing is permanent: a closed standard output is an outage.

use std::{io::Write as _, time::Duration};

use futures_util::future::BoxFuture;
use herald_common::config::{Problem, Receiver};
use serde::Deserialize;

use crate::{
    registry::{Built, Defaults},
    sink::{Item, SendError, Sink},
};

/// The keys of `stdout`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
}

struct Stdout;

pub(crate) fn build(receiver: &Receiver) -> Result<Built, Problem> {
    let (config, warnings) = receiver.spec.decode::<Config>()?;
    let defaults = Defaults { batch: 256, max_batch: 10_000, concurrency: 1, timeout: Duration::from_secs(30) };
    Ok(Built { sink: Box::new(Stdout), defaults, de_dot: config.de_dot, warnings })
}

impl Sink for Stdout {
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        let lines = lines(batch);
        Box::pin(async move {
            // Somebody who does not read blocks a write for good; the thread it blocks must not be one of ours.
            let written = tokio::task::spawn_blocking(move || {
                let mut out = std::io::stdout().lock();
                out.write_all(&lines).and_then(|()| out.flush())
            });
            let failed = |reason: String| SendError::Outage { reason: format!("standard output: {reason}"), after: None };
            written.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
        })
    }
}

/// The batch as lines.
pub(crate) fn lines(batch: &[Item]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(batch.iter().map(|item| item.json.len() + 1).sum());
    for item in batch {
        lines.extend_from_slice(&item.json);
        lines.push(b'\n');
    }
    lines
}
