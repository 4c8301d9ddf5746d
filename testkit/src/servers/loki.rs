//! Loki as one process, with tenants whose limits can be changed while it runs.

use std::{collections::BTreeSet, fs, process::Command, sync::Mutex};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::{BOUND, Certificates, Server, url};
use crate::{
    client,
    scratch::Port,
    tools::{Recipe, Tool},
    wait,
};

/// Loki.
pub const LOKI: Tool = Tool::Receiver(&Recipe { name: "loki", script: include_str!("../../tools/loki.sh"), program: None });
/// The longest line it takes, in bytes.
pub const LONGEST_LINE: usize = 16 << 10;

const CONFIG: &str = include_str!("loki/loki.yaml");
const LIMITS: &str = "limits.yaml";

/// A running Loki.
#[derive(Debug)]
pub struct Loki {
    server: Server,
    client: Client,
    is_secure: bool,
    /// Tenants that may send next to nothing.
    throttled: Mutex<BTreeSet<String>>,
    /// Held as long as the server uses it.
    _grpc: Port,
}

impl Loki {
    /// Starts it; with certificates it speaks HTTPS with clients that have one.
    pub async fn start(secure: Option<&Certificates>) -> Result<Self> {
        let (program, grpc) = (LOKI.path()?, Port::take()?);
        let server = Server::new("loki", |scratch, port| {
            let mut config = CONFIG
                .replace("HTTP_PORT", &port.number().to_string())
                .replace("GRPC_PORT", &grpc.number().to_string())
                .replace("FOLDER", &scratch.path().display().to_string())
                .replace("LONGEST_LINE", &LONGEST_LINE.to_string());
            if let Some(certificates) = secure {
                let file = |name| certificates.file(name).display().to_string();
                let tls = format!(
                    "server:\n  http_tls_config: {{cert_file: {}, key_file: {}, client_ca_file: {}, client_auth_type: RequireAndVerifyClientCert}}\n",
                    file("server.crt"),
                    file("server.key"),
                    file("ca.crt")
                );
                config = config.replace("server:\n", &tls);
            }
            scratch.write(LIMITS, "overrides: {}\n")?;
            let mut command = Command::new(&program);
            command.arg(format!("-config.file={}", scratch.write("loki.yaml", &config)?.display()));
            Ok(command)
        })?;
        let mut this =
            Self { server, client: client::with(secure)?, is_secure: secure.is_some(), throttled: Mutex::default(), _grpc: grpc };
        this.start_again().await?;
        Ok(this)
    }

    /// Ends it at once.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// Starts it again where it was, with the lines it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let ready = format!("{}/ready", self.url());
        self.server.start(|| client::succeeds(self.client.get(&ready))).await
    }

    /// Its address.
    pub fn url(&self) -> String {
        url(self.is_secure, self.server.address().port())
    }

    /// Lets a tenant send next to nothing, or as much as it likes, and waits until that holds.
    pub async fn throttle(&self, tenant: &str, is_throttled: bool) -> Result<()> {
        let overrides = {
            let mut throttled = self.throttled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if is_throttled {
                throttled.insert(tenant.to_owned());
            } else {
                throttled.remove(tenant);
            }
            let of = |tenant: &String| format!("  {tenant}: {{ingestion_rate_mb: 0.000001, ingestion_burst_size_mb: 0.000001}}\n");
            throttled.iter().map(of).collect::<String>()
        };
        let text = if overrides.is_empty() { "overrides: {}\n".to_owned() } else { format!("overrides:\n{overrides}") };
        fs::write(self.server.folder().join(LIMITS), text)?;
        let url = format!("{}/loki/api/v1/push", self.url());
        let probe = || async {
            let line = [jiff::Timestamp::now().as_nanosecond().to_string(), "probe".to_owned()];
            let body = serde_json::json!({"streams": [{"stream": {"job": "probe"}, "values": [line]}]}).to_string();
            let push = self.client.post(&url).header("x-scope-orgid", tenant).header("content-type", "application/json").body(body);
            push.send().await.is_ok_and(|answer| (answer.status() == StatusCode::TOO_MANY_REQUESTS) == is_throttled)
        };
        wait::until("Loki to read its limits again", BOUND, probe).await
    }

    /// A tenant's entries: the time in nanoseconds, the line, the stream's labels and the structured metadata together.
    pub async fn entries(&self, tenant: &str, query: &str) -> Result<Vec<(String, String, Value)>> {
        let now = jiff::Timestamp::now();
        let (start, end) = (now - jiff::SignedDuration::from_hours(1), now + jiff::SignedDuration::from_hours(1));
        let mut url = reqwest::Url::parse(&format!("{}/loki/api/v1/query_range", self.url()))?;
        url.query_pairs_mut().extend_pairs([
            ("query", query),
            ("limit", "5000"),
            ("start", &start.as_nanosecond().to_string()),
            ("end", &end.as_nanosecond().to_string()),
        ]);
        let answer = self.client.get(url).header("x-scope-orgid", tenant).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "query_range answered {status}: {text}");
        let answer: Value = serde_json::from_str(&text)?;
        let streams = answer["data"]["result"].as_array().context("no streams")?;
        let entries = streams.iter().flat_map(|stream| {
            let values = stream["values"].as_array().into_iter().flatten();
            values.map(|value| {
                let text = |at: usize| value[at].as_str().unwrap_or_default().to_owned();
                (text(0), text(1), stream["stream"].clone())
            })
        });
        Ok(entries.collect())
    }
}
