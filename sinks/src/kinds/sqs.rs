//! `sqs`: messages in a queue (Amazon SQS API, `SendMessageBatch`).
//!
//! The queue's address is asked for by its name, once. In a FIFO queue the group is the event's UID, so that its versions stay in order, and the deduplication
//! id is its identity, so that a repeat within five minutes is dropped; other queues have no idempotency key. Each message of a batch has an answer of its own.

use futures_util::future::BoxFuture;
use herald_common::config::Located;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    aws::{self, Access, Api, CredentialKeys, Failure, JSON_1_0, Operation, Protocol, Said, Service},
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `sqs`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Name of the queue; a FIFO queue's ends with `.fifo`.
    pub queue_name: String,
    /// Region of the queue; the environment's when it is not set.
    pub region: String,
    /// Address of the service, when it is not AWS's own for the region.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// Who to be at AWS.
    credentials: CredentialKeys,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

/// Largest message; what is larger than a batch goes alone.
const LARGEST: usize = 1 << 20;
const SERVICE: Service = Service { name: "sqs", protocol: Protocol::Json { version: JSON_1_0, prefix: "AmazonSQS" } };
const SEND: Operation = Operation { name: "SendMessageBatch", permission: "sqs:SendMessage" };
const FIND: Operation = Operation { name: "GetQueueUrl", permission: "sqs:GetQueueUrl" };
/// What SQS says when a queue's address is no longer good.
const GONE: [&str; 3] = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress"];

struct Sqs {
    api: Api,
    queue: String,
    is_fifo: bool,
    url: Mutex<Option<String>>,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("queueName", "name the queue");
    let Config { queue_name, region, endpoint, credentials, tls, layout: _ } = &config;
    aws::require_name(keys, "queueName", queue_name, 80, "_-.");
    let api = Api::new(keys, SERVICE, &Access { region, endpoint, credentials, tls });
    let body = Body::new(keys, false);
    let is_fifo = queue_name.ends_with(aws::FIFO);
    let sink = Sqs { api: api?, queue: queue_name.clone(), is_fifo, url: Mutex::default() };
    Some(Built { sink: Box::new(sink), defaults: if is_fifo { aws::FIFO_DEFAULTS } else { aws::DEFAULTS }, body })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Find<'a> {
    queue_name: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    queue_url: &'a str,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    /// Its place in the batch.
    id: String,
    message_body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    code: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    sender_fault: bool,
}

impl Sink for Sqs {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async { Ok(self.url().await.map(drop)?) })
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let entries = batch.iter().enumerate().map(|(at, item)| self.entry(at.to_string(), item)).collect::<Result<_, _>>();
            let entries = entries.map_err(SendError::Refused)?;
            let url = self.url().await?;
            let body = aws::encode(&Request { queue_url: &url, entries }).map_err(SendError::Refused)?;
            let answer = self.api.call(SEND, body).await;
            if answer.as_ref().is_err_and(|failure| GONE.contains(&failure.code.as_str())) {
                *self.url.lock().await = None;
            }
            let answered: Answered = aws::decode(&answer?, SEND)?;
            let refused = answered.failed.iter().filter_map(|failed| {
                let said = Said::new(&failed.code, failed.message.as_deref().unwrap_or_default(), !failed.sender_fault);
                Some((failed.id.parse().ok()?, said))
            });
            aws::settle(&refused.collect::<Vec<_>>(), batch.len(), SEND)
        })
    }
}

impl Sqs {
    async fn url(&self) -> Result<String, Failure> {
        let mut url = self.url.lock().await;
        if let Some(url) = &*url {
            return Ok(url.clone());
        }
        let body = aws::encode(&Find { queue_name: &self.queue }).map_err(SendError::Refused)?;
        let found: Found = aws::decode(&self.api.call(FIND, body).await?, FIND)?;
        Ok(url.insert(found.queue_url).clone())
    }

    fn entry(&self, id: String, item: &Item) -> Result<Entry, Refusal> {
        aws::fits(item.body.len(), LARGEST, "a message of SQS")?;
        let ids = self.is_fifo.then(|| aws::fifo_ids(item)).transpose()?;
        let (message_group_id, message_deduplication_id) = ids.unzip();
        Ok(Entry { id, message_body: String::from_utf8_lossy(&item.body).into_owned(), message_group_id, message_deduplication_id })
    }
}
