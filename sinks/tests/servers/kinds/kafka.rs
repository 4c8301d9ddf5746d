//! `kafka` and a broker of Apache Kafka; a place is a topic of three partitions.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    servers::{
        Certificates, PASSWORD, USER,
        kafka::{KAFKA, KafkaOptions, KafkaServer, Listener},
    },
    tools::Tool,
};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    message::Headers as _,
};
use serde_json::{Value, json};

use crate::{
    check::delivered,
    events::{event, publish},
    kind::{Kind, Refused, SECRET, Wrong, not, quoted, with},
};

const PARTITIONS: i32 = 3;
/// Largest batch of records that a place takes: less than a batch of the harness.
const LARGEST: usize = 6_000;
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Kafka(KafkaServer);

/// A record as it was read.
struct Record {
    partition: i32,
    key: String,
    headers: BTreeMap<String, String>,
    value: Vec<u8>,
}

impl Kafka {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.0.broker(Listener::Plain));
        config
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.client().create()?)
    }

    async fn set(&self, topic: &str, setting: &str, value: &str) -> Result<()> {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(setting, value);
        let changed = self.admin()?.alter_configs(&[change], &AdminOptions::new()).await?;
        for change in changed {
            change.map_err(|(_, error)| error).with_context(|| format!("could not set {setting} of {topic}"))?;
        }
        Ok(())
    }

    /// All records of a topic, those of a partition in their order.
    async fn records(&self, topic: &str) -> Result<Vec<Record>> {
        let (mut config, topic) = (self.client(), topic.to_owned());
        config.set("group.id", "reader").set("enable.auto.commit", "false").set("enable.partition.eof", "false");
        tokio::task::spawn_blocking(move || read(&config, &topic)).await?
    }

    /// The keys of a receiver with a listener, and how to log in.
    fn keys_with(&self, topic: &str, listener: Listener, more: &str) -> String {
        with(&format!("{{topic: \"{topic}\", brokers: [\"{}\"]}}", self.0.broker(listener)), more)
    }
}

fn read(config: &ClientConfig, topic: &str) -> Result<Vec<Record>> {
    let consumer: BaseConsumer = config.create()?;
    let (mut places, mut left) = (TopicPartitionList::new(), 0);
    for partition in 0..PARTITIONS {
        let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
        places.add_partition_offset(topic, partition, Offset::Beginning)?;
        left += high - low;
    }
    consumer.assign(&places)?;
    let mut records = Vec::new();
    while left > 0 {
        let message = consumer.poll(PATIENCE).context("a record does not come")??;
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        records.push(Record {
            partition: message.partition(),
            key: text(message.key()),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
            value: message.payload().unwrap_or_default().to_vec(),
        });
        left -= 1;
    }
    Ok(records)
}

impl Kind for Kafka {
    const KIND: &'static str = "kafka";
    const NEEDS: &'static [Tool] = &[KAFKA];
    /// The check's outage is longer than the producer's patience.
    const EXACTLY_ONCE: bool = false;

    async fn start() -> Result<Self> {
        Ok(Self(KafkaServer::start(KafkaOptions::default()).await?))
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("Apache Kafka {}", KAFKA.pinned().unwrap_or_default()))
    }

    async fn prepare(&self, place: &str) -> Result<()> {
        let topic = NewTopic::new(place, PARTITIONS, TopicReplication::Fixed(1));
        for made in self.admin()?.create_topics(&[topic], &AdminOptions::new()).await? {
            made.map_err(|(topic, error)| anyhow::anyhow!("could not create {topic}: {error}"))?;
        }
        Ok(())
    }

    fn keys(&self, place: &str) -> String {
        self.keys_with(place, Listener::Plain, "compressionCodec: lz4")
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        let records = self.records(place).await?;
        let values = records.iter().map(|Record { key, headers, value, .. }| {
            let event: Value = serde_json::from_slice(value)?;
            ensure!(Some(key.as_str()) == event["metadata"]["uid"].as_str(), "the key is {key:?}");
            let wanted = [("Content-Type", "application/json"), ("Herald-Identity", &format!("c/{key}/1")), ("Herald-Type", "Warning")];
            let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            ensure!(*headers == wanted, "the headers are {headers:?}");
            Ok(event)
        });
        values.collect()
    }

    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.0.start_again().await
    }

    async fn refuse(&mut self, place: &str) -> Result<Refused> {
        self.set(place, "max.message.bytes", &LARGEST.to_string()).await?;
        let mut event = event("poison");
        // What compresses well would fit.
        event["message"] = (0..LARGEST).map(|at| (at * at % 7_919).to_string()).collect::<String>().into();
        Ok(Refused { event, reason: "Message size too large".to_owned() })
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        not("a broker that throttles answers late and refuses nothing")
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let login = format!("sasl: {{enable: true, username: {USER}, password: {SECRET}, mechanism: sha512}}");
        Ok(Wrong { keys: self.keys_with(place, Listener::Login, &login), said: "SASL authentication error" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self(KafkaServer::start(KafkaOptions { certificates: Some(certificates), ..KafkaOptions::default() }).await?))
    }

    /// Kafka's clients take the name from the broker's address, so another name is another listener.
    fn tls_keys(&self, place: &str, tls: &str) -> String {
        let (listener, tls) = match tls.strip_prefix("{serverName: other.example.com, ") {
            Some(rest) => (Listener::Other, format!("{{{rest}")),
            None => (Listener::Mutual, tls.to_owned()),
        };
        self.keys_with(place, listener, &format!("tls: {}", tls.replacen('{', "{enable: true, ", 1)))
    }

    async fn besides(&mut self) -> Result<()> {
        self.writes_as_a_producer_that_is_known()?;
        self.survives_a_short_restart().await?;
        self.makes_topic_key_and_headers_of_the_event().await?;
        self.compresses_and_logs_in().await?;
        self.writes_avro().await
    }
}

/// Options of a receiver whose attempts outlast a broker's restart, however busy the machine is.
const PATIENT: &str = "batch: 20, timeout: 2m";

impl Kafka {
    /// Brokers know a repeat by the producer's id, which the first check's records have.
    fn writes_as_a_producer_that_is_known(&self) -> Result<()> {
        let mut batches = 0;
        for partition in 0..PARTITIONS {
            let producers = self.0.producers("delivers", partition)?;
            ensure!(producers.iter().all(|id| *id >= 0), "a batch of partition {partition} has no producer's id");
            batches += producers.len();
        }
        ensure!(batches > 0, "nothing is written");
        Ok(())
    }

    /// While the producer is patient a restart of the broker neither loses nor repeats nor reorders anything.
    async fn survives_a_short_restart(&mut self) -> Result<()> {
        let topic = "short-restart";
        self.prepare(topic).await?;
        let events: Vec<Value> = (0..200)
            .map(|number| {
                let mut event = event(&format!("short-{number}"));
                event["involvedObject"]["name"] = format!("o-{}", number % 5).into();
                event
            })
            .collect();
        let keys = self.keys_with(topic, Listener::Plain, "key: '{{ .InvolvedObject.Name }}'");
        let (before, after) = events.split_at(100);
        let sinks = delivered::<Self>(PATIENT, &keys, before).await?;
        self.stop().await?;
        publish(&sinks, after).await;
        self.start_again().await?;
        sinks.settled("r").await;
        let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for Record { key, value, .. } in self.records(topic).await? {
            by_key.entry(key).or_default().push(serde_json::from_slice(&value)?);
        }
        for (key, got) in by_key {
            let wanted: Vec<&Value> = events.iter().filter(|event| event["involvedObject"]["name"] == key).collect();
            ensure!(wanted.len() == 40 && got.iter().eq(wanted), "{key}: not all, or not in order, or repeated");
        }
        ensure!(sinks.metric("retried", "r") == 0, "an attempt failed");
        Ok(())
    }

    async fn makes_topic_key_and_headers_of_the_event(&self) -> Result<()> {
        self.prepare("made-BackOff").await?;
        let more = "key: '{{ .Namespace }}', headers: {Herald-Type: 'x-{{ .Type }}', kind: '{{ .InvolvedObject.Kind }}'}, layout: {n: '{{ .Name }}'}";
        let mut other = event("other");
        other["reason"] = "Nowhere".into();
        let keys = self.keys_with("made-{{ .Reason }}", Listener::Plain, more);
        let sinks = delivered::<Self>(Self::OPTIONS, &keys, &[event("first")]).await?;
        sinks.publish_payload("r", "other", other.to_string().into_bytes(), "application/json").await;
        herald_testkit::wait::until("the refusal", PATIENCE, || async { sinks.metric("retried", "r") > 0 }).await?;
        sinks.publish_payload("r", "second", event("second").to_string().into_bytes(), "application/json").await;
        herald_testkit::wait::until("the event with a topic", PATIENCE, || async { sinks.metric("published", "r") == 2 })
            .await
            .context("one event's topic that is not there holds up another")?;
        let records = self.records("made-BackOff").await?;
        let mut names = Vec::new();
        for Record { partition, key, headers, value } in &records {
            ensure!(key == "shop" && *partition == records[0].partition, "{key} in {partition}");
            ensure!(headers["Herald-Type"] == "x-Warning" && headers["kind"] == "Pod" && headers.len() == 4, "{headers:?}");
            names.push(String::from_utf8_lossy(value).into_owned());
        }
        ensure!(names == [json!({"n": "first"}).to_string(), json!({"n": "second"}).to_string()], "{names:?}");
        Ok(())
    }

    async fn compresses_and_logs_in(&self) -> Result<()> {
        let certificates = Certificates::new()?;
        let options = KafkaOptions { certificates: Some(&certificates), creates_topics: true, far: None };
        let broker = Self(KafkaServer::start(options).await?);
        let tls = format!("tls: {{enable: true, caFile: {}}}, ", quoted(&certificates.file("ca.crt")));
        for (number, codec) in ["none", "snappy", "gzip", "lz4", "zstd"].iter().enumerate() {
            let mechanism = ["plain", "sha256", "sha512"][number % 3];
            let (listener, tls) = if number % 2 == 0 { (Listener::LoginTls, tls.as_str()) } else { (Listener::Login, "") };
            let login = format!(
                "{tls}compressionCodec: {codec}, sasl: {{enable: true, username: {USER}, password: {PASSWORD}, mechanism: {mechanism}}}"
            );
            let events = [event("a"), event("b")];
            delivered::<Self>(Self::OPTIONS, &broker.keys_with(codec, listener, &login), &events)
                .await
                .with_context(|| format!("{codec}, {mechanism}"))?;
            ensure!(broker.arrived(codec).await?.len() == 2, "{codec}, {mechanism}");
        }
        Ok(())
    }

    async fn writes_avro(&self) -> Result<()> {
        self.prepare("avro").await?;
        let schema = r#"{"type":"map","values":"string"}"#;
        let keys =
            self.keys_with("avro", Listener::Plain, &format!("avro: {{schemaID: 000102030405060708090a0b0c0d0e0f, schema: '{schema}'}}"));
        delivered::<Self>(Self::OPTIONS, &keys, &[json!({"reason": "r"})]).await?;
        let records = self.records("avro").await?;
        let [Record { headers, value, .. }] = records.as_slice() else { anyhow::bail!("{} records", records.len()) };
        let wanted: Vec<u8> = std::iter::once(0).chain(0..16).chain([2, 12]).chain(*b"reason").chain([2, b'r', 0]).collect();
        ensure!(*value == wanted && headers["Content-Type"] == "avro/binary", "{value:?} {headers:?}");
        Ok(())
    }
}
