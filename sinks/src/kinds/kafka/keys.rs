//! The keys of `kafka`, and the settings of librdkafka they mean.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use herald_common::config::{Located, Secret};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, de::IgnoredAny};

use super::{TOPIC, avro::Avro, is_topic};
use crate::{
    keys::Keys,
    render::{LayoutKey, Secrecy, Text, TextKey},
    tls,
};

/// The keys of `kafka`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The topic, a template.
    topic: TextKey,
    /// Some of the cluster's brokers, as host and port.
    #[schemars(with = "Vec<String>")]
    pub brokers: Vec<Located<String>>,
    /// The record's key, a template; the event's UID when it is not set.
    key: TextKey,
    /// More headers, each a template.
    headers: BTreeMap<String, TextKey>,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
    /// The name under which the brokers know this client.
    pub client_id: String,
    /// How records are compressed: `none`, `snappy`, `gzip`, `lz4` or `zstd`.
    pub compression_codec: String,
    /// Of no effect: the brokers are asked which versions they speak.
    pub version: String,
    /// TLS settings.
    pub tls: Tls,
    /// How to log in.
    pub sasl: Sasl,
    /// Avro instead of JSON.
    pub avro: AvroKeys,
}

/// The keys of `kafka.tls`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// Whether the brokers speak TLS.
    pub enable: bool,
    /// PEM file of the authorities that sign the brokers' certificates; the system's when it is not set.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
    /// Whether any certificate is taken. Only for tests.
    pub insecure_skip_verify: bool,
}

/// The keys of `kafka.sasl`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sasl {
    /// Whether to log in.
    pub enable: bool,
    /// The user.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// `plain`, `sha256` or `sha512`, the last two with SCRAM.
    pub mechanism: String,
}

/// The keys of `kafka.avro`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AvroKeys {
    /// The schema's id in the registry, 32 hexadecimal digits, written before each event.
    #[serde(rename = "schemaID")]
    pub schema_id: String,
    /// The schema, as JSON.
    #[schemars(with = "String")]
    pub schema: Located<String>,
}

const DEFAULT_CLIENT_ID: &str = "herald";
/// The largest record that is offered to the brokers; what a topic takes is theirs to say.
const LARGEST: &str = "100000000";
/// How long a topic that is not there is waited for.
const TOPIC_WAIT: &str = "5000";
const NO_SCHEMA: &str = "this is no Avro schema";
/// librdkafka's names of the mechanisms.
const MECHANISMS: [(&str, &str); 3] = [("plain", "PLAIN"), ("sha256", "SCRAM-SHA-256"), ("sha512", "SCRAM-SHA-512")];

/// Topic, key, headers, Avro if it is used, and librdkafka's settings.
type Parts = (Text, Text, Vec<(String, Text)>, Option<Avro>, ClientConfig);

impl Config {
    /// Makes of the keys what a kind is built of; what is wrong with them is among the findings of `keys`. An attempt may take `default_timeout` unless the
    /// receiver says otherwise.
    pub(super) fn parts(&self, keys: &mut Keys<'_>, has_layout: bool, default_timeout: Duration) -> Option<Parts> {
        keys.required("topic", "name the topic to write to");
        let topic = keys.text(&self.topic, Secrecy::Public);
        if let Text::Fixed(name) = &topic {
            keys.require(name.is_empty() || is_topic(name), "topic", &format!("expected at most {} {}", TOPIC.1, TOPIC.0));
        }
        let key = keys.text(&self.key, Secrecy::Public);
        let headers = self.headers.iter().map(|(name, text)| (name.clone(), keys.text(text, Secrecy::Public))).collect();
        let avro = self.avro(keys, has_layout);
        let mut client = ClientConfig::new();
        self.connection(keys, &mut client);
        self.security(keys, &mut client);
        delivery(keys.receiver.timeout_or(default_timeout), &mut client);
        Some((topic, key, headers, avro?, client))
    }

    /// Avro where it is used; nothing when it is wrong.
    fn avro(&self, keys: &mut Keys<'_>, has_layout: bool) -> Option<Option<Avro>> {
        let AvroKeys { schema_id, schema } = &self.avro;
        if schema_id.is_empty() {
            keys.unused("avro.schema", "it needs schemaID beside it");
            return Some(None);
        }
        keys.beside("avro.schemaID", "schema");
        let id = Avro::id(schema_id);
        keys.require(id.is_some(), "avro.schemaID", "expected 32 hexadecimal digits");
        let is_json = schema.value.is_empty() || serde_json::from_str::<IgnoredAny>(&schema.value).is_ok();
        keys.require(is_json, "avro.schema", "expected an Avro schema in JSON");
        let fault = |error| keys.error(schema.problem(if schema.hidden { NO_SCHEMA.to_owned() } else { format!("{NO_SCHEMA}: {error}") }));
        let is_there = is_json && !schema.value.is_empty();
        let avro = if is_there { Avro::new(id.unwrap_or_default(), &schema.value).map_err(fault).ok() } else { None };
        if has_layout {
            keys.unused("avro", "the events are sent as the layout makes them");
            return avro.map(|_| None);
        }
        avro.map(Some)
    }

    fn connection(&self, keys: &mut Keys<'_>, client: &mut ClientConfig) {
        keys.required("brokers", "name some of the cluster's brokers as host:port");
        for broker in &self.brokers {
            if !broker.value.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
                keys.error(broker.problem(format!("found {}, expected host:port of a broker", broker.found())));
            }
        }
        let brokers: Vec<&str> = self.brokers.iter().map(|broker| broker.value.as_str()).collect();
        keys.one_of("compressionCodec", &["none", "snappy", "gzip", "lz4", "zstd"]);
        let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        client
            .set("bootstrap.servers", brokers.join(","))
            .set("client.id", or(&self.client_id, DEFAULT_CLIENT_ID))
            .set("compression.type", or(&self.compression_codec, "none"))
            // The exporter before Herald put records into the same partitions.
            .set("partitioner", "fnv1a_random");
    }

    fn security(&self, keys: &mut Keys<'_>, client: &mut ClientConfig) {
        let Tls { enable, ca_file, cert_file, key_file, insecure_skip_verify } = &self.tls;
        if *enable {
            // The files are read and told of as for every kind; librdkafka reads them itself.
            tls::Tls {
                insecure_skip_verify: *insecure_skip_verify,
                server_name: String::new(),
                ca_file: ca_file.clone(),
                cert_file: cert_file.clone(),
                key_file: key_file.clone(),
            }
            .config(keys);
            let files = [("ssl.ca.location", ca_file), ("ssl.certificate.location", cert_file), ("ssl.key.location", key_file)];
            for (setting, file) in files {
                if let Some(file) = file {
                    client.set(setting, file.to_string_lossy());
                }
            }
            client.set("enable.ssl.certificate.verification", (!insecure_skip_verify).to_string());
        } else {
            keys.unused("tls", "tls.enable is not true");
        }
        let Sasl { enable: log_in, username, password, mechanism } = &self.sasl;
        if *log_in {
            keys.required("sasl.username", "give the user to log in as");
            keys.required("sasl.password", "give the user's password");
            keys.one_of("sasl.mechanism", &MECHANISMS.map(|(word, _)| word));
            let (_, name) = MECHANISMS.into_iter().find(|(word, _)| word == mechanism).unwrap_or(MECHANISMS[0]);
            client.set("sasl.mechanism", name).set("sasl.username", username).set("sasl.password", password.expose());
        } else {
            keys.unused("sasl", "sasl.enable is not true");
        }
        let protocol = match (log_in, enable) {
            (false, false) => "plaintext",
            (false, true) => "ssl",
            (true, false) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        client.set("security.protocol", protocol);
    }
}

/// How records are delivered: once, in order, to all in-sync replicas, or reported as failed before the attempt is over.
fn delivery(timeout: Duration, client: &mut ClientConfig) {
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", (timeout.mul_f64(0.9).as_millis().max(1)).to_string())
        .set("message.max.bytes", LARGEST)
        .set("topic.metadata.propagation.max.ms", TOPIC_WAIT)
        // A broker that is back is found within a second, well before the records time out.
        .set("reconnect.backoff.max.ms", "1000")
        // As long as it takes to hand over a batch, which then travels in one request for each partition.
        .set("linger.ms", "5")
        .set("socket.nagle.disable", "true");
}
