//! What the types of kinds that are not served yet cannot say: what must be there, what belongs together, which words are known.
//!
//! A kind's check moves with its type.

use super::{Bigquery, InMemory, Kafka, Known, Pubsub};
use crate::keys::Keys;

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

impl Known for Pubsub {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("gcloud_project_id", "name the project");
        keys.required("topic", "name the topic");
        keys.addresses("endpoint");
    }
}

impl Known for Bigquery {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("project", "name the project");
        keys.required("dataset", "name the data set");
        keys.required("table", "name the table");
        keys.addresses("endpoint");
    }
}

impl Known for InMemory {
    fn check(&self, _: &mut Keys<'_>) {}
}
