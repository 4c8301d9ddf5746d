//! From JSON to the event.

use std::collections::BTreeMap;

use herald_template::go::time::{Location, RFC3339_NANO, parse};
use serde_json::Value as Json;

use super::meta::Uid;
use super::{
    EnhancedEvent, EnhancedObjectReference, Event, EventSeries, EventSource, Labels, MicroTime, ObjectMeta, ObjectReference,
    OwnerReference, Time,
};

impl EnhancedEvent {
    /// Reads an event; what is missing or of another type is left at its zero value.
    pub fn from_json(json: &Json) -> Self {
        let object = &json["involvedObject"];
        Self {
            event: Event {
                type_meta: super::TypeMeta { kind: text(&json["kind"]), api_version: text(&json["apiVersion"]) },
                metadata: metadata(&json["metadata"]),
                involved_object: reference(object),
                reason: text(&json["reason"]),
                message: text(&json["message"]),
                source: EventSource { component: text(&json["source"]["component"]), host: text(&json["source"]["host"]) },
                first_timestamp: time(&json["firstTimestamp"]),
                last_timestamp: time(&json["lastTimestamp"]),
                count: count(&json["count"]),
                event_type: text(&json["type"]),
                event_time: micro_time(&json["eventTime"]),
                series: json["series"].is_object().then(|| EventSeries {
                    count: count(&json["series"]["count"]),
                    last_observed_time: micro_time(&json["series"]["lastObservedTime"]),
                }),
                action: text(&json["action"]),
                related: json["related"].is_object().then(|| reference(&json["related"])),
                reporting_controller: text(&json["reportingComponent"]),
                reporting_instance: text(&json["reportingInstance"]),
            },
            cluster_name: text(&json["clusterName"]),
            involved_object: EnhancedObjectReference {
                reference: reference(object),
                labels: labels(&object["labels"]),
                annotations: labels(&object["annotations"]),
                owner_references: owners(&object["ownerReferences"]),
                deleted: object["deleted"].as_bool().unwrap_or_default(),
            },
        }
    }
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn count(json: &Json) -> i32 {
    json.as_i64().and_then(|count| i32::try_from(count).ok()).unwrap_or_default()
}

fn go_time(json: &Json) -> herald_template::go::time::Time {
    let Some(text) = json.as_str() else { return Default::default() };
    parse(RFC3339_NANO, text.as_bytes()).map(|time| time.at(Location::Local)).unwrap_or_default()
}

fn time(json: &Json) -> Time {
    Time(go_time(json))
}

fn micro_time(json: &Json) -> MicroTime {
    MicroTime(go_time(json))
}

fn labels(json: &Json) -> Labels {
    Some(json.as_object()?.iter().map(|(key, value)| (key.clone(), text(value))).collect::<BTreeMap<_, _>>())
}

fn owners(json: &Json) -> Option<Vec<OwnerReference>> {
    let owner = |json: &Json| OwnerReference {
        api_version: text(&json["apiVersion"]),
        kind: text(&json["kind"]),
        name: text(&json["name"]),
        uid: Uid(text(&json["uid"])),
        controller: json["controller"].as_bool(),
        block_owner_deletion: json["blockOwnerDeletion"].as_bool(),
    };
    Some(json.as_array()?.iter().map(owner).collect())
}

fn reference(json: &Json) -> ObjectReference {
    ObjectReference {
        kind: text(&json["kind"]),
        namespace: text(&json["namespace"]),
        name: text(&json["name"]),
        uid: Uid(text(&json["uid"])),
        api_version: text(&json["apiVersion"]),
        resource_version: text(&json["resourceVersion"]),
        field_path: text(&json["fieldPath"]),
    }
}

fn metadata(json: &Json) -> ObjectMeta {
    ObjectMeta {
        name: text(&json["name"]),
        generate_name: text(&json["generateName"]),
        namespace: text(&json["namespace"]),
        self_link: text(&json["selfLink"]),
        uid: Uid(text(&json["uid"])),
        resource_version: text(&json["resourceVersion"]),
        generation: json["generation"].as_i64().unwrap_or_default(),
        creation_timestamp: time(&json["creationTimestamp"]),
        deletion_timestamp: json["deletionTimestamp"].is_string().then(|| time(&json["deletionTimestamp"])),
        deletion_grace_period_seconds: json["deletionGracePeriodSeconds"].as_i64(),
        labels: labels(&json["labels"]),
        annotations: labels(&json["annotations"]),
        owner_references: owners(&json["ownerReferences"]),
        finalizers: json["finalizers"].as_array().map(|items| items.iter().map(text).collect()),
        managed_fields: super::meta::ManagedFields,
    }
}
