//! The kinds of AWS's and a moto server behind AWS's door, which checks signatures, throttles and refuses; OpsItems, which moto does not have, are kept by the door.

use std::{
    collections::HashMap,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use data_encoding::BASE64;
use herald_testkit::{
    certs::Identity,
    servers::{
        Certificates,
        aws::{Behind, Door, SECRET as GOOD},
        moto::{ACCOUNT, MOTO, Moto, REGION, SNS_VERSION, topic_arn},
    },
    tools::Tool,
};
use serde_json::{Value, json};

use crate::{
    events::event,
    kind::{Kind, Refused, SECRET, Wrong, not, quoted},
};

/// A service, as far as it differs from the others.
pub(crate) trait Service: Sized {
    const KIND: &'static str;
    /// Its name in signatures.
    const NAME: &'static str;
    const NEEDS: &'static [Tool] = &[MOTO];
    const EXACTLY_ONCE: bool = false;

    /// Makes the place, and what lets what came there be read back.
    async fn prepare(aws: &Aws<Self>, place: &str) -> Result<()>;

    /// The keys that lead to the place, as YAML.
    fn keys(place: &str) -> String;

    fn shown(event: &Value) -> Value {
        event.clone()
    }

    /// What has arrived so far.
    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>>;
}

/// A service behind its door.
pub(crate) struct Aws<S> {
    /// None where the door keeps what comes.
    moto: Option<Moto>,
    door: Door,
    /// A file with the right ones.
    credentials: PathBuf,
    /// The messages that were received of each queue.
    received: Mutex<HashMap<String, Vec<Value>>>,
    service: PhantomData<S>,
}

impl<S: Service> Aws<S> {
    async fn open(identity: Option<&Identity>) -> Result<Self> {
        let moto = if S::NEEDS.is_empty() { None } else { Some(Moto::start().await?) };
        let behind = moto.as_ref().map_or(Behind::OpsCenter, |moto| Behind::Server(moto.url()));
        let door = Door::open(S::NAME, behind, identity).await?;
        let credentials = door.credentials("good", GOOD)?;
        Ok(Self { moto, door, credentials, received: Mutex::default(), service: PhantomData })
    }

    fn moto(&self) -> Result<&Moto> {
        self.moto.as_ref().context("there is no moto")
    }

    fn keys_with(&self, place: &str, credentials: &Path) -> String {
        format!(
            "{{endpoint: \"{}\", region: {REGION}, credentials: {{file: {}}}, {}}}",
            self.door.url(),
            quoted(credentials),
            S::keys(place)
        )
    }

    async fn call(&self, service: &str, target: &str, body: Value) -> Result<Value> {
        self.moto()?.call(service, target, &body).await
    }

    /// Receives what is in a queue; returns everything that was so far.
    async fn receive(&self, queue: &str) -> Result<Vec<String>> {
        loop {
            let url = format!("{}/{ACCOUNT}/{queue}", self.moto()?.url());
            let answer = self.call("sqs", "AmazonSQS.ReceiveMessage", json!({"QueueUrl": url, "MaxNumberOfMessages": 10})).await?;
            let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            let all = received.entry(queue.to_owned()).or_default();
            match answer["Messages"].as_array().filter(|messages| !messages.is_empty()) {
                Some(messages) => all.extend(messages.iter().map(|message| message["Body"].clone())),
                None => return all.iter().map(|body| Ok(body.as_str().context("no text")?.to_owned())).collect(),
            }
        }
    }
}

/// Where a queue is for other services.
fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

impl<S: Service> Kind for Aws<S> {
    const KIND: &'static str = S::KIND;
    const NEEDS: &'static [Tool] = S::NEEDS;
    const EXACTLY_ONCE: bool = S::EXACTLY_ONCE;

    async fn start() -> Result<Self> {
        Self::open(None).await
    }

    async fn product(&self) -> Result<String> {
        Ok(match &self.moto {
            Some(_) => format!("moto {} behind a door that checks signatures", MOTO.pinned().unwrap_or_default()),
            None => "a recorder that checks signatures".to_owned(),
        })
    }

    async fn prepare(&self, place: &str) -> Result<()> {
        S::prepare(self, place).await
    }

    fn keys(&self, place: &str) -> String {
        self.keys_with(place, &self.credentials)
    }

    fn shown(event: &Value) -> Value {
        S::shown(event)
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        S::arrived(self, place).await
    }

    async fn stop(&mut self) -> Result<()> {
        self.door.shut().await;
        Ok(())
    }

    async fn start_again(&mut self) -> Result<()> {
        self.door.open_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        self.door.refuse("poison");
        let reason = "answered 400 Bad Request: ValidationException: 1 validation error detected";
        Ok(Refused { event: event("poison"), reason: reason.to_owned() })
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        self.door.throttle(true);
        Ok(())
    }

    async fn relieve(&mut self, _: &str) -> Result<()> {
        self.door.throttle(false);
        Ok(())
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let keys = self.keys_with(place, &self.door.credentials("wrong", SECRET)?);
        Ok(Wrong { keys, said: "check the credentials, which are loaded anew" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Self::open(Some(&certificates.server)).await
    }

    fn asks_for_certificate() -> Result<()> {
        not("AWS asks nobody for a certificate: requests are signed")
    }
}

pub(crate) struct Kinesis;

impl Service for Kinesis {
    const KIND: &'static str = "kinesis";
    const NAME: &'static str = "kinesis";

    async fn prepare(aws: &Aws<Self>, place: &str) -> Result<()> {
        aws.moto()?.make_stream(place).await
    }

    fn keys(place: &str) -> String {
        format!("streamName: {place}")
    }

    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>> {
        let start = json!({"StreamName": place, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = aws.call("kinesis", "Kinesis_20131202.GetShardIterator", start).await?["ShardIterator"].take();
        let answer = aws.call("kinesis", "Kinesis_20131202.GetRecords", json!({"ShardIterator": iterator, "Limit": 10_000})).await?;
        let records = answer["Records"].as_array().context("no records")?;
        let read = |record: &Value| Ok(serde_json::from_slice(&BASE64.decode(record["Data"].as_str().context("no data")?.as_bytes())?)?);
        records.iter().map(read).collect()
    }
}

pub(crate) struct Firehose;

impl Service for Firehose {
    const KIND: &'static str = "firehose";
    const NAME: &'static str = "firehose";

    async fn prepare(aws: &Aws<Self>, place: &str) -> Result<()> {
        aws.moto()?.make_delivery_stream(place, &format!("bucket-{place}")).await
    }

    fn keys(place: &str) -> String {
        format!("deliveryStreamName: {place}")
    }

    /// Objects hold records one behind the other.
    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>> {
        let bucket = format!("bucket-{place}");
        let list = aws.moto()?.s3(&format!("{bucket}?list-type=2"), None).await?;
        let mut all = Vec::new();
        for object in list.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            let text = aws.moto()?.s3(&format!("{bucket}/{object}"), None).await?;
            for record in serde_json::Deserializer::from_str(&text).into_iter() {
                all.push(record?);
            }
        }
        Ok(all)
    }
}

pub(crate) struct Sns;

impl Service for Sns {
    const KIND: &'static str = "sns";
    const NAME: &'static str = "sns";

    async fn prepare(aws: &Aws<Self>, place: &str) -> Result<()> {
        let (moto, topic, queue) = (aws.moto()?, topic_arn(place), queue_arn(place));
        moto.make_topic(place).await?;
        moto.make_queue(place).await?;
        let subscribe =
            [("Action", "Subscribe"), ("Version", SNS_VERSION), ("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &queue)];
        moto.form("sns", &subscribe).await.map(drop)
    }

    fn keys(place: &str) -> String {
        format!("topicARN: \"{}\"", topic_arn(place))
    }

    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>> {
        let read = |body: &String| {
            let envelope: Value = serde_json::from_str(body)?;
            Ok(serde_json::from_str(envelope["Message"].as_str().context("no message")?)?)
        };
        aws.receive(place).await?.iter().map(read).collect()
    }
}

pub(crate) struct Sqs;

impl Service for Sqs {
    const KIND: &'static str = "sqs";
    const NAME: &'static str = "sqs";

    async fn prepare(aws: &Aws<Self>, place: &str) -> Result<()> {
        aws.moto()?.make_queue(place).await
    }

    fn keys(place: &str) -> String {
        format!("queueName: {place}")
    }

    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>> {
        aws.receive(place).await?.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
    }
}

pub(crate) struct EventBridge;

impl Service for EventBridge {
    const KIND: &'static str = "eventbridge";
    const NAME: &'static str = "events";

    async fn prepare(aws: &Aws<Self>, place: &str) -> Result<()> {
        aws.moto()?.make_bus(place).await?;
        aws.moto()?.make_queue(place).await?;
        let rule = json!({"Name": place, "EventBusName": place, "EventPattern": r#"{"source": ["herald"]}"#});
        aws.call("events", "AWSEvents.PutRule", rule).await?;
        let targets = json!({"Rule": place, "EventBusName": place, "Targets": [{"Id": "1", "Arn": queue_arn(place)}]});
        aws.call("events", "AWSEvents.PutTargets", targets).await.map(drop)
    }

    fn keys(place: &str) -> String {
        format!("eventBusName: {place}, detailType: event, source: herald")
    }

    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>> {
        let read = |body: &String| Ok(serde_json::from_str::<Value>(body)?["detail"].take());
        aws.receive(place).await?.iter().map(read).collect()
    }
}

pub(crate) struct OpsCenter;

impl Service for OpsCenter {
    const KIND: &'static str = "opscenter";
    const NAME: &'static str = "ssm";
    const NEEDS: &'static [Tool] = &[];
    const EXACTLY_ONCE: bool = true;

    async fn prepare(_: &Aws<Self>, _: &str) -> Result<()> {
        Ok(())
    }

    fn keys(place: &str) -> String {
        format!(
            "title: \"{{{{ .Name }}}}\", description: \"{{{{ .Message }}}}\", source: {place}, operationalData: {{reason: \"{{{{ .Reason }}}}\"}}"
        )
    }

    fn shown(event: &Value) -> Value {
        json!({"title": event["metadata"]["name"], "description": event["message"], "reason": event["reason"]})
    }

    async fn arrived(aws: &Aws<Self>, place: &str) -> Result<Vec<Value>> {
        let mut items = aws.door.items();
        items.retain(|item| item["Source"] == place);
        let shown = |item: &Value| json!({"title": item["Title"], "description": item["Description"], "reason": item["OperationalData"]["reason"]["Value"]});
        Ok(items.iter().map(shown).collect())
    }
}
