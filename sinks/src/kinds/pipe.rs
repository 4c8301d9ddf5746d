//! `pipe`: JSON lines into what a path leads to: a FIFO, a device, a file.
//!
//! The path is opened when the sinks start, made when it is not there, and emptied if it is a file, as kubernetes-event-exporter does; a file that is to be
//! kept is the business of `file`. After a failed write it is opened again and not emptied. Opening a FIFO waits for a reader. Nothing is permanent: what
//! cannot be opened or written is an outage.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::stdout::{LINES, lines};
use crate::{
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey},
    sink::{Item, SendError, Sink},
    writer::Writer,
};

/// The keys of `pipe`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Path of the FIFO, device or file.
    pub path: PathBuf,
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

struct Pipe {
    writer: Writer,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("path", "name the FIFO or file to write");
    let mut end = End { path: config.path, open: None, was_open: false };
    let writer = Writer::new(move |lines| end.write(lines));
    Some(Built { sink: Box::new(Pipe { writer }), defaults: LINES, body: Body::new(keys, config.de_dot) })
}

impl Sink for Pipe {
    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move { self.writer.write(lines(batch)).await.map_err(SendError::outage) })
    }
}

/// The writing end.
struct End {
    path: PathBuf,
    open: Option<File>,
    /// Whether it was open before: then a file is not emptied.
    was_open: bool,
}

impl End {
    fn write(&mut self, lines: &[u8]) -> Result<(), String> {
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.open().map_err(|error| format!("cannot open {}: {error}", self.path.display()))?,
        };
        file.write_all(lines).map_err(|error| format!("cannot write to {}: {error}", self.path.display()))?;
        self.open = Some(file);
        Ok(())
    }

    fn open(&mut self) -> std::io::Result<File> {
        let mut how = OpenOptions::new();
        how.create(true);
        let file = if self.was_open { how.append(true) } else { how.write(true).truncate(true) }.open(&self.path)?;
        self.was_open = true;
        Ok(file)
    }
}
