//! An OpenTelemetry Collector that writes the logs it gets to a file.

use std::{fs, net::TcpStream, process::Command};

use anyhow::Result;
use serde_json::Value;

use super::{Certificates, Server, url};
use crate::{
    scratch::{Port, json_lines},
    tools::{Recipe, Tool},
};

/// The Collector.
pub const OTELCOL: Tool = Tool::Receiver(&Recipe { name: "otelcol", script: include_str!("../../tools/otelcol.sh"), program: None });
/// The largest request over HTTP of a Collector that takes [`Takes::Little`], in bytes.
pub const LARGEST: usize = 64 << 10;
/// The largest request over gRPC of a Collector that takes [`Takes::Little`], in bytes.
pub const LARGEST_GRPC: usize = 1 << 20;

const CONFIG: &str = include_str!("otelcol/otelcol.yaml");
const FILE: &str = "otelcol.yaml";

/// What it asks of its clients.
#[derive(Clone, Copy, Debug)]
pub enum Asks<'a> {
    /// Nothing.
    Nothing,
    /// This bearer token.
    Token(&'a str),
    /// TLS and a certificate.
    Certificate(&'a Certificates),
}

/// How large a request may be.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Smaller than most Collectors': [`LARGEST`] and [`LARGEST_GRPC`].
    Little,
    /// What a Collector takes that is told nothing: 20 MiB over HTTP, 4 MiB over gRPC.
    Usual,
}

/// A running Collector.
#[derive(Debug)]
pub struct Collector {
    server: Server,
    grpc: Port,
    is_secure: bool,
}

impl Collector {
    /// Starts it.
    pub async fn start(asks: Asks<'_>, takes: Takes) -> Result<Self> {
        let (program, grpc) = (OTELCOL.path()?, Port::take()?);
        // 0 is no word of it.
        let [largest, largest_grpc] = match takes {
            Takes::Little => [LARGEST, LARGEST_GRPC >> 20],
            Takes::Usual => [0, 0],
        };
        let server = Server::new("otelcol", |scratch, port| {
            let (extensions, protocol) = match asks {
                Asks::Nothing => (String::new(), String::new()),
                Asks::Token(token) => {
                    (format!("bearertokenauth: {{token: {token}}}"), ", auth: {authenticator: bearertokenauth}".to_owned())
                }
                Asks::Certificate(certificates) => {
                    let file = |name| certificates.file(name).display().to_string();
                    let files =
                        format!("cert_file: {}, key_file: {}, client_ca_file: {}", file("server.crt"), file("server.key"), file("ca.crt"));
                    (String::new(), format!(", tls: {{{files}}}"))
                }
            };
            let names = if extensions.is_empty() { "" } else { "bearertokenauth" };
            let config = CONFIG
                .replace("GRPC_ADDRESS", &grpc.address().to_string())
                .replace("HTTP_ADDRESS", &port.address().to_string())
                .replace("FOLDER", &scratch.path().display().to_string())
                .replace("LARGEST_GRPC_MIB", &largest_grpc.to_string())
                .replace("LARGEST", &largest.to_string())
                .replace("PROTOCOL", &protocol)
                .replace("EXTENSIONS", &extensions)
                .replace("NAMES", names);
            let mut command = Command::new(&program);
            command.arg("--config").arg(scratch.write(FILE, &config)?);
            Ok(command)
        })?;
        let mut this = Self { server, grpc, is_secure: matches!(asks, Asks::Certificate(_)) };
        this.start_again().await?;
        Ok(this)
    }

    /// Ends it, when it has written what it took.
    pub async fn end(&mut self) -> Result<()> {
        self.server.end().await
    }

    /// Starts it again where it was, with the logs it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let (http, grpc) = (self.server.address(), self.grpc.address());
        let is_ready = || async move { TcpStream::connect(http).is_ok() && TcpStream::connect(grpc).is_ok() };
        self.server.start(is_ready).await
    }

    /// Lets it refuse everything for want of memory, or take it; starts it again.
    pub async fn limit_memory(&mut self, is_limited: bool) -> Result<()> {
        let path = self.server.folder().join(FILE);
        let (full, small) = ("limit_mib: 4000", "limit_mib: 1 ");
        let config = fs::read_to_string(&path)?;
        fs::write(&path, if is_limited { config.replace(full, small) } else { config.replace(small, full) })?;
        self.end().await?;
        self.start_again().await
    }

    /// Its address for HTTP.
    pub fn http(&self) -> String {
        url(self.is_secure, self.server.address().port())
    }

    /// Its address for gRPC.
    pub fn grpc(&self) -> String {
        url(self.is_secure, self.grpc.number())
    }

    /// All records so far, each with its `resource`: OTLP's JSON.
    pub fn records(&self) -> Result<Vec<Value>> {
        let mut records = Vec::new();
        let lists = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        for export in json_lines::<Value>(&self.server.folder().join("logs.jsonl"))? {
            for resource in lists(&export, "resourceLogs") {
                for mut record in lists(&resource, "scopeLogs").iter().flat_map(|scope| lists(scope, "logRecords")) {
                    record["resource"] = resource["resource"].clone();
                    records.push(record);
                }
            }
        }
        Ok(records)
    }
}
