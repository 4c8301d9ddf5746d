//! `sns`: messages to a topic (Amazon SNS API, `PublishBatch`).
//!
//! In a FIFO topic the group is the event's UID, so that its versions stay in order, and the deduplication id is its identity, so that a repeat within five
//! minutes is dropped; other topics have no idempotency key. Each message of a batch has an answer of its own.

use futures_util::future::BoxFuture;
use herald_common::config::Located;
use schemars::JsonSchema;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::{
    aws::{self, Access, Api, CredentialKeys, Operation, Protocol, Said, Service},
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `sns`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// ARN of the topic; a FIFO topic's ends with `.fifo`.
    #[serde(rename = "topicARN")]
    pub topic_arn: String,
    /// Region of the topic; the ARN's when it is not set.
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

/// Largest message, and the most of a batch.
const LARGEST: usize = 256 << 10;
const VERSION: &str = "2010-03-31";
const SERVICE: Service = Service { name: "sns", protocol: Protocol::Query };
const PUBLISH: Operation = Operation { name: "PublishBatch", permission: "sns:Publish" };
const DESCRIBE: Operation = Operation { name: "GetTopicAttributes", permission: "sns:GetTopicAttributes" };

struct Sns {
    api: Api,
    topic: String,
    is_fifo: bool,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("topicARN", "name the topic by its ARN");
    let Config { topic_arn, region, endpoint, credentials, tls, layout: _ } = &config;
    let own_region = region_of(topic_arn);
    let is_arn = topic_arn.is_empty() || own_region.is_some();
    keys.require(is_arn, "topicARN", "expected an ARN, for example arn:aws:sns:eu-west-1:123456789012:events");
    let own_region = own_region.unwrap_or_default();
    let is_same = region.is_empty() || own_region.is_empty() || region == own_region;
    keys.require(is_same, "region", "expected the region in topicARN, or nothing");
    let api = Api::new(keys, SERVICE, &Access { region: own_region, endpoint, credentials, tls });
    let body = Body::new(keys, false);
    let is_fifo = topic_arn.ends_with(aws::FIFO);
    let sink = Sns { api: api?, topic: topic_arn.clone(), is_fifo };
    Some(Built { sink: Box::new(sink), defaults: if is_fifo { aws::FIFO_DEFAULTS } else { aws::DEFAULTS }, body })
}

/// The region in a topic's ARN: `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
fn region_of(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "sns", region, _, name] if !region.is_empty() && !name.is_empty() => Some(region),
        _ => None,
    }
}

impl Sink for Sns {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        let mut form = begin(DESCRIBE);
        form.append_pair("TopicArn", &self.topic);
        Box::pin(self.api.look(DESCRIBE, form.finish()))
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = self.encode(batch).map_err(SendError::Refused)?;
            let answer = self.api.call(PUBLISH, body).await?;
            let failed = aws::members(&answer, "Failed", |text| {
                let said = Said::new(&text("Code"), &text("Message"), text("SenderFault") != "true");
                Some((text("Id").parse().ok()?, said))
            });
            let failed: Vec<_> = aws::answered(failed, PUBLISH)?.into_iter().flatten().collect();
            aws::settle(&failed, batch.len(), PUBLISH)
        })
    }
}

fn begin(operation: Operation) -> Serializer<'static, String> {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", operation.name).append_pair("Version", VERSION);
    form
}

impl Sns {
    fn encode(&self, batch: &[Item]) -> Result<String, Refusal> {
        let mut form = begin(PUBLISH);
        form.append_pair("TopicArn", &self.topic);
        for (at, item) in batch.iter().enumerate() {
            aws::fits(item.body.len(), LARGEST, "a message of SNS")?;
            let name = |field: &str| format!("PublishBatchRequestEntries.member.{}.{field}", at + 1);
            form.append_pair(&name("Id"), &at.to_string()).append_pair(&name("Message"), &String::from_utf8_lossy(&item.body));
            if self.is_fifo {
                let (group, deduplication) = aws::fifo_ids(item)?;
                form.append_pair(&name("MessageGroupId"), &group).append_pair(&name("MessageDeduplicationId"), &deduplication);
            }
        }
        Ok(form.finish())
    }
}
