//! A stage's process with the lines to its servers.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};

use super::super::{
    plan::Part,
    proxy::{Proxy, State},
};
use crate::stage::{Stage, StageOptions};

/// How long a stage may take to end when asked to: the grace it is configured with, and some for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// One process of a stage.
pub(in super::super) struct Replica {
    pub(in super::super) part: Part,
    stage: Stage,
    /// To each nats-server.
    nats: Vec<Proxy>,
    /// To the API server, for stages that talk to it.
    api: Option<Proxy>,
    /// Whether it is to run now.
    expected: bool,
}

/// The lines of a replica: to nats-server, and to the API server.
pub(super) struct Lines {
    pub(super) nats: Vec<Proxy>,
    pub(super) api: Option<Proxy>,
}

impl Lines {
    /// Lays lines to these servers.
    pub(super) async fn lay(part: Part, nats: &[SocketAddr], api: SocketAddr) -> Result<Self> {
        let mut lines = Self { nats: Vec::new(), api: None };
        for server in nats {
            lines.nats.push(Proxy::start(*server).await?);
        }
        if matches!(part, Part::Watcher | Part::Enricher) {
            lines.api = Some(Proxy::start(api).await?);
        }
        Ok(lines)
    }

    /// The addresses for the stage's `--nats`.
    pub(super) fn urls(&self) -> String {
        self.nats.iter().map(|line| format!("nats://{}", line.address())).collect::<Vec<_>>().join(",")
    }
}

impl Replica {
    pub(super) fn start(part: Part, options: StageOptions, lines: Lines) -> Result<Self> {
        Ok(Self { part, stage: options.start()?, nats: lines.nats, api: lines.api, expected: true })
    }

    /// Waits until it says that it is ready.
    pub(in super::super) async fn ready(&self) -> Result<()> {
        self.stage.ready().await
    }

    /// Kills it.
    pub(in super::super) fn kill(&mut self) {
        self.expected = false;
        self.stage.kill();
    }

    /// Asks it to end and waits for that; it has to end well and in time.
    pub(in super::super) async fn terminate(&mut self) -> Result<()> {
        self.expected = false;
        self.stage.terminate(ENDS_WITHIN).await
    }

    /// Starts it again.
    pub(in super::super) fn restart(&mut self) -> Result<()> {
        self.expected = true;
        self.stage.restart().with_context(|| format!("could not start {} again", self.part.binary()))
    }

    pub(in super::super) fn pause(&self) -> Result<()> {
        self.stage.process().pause()
    }

    pub(in super::super) fn resume(&self) -> Result<()> {
        self.stage.process().resume()
    }

    pub(in super::super) fn hang_up(&self) -> Result<()> {
        self.stage.process().hang_up()
    }

    /// Makes its lines to NATS so.
    pub(in super::super) fn set_nats(&self, state: State) {
        self.nats.iter().for_each(|line| line.set(state));
    }

    /// Makes its line to the API server so.
    pub(in super::super) fn set_api(&self, state: State) {
        self.api.iter().for_each(|line| line.set(state));
    }

    /// What it said last, if it ended though it was to run.
    pub(in super::super) fn ended(&self) -> Option<String> {
        let status = self.stage.process().exit_status().filter(|_| self.expected)?;
        let output = self.stage.process().output();
        Some(format!("{} ended by itself with {status}: {}", self.part.binary(), output[output.len().saturating_sub(5)..].join("\n")))
    }
}
