//! What the bench has to know of a kind: what it delivers to, and its keys.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use crate::{scratch::Port, tools::Tool};

/// Events of a run against a server that takes thousands a second.
pub(super) const MANY: u64 = 40_000;
/// Events of a run against a stand-in that takes hundreds or a few thousands a second; so many fill batches of 1,000.
pub(super) const SOME: u64 = 5_000;
/// Events of a run of what takes one event after the other, each its own way of 50 ms, or slows down with every event it has.
pub(super) const FEW: u64 = 200;

/// How far away a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// On this machine.
    Beside,
    /// Behind a proxy that is late.
    Far,
}

impl Line {
    /// How rows name it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Beside => "beside it",
            Self::Far => "50 ms away",
        }
    }

    /// The beginning of the names of its runs' places.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Beside => "beside",
            Self::Far => "far",
        }
    }
}

/// A kind with what it delivers to, which runs as long as this value. Each run has a place of its own there: a topic, a queue, an index.
pub(super) trait Kind: Sized {
    /// The kind, and how it is spoken to where there are several ways.
    const NAME: &'static str;
    /// What stands for its product, where that is not the product itself.
    const STAND_IN: Option<&'static str> = None;
    /// What has to be installed.
    const NEEDS: Option<Tool> = None;
    /// Most events of a run beside it.
    const EVENTS: u64;
    /// Most events of a run 50 ms away.
    const EVENTS_FAR: u64 = Self::EVENTS;
    /// Events a second that it must reach, if any.
    const WANTED: Option<f64> = None;

    /// Starts it; `far` is where its proxy will be.
    async fn start(far: &Port) -> Result<Self>;

    /// Its URL or address, for receivers beside it or for the proxy; nothing where it is no server.
    fn url(&self, line: Line) -> Option<String> {
        let _ = line;
        None
    }

    /// Makes a place, where writing to it does not.
    async fn prepare(&self, place: &str) -> Result<()> {
        let _ = place;
        Ok(())
    }

    /// The receiver's kind with its keys, as YAML, for a place; `at` is the server's `host:port` or its proxy's, empty where it is no server.
    fn keys(&self, at: &str, place: &str) -> String;

    /// [`Kind::url`] as an address.
    fn address(&self, line: Line) -> Result<Option<SocketAddr>> {
        let Some(url) = self.url(line) else { return Ok(None) };
        let address = url.rsplit('/').find(|part| part.contains(':')).unwrap_or_default().replace("localhost", "127.0.0.1");
        address.parse().map(Some).with_context(|| format!("no address in {url}"))
    }
}
