//! rsyslog: what comes over TCP and TLS becomes one JSON line each in a file.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use serde_json::Value;

use super::{Certificates, Server};
use crate::{
    scratch::json_lines,
    tools::{Recipe, Tool},
};

/// rsyslog with its driver for TLS.
pub const RSYSLOG: Tool =
    Tool::Receiver(&Recipe { name: "rsyslog", script: include_str!("../../tools/rsyslog.sh"), program: Some("rsyslogd") });

const CONFIG: &str = include_str!("rsyslog/rsyslog.conf");
const RECEIVED: &str = "received.jsonl";

/// A running rsyslog.
#[derive(Debug)]
pub struct Rsyslog {
    server: Server,
}

impl Rsyslog {
    /// Starts it on TCP; with certificates on TLS, for clients that have one.
    pub async fn start(secure: Option<&Certificates>) -> Result<Self> {
        let found = RSYSLOG.path()?;
        let server = Server::new("rsyslog", |scratch, port| {
            let input = match secure {
                None => {
                    "module(load=\"imptcp\")\ninput(type=\"imptcp\" address=\"127.0.0.1\" port=\"PORT\" ruleset=\"received\")\n".to_owned()
                }
                Some(certificates) => {
                    let file = |name| certificates.file(name).display().to_string();
                    format!(
                        "global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
                         defaultNetstreamDriverKeyFile=\"{}\")\nmodule(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" \
                         streamDriver.authMode=\"x509/certvalid\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"PORT\" ruleset=\"received\")\n",
                        file("ca.crt"),
                        file("server.crt"),
                        file("server.key")
                    )
                }
            };
            let folder = scratch.path().display().to_string();
            let config = CONFIG.replace("INPUT", &input).replace("PORT", &port.number().to_string()).replace("FOLDER", &folder);
            let config = scratch.write("rsyslog.conf", &config)?;
            let mut command = command(&found);
            command.arg("-n").arg("-f").arg(config).arg("-i").arg(scratch.path().join("pid"));
            Ok(command)
        })?;
        let mut this = Self { server };
        this.start_again().await?;
        Ok(this)
    }

    /// Asks it to end, so that it writes what it has read: syslog acknowledges nothing, and what a killed server had read is lost.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.end().await
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) -> Result<()> {
        let address = self.server.address();
        self.server.start(|| async move { tokio::net::TcpStream::connect(address).await.is_ok() }).await
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.server.address().port())
    }

    /// What it wrote so far: `raw`, `pri`, `facility`, `severity`, `protocol`, `timestamp`, `hostname`, `app`, `procid`, `msgid` and `msg` of each message.
    pub fn received(&self) -> Result<Vec<Value>> {
        json_lines(&self.server.folder().join(RECEIVED))
    }
}

/// The program found on `PATH`, or the one in the folder with its modules and libraries.
fn command(found: &PathBuf) -> Command {
    if found.is_file() {
        return Command::new(found);
    }
    let mut command = Command::new(found.join("usr/sbin/rsyslogd"));
    let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    command.arg("-M").arg(found.join(&libraries).join("rsyslog")).env("LD_LIBRARY_PATH", found.join(libraries));
    command
}
