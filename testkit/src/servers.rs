//! The servers that receivers are tested against, one module each; [`tools`](crate::tools) says where their programs come from.
//!
//! Each keeps its port and its data over [`stop`](Server::stop) and [`start`](Server::start), as a server does that was away. A server that
//! speaks TLS shows the certificate it is given and hears only clients whose certificate the same authority signed.

pub mod aws;
pub mod bigquery;
pub mod front;
pub mod google;
pub mod kafka;
pub mod loki;
pub mod moto;
pub mod otelcol;
pub mod pubsub;
pub mod rsyslog;
pub mod search;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    certs::{Authority, Identity},
    process::Process,
    scratch::{Port, Scratch},
    wait,
};

/// How long a server may take to start or end; Java on a busy machine takes its time.
const BOUND: Duration = Duration::from_secs(180);

/// The user of servers that ask for a login.
pub const USER: &str = "tester";
/// The user's password.
pub const PASSWORD: &str = "tester-secret";

/// Certificates as files: an authority, a server at `localhost` and 127.0.0.1, and a client.
#[derive(Debug)]
pub struct Certificates {
    scratch: Scratch,
    /// The server's certificate and key.
    pub server: Identity,
    /// The certificate and key of another server, `other.example.com`.
    pub other: Identity,
    /// The client's certificate and key.
    pub client: Identity,
    /// The authority's certificate, PEM.
    pub authority: String,
}

impl Certificates {
    /// Makes them.
    pub fn new() -> Result<Self> {
        let authority = Authority::new("servers")?;
        let (server, client) = (authority.server(&["localhost", "127.0.0.1"])?, authority.client("herald", &[])?);
        let other = authority.server(&["other.example.com"])?;
        let this = Self { scratch: Scratch::new("certificates")?, server, other, client, authority: authority.certificate().to_owned() };
        let files = [
            ("ca.crt", &this.authority),
            ("server.crt", &this.server.certificate),
            ("server.key", &this.server.key),
            ("client.crt", &this.client.certificate),
            ("client.key", &this.client.key),
        ];
        for (name, text) in files {
            this.scratch.write(name, text)?;
        }
        Ok(this)
    }

    /// The path of `ca.crt`, `server.crt`, `server.key`, `client.crt` or `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

/// A server as a process with a port, a folder and a way to be started; dropping it kills it.
pub struct Server {
    name: &'static str,
    command: Command,
    process: Option<Process>,
    port: Port,
    scratch: Scratch,
}

impl fmt::Debug for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Server").field("name", &self.name).field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Server {
    /// Makes a server that does not run yet. `command` is given its folder and its port.
    pub fn new(name: &'static str, command: impl FnOnce(&Scratch, &Port) -> Result<Command>) -> Result<Self> {
        let (scratch, port) = (Scratch::new(name)?, Port::take()?);
        Ok(Self { name, command: command(&scratch, &port)?, process: None, port, scratch })
    }

    /// Where it listens, running or not.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts it, unless it runs, and waits until `probe` finds it ready.
    pub async fn start<F, Fut>(&mut self, probe: F) -> Result<()>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = bool>,
    {
        if self.process.is_none() {
            self.process = Some(Process::spawn(self.name, &self.command, None)?);
        }
        let process = self.process.as_ref().context("it was started above")?;
        let mut probe = probe;
        process
            .wait_for(&format!("{} to be ready", self.name), BOUND, || {
                let ready = probe();
                async move { ready.await.then_some(()) }
            })
            .await
    }

    /// Kills it (SIGKILL) and waits until its port is free, which those that fork take a moment for.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        self.gone().await
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn end(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.terminate()?;
            process.exited(BOUND).await?;
        }
        self.gone().await
    }

    /// What it printed last.
    pub fn output(&self) -> Vec<String> {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    async fn gone(&self) -> Result<()> {
        let is_free = || async { std::net::TcpListener::bind(self.port.address()).is_ok() };
        wait::until(&format!("the end of {}", self.name), BOUND, is_free).await
    }
}

/// Where an HTTP server at this port of 127.0.0.1 is, without a slash at the end; with TLS its host is `localhost`.
pub(crate) fn url(is_secure: bool, port: u16) -> String {
    let (scheme, host) = if is_secure { ("https", "localhost") } else { ("http", "127.0.0.1") };
    format!("{scheme}://{host}:{port}")
}

/// A command that does not run as root: where this process does, as nobody in a user namespace of its own, whose files stay this process's.
pub(crate) fn not_as_root(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=65534", "--map-group=65534", "--"]).arg(program);
    command
}
