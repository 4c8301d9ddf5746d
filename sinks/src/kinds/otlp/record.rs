//! An event as a log record of OpenTelemetry's, with the semantic conventions for Kubernetes.
//!
//! In go events, out comes the request of an export, records of the same resource together. The resource is the object the event is about: cluster, namespace,
//! the object by its kind (`k8s.pod.name`), its owners, its labels. The record is the event: its message, time, severity, and `k8s.event.*` as the Collector's
//! own receiver of Kubernetes events names them. `log.record.uid` is the identity, by which backends tell repeats. Pure, but for the time of sending.

use std::collections::HashMap;

use herald_common::event::{EnrichedEvent, Event};
use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message as _;
use serde_json::Value as Json;

use crate::{
    render::Texts,
    sink::{Item, Refusal},
};

/// Kinds of objects that the conventions have attributes for.
const KINDS: [&str; 12] = [
    "pod",
    "node",
    "namespace",
    "deployment",
    "replicaset",
    "statefulset",
    "daemonset",
    "job",
    "cronjob",
    "replicationcontroller",
    "hpa",
    "resourcequota",
];

const EVENT_NAME: &str = "k8s.event";

/// What a receiver adds.
pub(super) struct Records {
    pub(super) resource_attributes: Texts,
    pub(super) attributes: Texts,
    /// Whether the body is what a layout makes of the event, or its message.
    pub(super) has_layout: bool,
}

impl Records {
    /// The request that exports the items, sent at this time.
    pub(super) fn export(&self, batch: &[Item], now: Timestamp) -> Result<ExportLogsServiceRequest, Refusal> {
        let (mut resources, mut of_resources) = (Vec::new(), HashMap::new());
        for item in batch {
            let (resource, record) = (self.resource(item)?, self.record(item, now)?);
            let at = *of_resources.entry(resource.encode_to_vec()).or_insert_with(|| {
                resources.push((resource, Vec::new()));
                resources.len() - 1
            });
            resources[at].1.push(record);
        }
        let resource_logs = resources.into_iter().map(|(resource, records)| of_resource(resource, records)).collect();
        Ok(ExportLogsServiceRequest { resource_logs })
    }

    fn resource(&self, item: &Item) -> Result<Resource, Refusal> {
        let EnrichedEvent { event, cluster_name, object } = item.enriched()?;
        let about = &event.involved_object;
        let mut attributes = Attributes::default();
        attributes.text("k8s.cluster.name", cluster_name);
        attributes.text("k8s.namespace.name", if about.namespace.is_empty() { &event.metadata.namespace } else { &about.namespace });
        attributes.text("k8s.node.name", &event.source.host);
        for owner in &object.owner_references {
            attributes.object(&owner.kind, &owner.name, &owner.uid);
        }
        attributes.object(&about.kind, &about.name, &about.uid);
        attributes.text("k8s.object.kind", &about.kind);
        attributes.text("k8s.object.name", &about.name);
        attributes.text("k8s.object.uid", &about.uid);
        attributes.text("k8s.object.api_version", &about.api_version);
        attributes.text("k8s.container.name", container(&about.field_path));
        if let Some(kind) = conventional(&about.kind) {
            for (name, value) in &object.labels {
                attributes.set(format!("k8s.{kind}.label.{name}"), Value::StringValue(value.clone()));
            }
        }
        Ok(Resource { attributes: attributes.texts(&self.resource_attributes, item)?, ..Resource::default() })
    }

    fn record(&self, item: &Item, now: Timestamp) -> Result<LogRecord, Refusal> {
        let event = &item.enriched()?.event;
        let (severity, severity_text) = severity(&event.type_);
        let body = if self.has_layout {
            let json: Json = serde_json::from_slice(&item.body).map_err(|error| Refusal::permanent(format!("no JSON: {error}")))?;
            value(json).value
        } else {
            Some(Value::StringValue(event.message.clone()))
        };
        Ok(LogRecord {
            time_unix_nano: event.happened().map(nanoseconds).unwrap_or_default(),
            observed_time_unix_nano: nanoseconds(now),
            severity_number: severity.into(),
            severity_text,
            body: Some(AnyValue { value: body }),
            attributes: self.attributes_of(event, item)?,
            event_name: EVENT_NAME.to_owned(),
            ..LogRecord::default()
        })
    }

    fn attributes_of(&self, event: &Event, item: &Item) -> Result<Vec<KeyValue>, Refusal> {
        let (meta, about) = (&event.metadata, &event.involved_object);
        let began =
            event.first_timestamp.timestamp().or_else(|| event.event_time.timestamp()).or_else(|| meta.creation_timestamp.timestamp());
        let source = if event.source.component.is_empty() { &event.reporting_component } else { &event.source.component };
        let mut attributes = Attributes::default();
        attributes.text("log.record.uid", &item.identity);
        attributes.text("k8s.event.name", &meta.name);
        attributes.text("k8s.event.uid", &meta.uid);
        attributes.text("k8s.event.reason", &event.reason);
        attributes.text("k8s.event.action", &event.action);
        attributes.text("k8s.event.source", source);
        attributes.text("k8s.event.start_time", &began.map(|began| began.to_string()).unwrap_or_default());
        if event.count > 0 {
            attributes.set("k8s.event.count".to_owned(), Value::IntValue(event.count.into()));
        }
        attributes.text("k8s.object.fieldpath", &about.field_path);
        attributes.text("k8s.object.resource_version", &about.resource_version);
        attributes.texts(&self.attributes, item)
    }
}

/// The records of a resource.
fn of_resource(resource: Resource, log_records: Vec<LogRecord>) -> ResourceLogs {
    let scope = InstrumentationScope { name: "herald".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), ..Default::default() };
    ResourceLogs {
        resource: Some(resource),
        scope_logs: vec![ScopeLogs { scope: Some(scope), log_records, schema_url: String::new() }],
        schema_url: String::new(),
    }
}

/// Attributes without those that would be empty; a name that is set again has the last value.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn set(&mut self, name: String, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        match self.0.iter_mut().find(|known| known.key == name) {
            Some(known) => known.value = value,
            None => self.0.push(KeyValue { key: name, value, ..KeyValue::default() }),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.set(name.to_owned(), Value::StringValue(text.to_owned()));
        }
    }

    /// An object by its kind, where the conventions know it.
    fn object(&mut self, kind: &str, name: &str, uid: &str) {
        if let Some(kind) = conventional(kind) {
            self.text(&format!("k8s.{kind}.name"), name);
            self.text(&format!("k8s.{kind}.uid"), uid);
        }
    }

    /// Adds those that templates make.
    fn texts(mut self, texts: &Texts, item: &Item) -> Result<Vec<KeyValue>, Refusal> {
        for text in texts.of(item) {
            let (name, text) = text?;
            self.text(name, &text);
        }
        Ok(self.0)
    }
}

/// A kind as the conventions spell it.
fn conventional(kind: &str) -> Option<&'static str> {
    let kind = kind.to_ascii_lowercase();
    let kind = if kind == "horizontalpodautoscaler" { "hpa" } else { &kind };
    KINDS.into_iter().find(|known| *known == kind)
}

/// The container of `spec.containers{web}`.
fn container(field_path: &str) -> &str {
    let of = |list: &str| field_path.strip_prefix(list)?.strip_prefix('{')?.strip_suffix('}');
    of("spec.containers").or_else(|| of("spec.initContainers")).or_else(|| of("spec.ephemeralContainers")).unwrap_or_default()
}

/// The number and text of a type; an unknown type has no number.
fn severity(type_: &str) -> (SeverityNumber, String) {
    let number = match type_ {
        "Normal" => SeverityNumber::Info,
        "Warning" => SeverityNumber::Warn,
        _ => SeverityNumber::Unspecified,
    };
    (number, type_.to_owned())
}

/// Times before 1970 read as unknown.
fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

/// JSON as a value of OpenTelemetry's.
fn value(json: Json) -> AnyValue {
    let value = match json {
        Json::Null => None,
        Json::Bool(value) => Some(Value::BoolValue(value)),
        Json::Number(number) => number.as_i64().map(Value::IntValue).or_else(|| number.as_f64().map(Value::DoubleValue)),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Array(items) => Some(Value::ArrayValue(ArrayValue { values: items.into_iter().map(value).collect() })),
        Json::Object(map) => {
            let pair = |(key, json)| KeyValue { key, value: Some(value(json)), ..KeyValue::default() };
            Some(Value::KvlistValue(KeyValueList { values: map.into_iter().map(pair).collect() }))
        }
    };
    AnyValue { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_found_in_field_paths() {
        assert_eq!(container("spec.containers{web}"), "web");
        assert_eq!(container("spec.initContainers{setup}"), "setup");
        assert_eq!(container("spec.containers"), "");
        assert_eq!(container("metadata{web}"), "");
    }

    #[test]
    fn kinds_are_spelled_as_the_conventions_do() {
        assert_eq!(conventional("ReplicaSet"), Some("replicaset"));
        assert_eq!(conventional("HorizontalPodAutoscaler"), Some("hpa"));
        assert_eq!(conventional("Certificate"), None);
    }

    #[test]
    fn json_keeps_its_types() {
        let value = value(serde_json::json!({"a": [1, 1.5, "x", true, null]}));
        let Some(Value::KvlistValue(list)) = value.value else { panic!("no map") };
        let Some(Value::ArrayValue(array)) = list.values[0].value.clone().and_then(|value| value.value) else { panic!("no list") };
        let values: Vec<_> = array.values.into_iter().map(|value| value.value).collect();
        let wanted = [
            Some(Value::IntValue(1)),
            Some(Value::DoubleValue(1.5)),
            Some(Value::StringValue("x".to_owned())),
            Some(Value::BoolValue(true)),
            None,
        ];
        assert_eq!(values, wanted);
    }
}
