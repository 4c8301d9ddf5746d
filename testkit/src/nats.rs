//! A real nats-server with JetStream in a folder of its own.
//!
//! A server is ready when its health check says so, JetStream included. It keeps its port and its folder over a restart: what a
//! client sees is a server that was away.

mod cluster;
mod operator;

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

pub use self::{cluster::NatsCluster, operator::Operator};
use crate::{
    client,
    process::{self, Process},
    scratch::{Port, Scratch},
    tools::Tool,
};

/// How long a server may take to be ready; on an idle machine it is a fraction of a second.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often a start is tried when other programs take its ports.
const STARTS: usize = 3;

/// How a server differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct NatsOptions {
    /// JetStream's folder, kept when the server is dropped; by default one that is removed with it.
    pub store: Option<PathBuf>,
    /// More text for the configuration file, such as `authorization { token: "t" }`.
    pub config: String,
    /// Variables of its environment, which the configuration may name.
    pub variables: Vec<(String, String)>,
    /// A file to which the server's log is appended.
    pub log: Option<PathBuf>,
    /// A program that becomes the server, with its arguments, such as `nsenter`; none by default.
    pub within: Vec<OsString>,
}

/// A running nats-server; dropping it kills the server.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    spec: Spec,
}

impl NatsServer {
    /// Starts a server with JetStream and waits until it is ready.
    pub async fn start() -> Result<Self> {
        Self::start_with(NatsOptions::default()).await
    }

    /// Starts a server with options and waits until it is ready.
    pub async fn start_with(options: NatsOptions) -> Result<Self> {
        let mut tries = 1;
        loop {
            let server = Self::spawn(Spec::new("nats", &options, Port::take()?)?)?;
            match server.ready().await {
                Err(_) if tries < STARTS && server.lost_a_port() => tries += 1,
                ready => return ready.map(|()| server),
            }
        }
    }

    fn spawn(spec: Spec) -> Result<Self> {
        Ok(Self { process: spec.spawn()?, spec })
    }

    /// Waits until the server answers and JetStream is healthy.
    pub async fn ready(&self) -> Result<()> {
        let health = format!("{}/healthz", self.monitoring_url());
        let answers = || async { client::get(&health).await.map(drop) };
        self.process.wait_for("a healthy nats-server", READY_WITHIN, answers).await
    }

    fn lost_a_port(&self) -> bool {
        self.process.output().iter().any(|line| line.contains("address already in use"))
    }

    /// The server's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The address for clients, `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.spec.port.address())
    }

    /// The address of the server's monitoring pages, `http://127.0.0.1:PORT`.
    pub fn monitoring_url(&self) -> String {
        format!("http://{}", self.spec.monitoring.address())
    }

    /// JetStream's folder.
    pub fn store(&self) -> &Path {
        &self.spec.store
    }

    /// Where it listens for clients.
    pub fn address(&self) -> SocketAddr {
        self.spec.port.address()
    }

    /// The server's process: its id, memory and output; pausing and resuming it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills the server (SIGKILL); clients see it go away.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// The number of clients that are connected and logged in; `None` while the server does not answer.
    pub async fn connections(&self) -> Option<u64> {
        let page = client::get(&format!("{}/connz", self.monitoring_url())).await?;
        serde_json::from_str::<serde_json::Value>(&page).ok()?["num_connections"].as_u64()
    }

    /// Puts other text in the place of [`NatsOptions::config`] and starts the server again with it.
    pub async fn reconfigure(&mut self, config: &str) -> Result<()> {
        self.spec.configure(config)?;
        self.restart().await
    }

    /// Starts the server again on the same ports and folder, killing it before when it runs, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.start_again()?;
        self.ready().await
    }

    /// Starts the server again as [`NatsServer::restart`] does, without waiting for it.
    pub fn start_again(&mut self) -> Result<()> {
        self.process.kill();
        self.process = self.spec.spawn()?;
        Ok(())
    }
}

/// What makes a server the same one over a restart.
#[derive(Debug)]
struct Spec {
    name: String,
    program: PathBuf,
    config: PathBuf,
    store: PathBuf,
    variables: Vec<(String, String)>,
    log: Option<PathBuf>,
    within: Vec<OsString>,
    port: Port,
    monitoring: Port,
    /// Holds the configuration and, unless told otherwise, JetStream's folder.
    _scratch: Scratch,
}

impl Spec {
    fn new(name: &str, options: &NatsOptions, port: Port) -> Result<Self> {
        let program = Tool::NatsServer.path()?;
        let scratch = Scratch::new(name)?;
        let monitoring = Port::take()?;
        let store = options.store.clone().unwrap_or_else(|| scratch.path().join("jetstream"));
        let config = scratch.path().join("nats.conf");
        let (variables, log, within) = (options.variables.clone(), options.log.clone(), options.within.clone());
        let spec = Self { name: name.to_owned(), program, config, store, variables, log, within, port, monitoring, _scratch: scratch };
        spec.configure(&options.config)?;
        Ok(spec)
    }

    /// Writes the configuration file; `more` comes after what every server has.
    fn configure(&self, more: &str) -> Result<()> {
        let Self { name, port, monitoring, .. } = self;
        let store = self.store.to_str().context("the path of a JetStream folder has to be valid UTF-8")?;
        let (listen, http) = (port.address(), monitoring.address());
        let text = format!("server_name: {name}\nlisten: \"{listen}\"\nhttp: \"{http}\"\njetstream {{ store_dir: {store:?} }}\n{more}\n");
        std::fs::write(&self.config, text).with_context(|| format!("could not write {}", self.config.display()))
    }

    fn spawn(&self) -> Result<Process> {
        let mut command = process::within(&self.within, &self.program);
        command.arg("--config").arg(&self.config).envs(self.variables.iter().map(|(name, value)| (name, value)));
        Process::spawn(&self.name, &command, self.log.as_deref())
    }
}
