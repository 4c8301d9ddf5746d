//! A moto server: it answers as services of AWS do, and lets what was sent to them be read back.
//!
//! It takes any signature, throttles nobody and forgets everything when it ends; [`super::aws`] stands before it for that. What events are sent
//! to has a function that makes it; everything else that a service's own calls can do for a test is done through [`Moto::call`], [`Moto::form`]
//! and [`Moto::s3`]. All is in one account and region.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};

use super::Server;
use crate::{
    client,
    tools::{Recipe, Tool},
};

/// The tool.
pub const MOTO: Tool = Tool::Receiver(&Recipe { name: "moto", script: include_str!("../../tools/moto.sh"), program: None });
/// The region of everything in it.
pub const REGION: &str = "eu-west-1";
/// The account of everything in it.
pub const ACCOUNT: &str = "123456789012";
/// The version of SNS's API.
pub const SNS_VERSION: &str = "2010-03-31";

/// Where a topic of SNS is.
pub fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// A running moto server; dropping it kills the server.
#[derive(Debug)]
pub struct Moto {
    server: Server,
    client: Client,
}

impl Moto {
    /// Starts a server and waits until it is ready.
    pub async fn start() -> Result<Self> {
        let packages = MOTO.path()?;
        let server = Server::new("moto", |scratch, port| {
            let mut command = Command::new("python3");
            command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.number().to_string()]).env("PYTHONPATH", packages);
            // It writes nothing where it is installed.
            command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(scratch.path());
            Ok(command)
        })?;
        let mut this = Self { server, client: client::with(None)? };
        let health = format!("{}/moto-api/data.json", this.url());
        this.server.start(|| async { client::get(&health).await.is_some() }).await?;
        Ok(this)
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Makes a call of a service that speaks JSON: `call("sqs", "AmazonSQS.CreateQueue", …)`.
    ///
    /// Fails with what the service says when it refuses the call.
    pub async fn call(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = self.client.post(self.url()).header("X-Amz-Target", target).header("Content-Type", "application/x-amz-json-1.1");
        let text = self.answer(service, target, request.body(body.to_string())).await?;
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).with_context(|| format!("{target} answered {text}")) }
    }

    /// Makes a call of a service that speaks AWS Query, and returns its XML: `form("sns", &[("Action", "CreateTopic"), …])`.
    ///
    /// Fails with what the service says when it refuses the call.
    pub async fn form(&self, service: &str, fields: &[(&str, &str)]) -> Result<String> {
        let form = Url::parse_with_params(&self.url(), fields)?;
        let request = self.client.post(self.url()).header("Content-Type", "application/x-www-form-urlencoded");
        self.answer(service, "a call", request.body(form.query().unwrap_or_default().to_owned())).await
    }

    /// Makes a bucket or object of S3, or, without a body, gets what is at a path.
    ///
    /// Fails with what S3 says when it refuses that.
    pub async fn s3(&self, path: &str, body: Option<&str>) -> Result<String> {
        let url = format!("{}/{path}", self.url());
        let request = match body {
            Some(body) => self.client.put(url).body(body.to_owned()),
            None => self.client.get(url),
        };
        self.answer("s3", path, request).await
    }

    /// Makes a stream of Kinesis with one shard.
    pub async fn make_stream(&self, name: &str) -> Result<()> {
        self.call("kinesis", "Kinesis_20131202.CreateStream", &json!({"StreamName": name, "ShardCount": 1})).await.map(drop)
    }

    /// Makes a stream of Firehose that delivers to a new bucket of S3.
    pub async fn make_delivery_stream(&self, name: &str, bucket: &str) -> Result<()> {
        let constraint =
            format!("<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>");
        self.s3(bucket, Some(&constraint)).await?;
        let s3 = json!({"RoleARN": format!("arn:aws:iam::{ACCOUNT}:role/r"), "BucketARN": format!("arn:aws:s3:::{bucket}")});
        let body = json!({"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": s3});
        self.call("firehose", "Firehose_20150804.CreateDeliveryStream", &body).await.map(drop)
    }

    /// Makes a topic of SNS.
    pub async fn make_topic(&self, name: &str) -> Result<()> {
        self.form("sns", &[("Action", "CreateTopic"), ("Version", SNS_VERSION), ("Name", name)]).await.map(drop)
    }

    /// Makes a queue of SQS that keeps what is received of it from being seen again.
    pub async fn make_queue(&self, name: &str) -> Result<()> {
        let body = json!({"QueueName": name, "Attributes": {"VisibilityTimeout": "43200"}});
        self.call("sqs", "AmazonSQS.CreateQueue", &body).await.map(drop)
    }

    /// Makes a bus of EventBridge.
    pub async fn make_bus(&self, name: &str) -> Result<()> {
        self.call("events", "AWSEvents.CreateEventBus", &json!({"Name": name})).await.map(drop)
    }

    async fn answer(&self, service: &str, what: &str, request: RequestBuilder) -> Result<String> {
        let scope = format!("AKIDEXAMPLE/20240101/{REGION}/{service}/aws4_request");
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let answer = request.header("Authorization", authorization).send().await.with_context(|| format!("moto did not answer {what}"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("moto answered {what} with {status}: {text}");
        }
        Ok(text)
    }
}
