//! A moto server: it answers as services of AWS do, and lets what was sent to them be read back.
//!
//! It takes any signature, and it forgets everything when it ends. What a service's own calls can do for a test is done through [`Moto::call`] and
//! [`Moto::form`], for the account 123456789012 in one region.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use reqwest::Url;
use serde_json::Value;

use crate::{
    certs::Identity,
    client,
    process::Process,
    scratch::{Port, Scratch},
    tools::{Recipe, Tool},
};

/// The tool.
pub const MOTO: Tool = Tool::Receiver(&Recipe { name: "moto", script: include_str!("../../tools/moto.sh"), program: None });
/// The region of everything in it.
pub const REGION: &str = "eu-west-1";
/// The account of everything in it.
pub const ACCOUNT: &str = "123456789012";

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running moto server; dropping it kills the server.
#[derive(Debug)]
pub struct Moto {
    process: Process,
    port: Port,
    identity: Option<Identity>,
    folder: Scratch,
}

impl Moto {
    /// Starts a server and waits until it is ready; with an identity it speaks TLS.
    pub async fn start(identity: Option<Identity>) -> Result<Self> {
        let (port, folder) = (Port::take()?, Scratch::new("moto")?);
        let process = spawn(&port, identity.as_ref(), &folder)?;
        let server = Self { process, port, identity, folder };
        server.ready().await?;
        Ok(server)
    }

    /// Ends the server; its port stays its own.
    pub fn stop(&self) {
        self.process.kill();
    }

    /// Starts it again, empty, where it was.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.kill();
        self.process = spawn(&self.port, self.identity.as_ref(), &self.folder)?;
        self.ready().await
    }

    async fn ready(&self) -> Result<()> {
        let health = format!("{}/moto-api/data.json", self.url());
        let client = self.client()?;
        let answers = || async { client.get(&health).send().await.ok().filter(|answer| answer.status().is_success()).map(drop) };
        self.process.wait_for("moto", READY_WITHIN, answers).await
    }

    /// Where it is, without a slash at the end; with TLS the host is `localhost`.
    pub fn url(&self) -> String {
        let (scheme, host) = if self.identity.is_some() { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}", self.port.number())
    }

    /// Makes a call of a service that speaks JSON: `call("sqs", "AmazonSQS.CreateQueue", …)`.
    ///
    /// Fails with what the service says when it refuses the call.
    pub async fn call(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = self.client()?.post(self.url()).header("X-Amz-Target", target).header("Content-Type", "application/x-amz-json-1.1");
        let text = self.answer(service, target, request.body(body.to_string())).await?;
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).with_context(|| format!("{target} answered {text}")) }
    }

    /// Makes a call of a service that speaks AWS Query, and returns its XML: `form("sns", &[("Action", "CreateTopic"), …])`.
    ///
    /// Fails with what the service says when it refuses the call.
    pub async fn form(&self, service: &str, fields: &[(&str, &str)]) -> Result<String> {
        let form = Url::parse_with_params(&self.url(), fields)?;
        let request = self.client()?.post(self.url()).header("Content-Type", "application/x-www-form-urlencoded");
        self.answer(service, "a call", request.body(form.query().unwrap_or_default().to_owned())).await
    }

    /// Puts something where S3 keeps it, or, without a body, gets it: `s3("events", "")` lists a bucket.
    pub async fn s3(&self, path: &str, body: Option<&str>) -> Result<String> {
        let url = format!("{}/{path}", self.url());
        let client = self.client()?;
        let request = match body {
            Some(body) => client.put(url).body(body.to_owned()),
            None => client.get(url),
        };
        self.answer("s3", path, request).await
    }

    async fn answer(&self, service: &str, what: &str, request: reqwest::RequestBuilder) -> Result<String> {
        let scope = format!("AKIDEXAMPLE/20240101/{REGION}/{service}/aws4_request");
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let answer = request.header("Authorization", authorization).send().await.with_context(|| format!("moto did not answer {what}"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("moto answered {what} with {status}: {text}");
        }
        Ok(text)
    }

    fn client(&self) -> Result<reqwest::Client> {
        let builder = client::builder();
        let builder = match &self.identity {
            Some(_) => builder.tls_danger_accept_invalid_certs(true),
            None => builder.tls_certs_only([]),
        };
        Ok(builder.build()?)
    }
}

fn spawn(port: &Port, identity: Option<&Identity>, folder: &Scratch) -> Result<Process> {
    let mut command = Command::new("python3");
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.number().to_string()]).env("PYTHONPATH", MOTO.path()?);
    // It keeps nothing between runs, and writes nothing where it is installed.
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(folder.path());
    if let Some(identity) = identity {
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        fs::write(&certificate, &identity.certificate)?;
        fs::write(&key, &identity.key)?;
        command.arg("-s").arg("-c").arg(certificate).arg("-k").arg(key);
    }
    Process::spawn("moto", &command, None)
}
