//! What the types of kinds that are not served yet cannot say: what must be there, what belongs together, which words are known.
//!
//! A kind's check moves with its type.

use super::{Eventbridge, Firehose, InMemory, Kafka, Kinesis, Known, Opscenter, Sns, Sqs};
use crate::{
    keys::Keys,
    render::{Layout, Secrecy, TextKey},
};

impl Known for Kafka {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("topic", "name the topic to write to");
        keys.required("brokers", "name some of the cluster's brokers as host:port");
        for broker in &self.brokers {
            if !broker.value.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
                keys.error(broker.problem(format!("found {}, expected host:port of a broker", broker.found())));
            }
        }
        keys.one_of("compressionCodec", &["none", "snappy", "gzip", "lz4", "zstd"]);
        if self.sasl.enable {
            keys.required("sasl.username", "give the user to log in as");
            keys.required("sasl.password", "give the user's password");
            keys.one_of("sasl.mechanism", &["plain", "sha256", "sha512"]);
        }
        if self.tls.enable {
            self.tls.as_tls().config(keys);
        }
        let id = &self.avro.schema_id;
        let is_id = id.is_empty() || (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        keys.require(is_id, "avro.schemaID", "expected 32 hexadecimal digits");
        let is_json = self.avro.schema.is_empty() || serde_json::from_str::<serde_json::Value>(&self.avro.schema).is_ok();
        keys.require(is_json, "avro.schema", "expected an Avro schema in JSON");
        if !id.is_empty() {
            keys.beside("avro.schemaID", "schema");
        }
    }
}

impl Known for Kinesis {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("streamName", "name the stream");
        keys.addresses("endpoint");
    }
}

impl Known for Firehose {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("deliveryStreamName", "name the delivery stream");
        keys.addresses("endpoint");
    }
}

impl Known for Sns {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("topicARN", "name the topic by its ARN");
        let is_arn = self.topic_arn.is_empty() || self.topic_arn.starts_with("arn:");
        keys.require(is_arn, "topicARN", "expected an ARN, for example arn:aws:sns:eu-west-1:123456789012:events");
        keys.addresses("endpoint");
    }
}

impl Known for Sqs {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("queueName", "name the queue");
        keys.addresses("endpoint");
    }
}

impl Known for Eventbridge {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("detailType", "say what kind of events these are");
        keys.required("source", "say where the events come from");
        if let Some(details) = keys.spec().get("details") {
            Layout::new(details, keys);
        }
        keys.addresses("endpoint");
    }
}

impl Known for Opscenter {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("title", "say what the item is called, a template");
        keys.required("description", "say what the item is about, a template");
        keys.required("source", "say where the events come from");
        if is_fixed(&self.priority) {
            keys.one_of("priority", &["1", "2", "3", "4", "5"]);
        }
        keys.texts([&self.title, &self.description, &self.source, &self.category, &self.severity, &self.priority]);
        keys.texts(self.notifications.iter().chain(&self.related_ops_items));
        keys.text_map(&self.operational_data, Secrecy::Public);
        keys.text_map(&self.tags, Secrecy::Public);
        keys.addresses("endpoint");
    }
}

impl Known for InMemory {
    fn check(&self, _: &mut Keys<'_>) {}
}

/// Tells whether a key is a text without templates.
fn is_fixed(key: &TextKey) -> bool {
    !key.0.value.contains("{{")
}
