//! The Kubernetes event as Herald carries it.
//!
//! In goes what the API server says (JSON of core/v1 `Event`); between the stages travels an [`Event`] (MessagePack with field names) and then an
//! [`EnrichedEvent`], whose JSON is the public contract: the bytes Go's `encoding/json` would print for the same values, key by key, because people's
//! receivers were built on them. Fields Herald does not know are ignored, `null` means unset, as Go reads it.
//!
//! This module never does I/O and never fails on a value the API server can send: a timestamp that is no timestamp reads as unset.

mod go_json;
mod named;
mod time;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use self::named::Named;
pub use self::{
    go_json::{to_vec as to_go_json, to_writer as write_go_json},
    time::{MicroTime, Time},
};

/// Labels or annotations; sorted by key, as Go prints maps.
pub type StringMap = BTreeMap<String, String>;

/// A core/v1 `Event` as the API server gave it, less `managedFields`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Standard object metadata of the event itself.
    #[serde(deserialize_with = "or_default")]
    pub metadata: ObjectMeta,
    /// What the event is about.
    #[serde(deserialize_with = "or_default")]
    pub involved_object: ObjectReference,
    /// Why, in one word: `BackOff`, `Killing`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What happened, for people.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Who reported it (core/v1 emitters only).
    #[serde(deserialize_with = "or_default")]
    pub source: EventSource,
    /// When it was seen first.
    #[serde(deserialize_with = "or_default")]
    pub first_timestamp: Time,
    /// When it was seen last.
    #[serde(deserialize_with = "or_default")]
    pub last_timestamp: Time,
    /// How often it was seen; 0 when the emitter does not count.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub count: i32,
    /// `Normal` or `Warning`.
    #[serde(rename = "type", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub type_: String,
    /// When it was seen first (events.k8s.io emitters).
    #[serde(deserialize_with = "or_default")]
    pub event_time: MicroTime,
    /// The series this event belongs to (events.k8s.io emitters).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<EventSeries>,
    /// What was done or failed regarding the object.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// A second object for events about two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<ObjectReference>,
    /// Name of the controller that emitted the event.
    #[serde(deserialize_with = "or_default")]
    pub reporting_component: String,
    /// Instance of that controller.
    #[serde(deserialize_with = "or_default")]
    pub reporting_instance: String,
}

impl Event {
    /// Returns the time the event speaks of: the last one known, falling back to when it was created.
    ///
    /// The order is series, last, event, first, creation; `None` when the event carries no usable time at all.
    #[must_use]
    pub fn happened(&self) -> Option<jiff::Timestamp> {
        self.series
            .as_ref()
            .and_then(|series| series.last_observed_time.timestamp())
            .or_else(|| self.last_timestamp.timestamp())
            .or_else(|| self.event_time.timestamp())
            .or_else(|| self.first_timestamp.timestamp())
            .or_else(|| self.metadata.creation_timestamp.timestamp())
    }
}

/// Object metadata in the order Go prints it (`metav1.ObjectMeta`), `managedFields` left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the fields are those of metav1.ObjectMeta and documented there")]
pub struct ObjectMeta {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub generate_name: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub self_link: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub generation: i64,
    #[serde(deserialize_with = "or_default")]
    pub creation_timestamp: Time,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Time::is_unset")]
    pub deletion_timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period_seconds: Option<i64>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "StringMap::is_empty")]
    pub labels: StringMap,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "StringMap::is_empty")]
    pub annotations: StringMap,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// A reference to an object (`core/v1 ObjectReference`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the fields are those of core/v1 ObjectReference and documented there")]
pub struct ObjectReference {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub field_path: String,
}

/// Who reported an event (`core/v1 EventSource`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventSource {
    /// Component, for example `kubelet`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub component: String,
    /// Node the component runs on.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub host: String,
}

/// A series of like events (`core/v1 EventSeries`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventSeries {
    /// Occurrences so far.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_zero")]
    pub count: i32,
    /// When the last one was seen.
    #[serde(deserialize_with = "or_default")]
    pub last_observed_time: MicroTime,
}

/// An owner of an object (`metav1.OwnerReference`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the fields are those of metav1.OwnerReference and documented there")]
pub struct OwnerReference {
    #[serde(deserialize_with = "or_default")]
    pub api_version: String,
    #[serde(deserialize_with = "or_default")]
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

/// What the lookup of the involved object found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMetadata {
    /// The object's labels.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "StringMap::is_empty")]
    pub labels: StringMap,
    /// The object's annotations.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "StringMap::is_empty")]
    pub annotations: StringMap,
    /// The object's owners.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Whether the object is gone, going, or replaced by another of the same name.
    #[serde(deserialize_with = "or_default")]
    pub deleted: bool,
}

/// An event with what is known about its object: the event Herald exports.
///
/// Its serde form is the exported JSON; [`to_go_json`] prints it byte for byte as Go does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnrichedEvent {
    /// The event as the API server gave it.
    pub event: Event,
    /// `clusterName` of the configuration.
    pub cluster_name: String,
    /// What is known about the involved object.
    pub object: ObjectMetadata,
}

impl EnrichedEvent {
    /// Replaces `.` by `_` in the keys of the labels and annotations of the event and of its object (the `deDot` option).
    #[must_use]
    pub fn de_dot(mut self) -> Self {
        for map in
            [&mut self.event.metadata.labels, &mut self.event.metadata.annotations, &mut self.object.labels, &mut self.object.annotations]
        {
            *map = std::mem::take(map).into_iter().map(|(key, value)| (key.replace('.', "_"), value)).collect();
        }
        self
    }
}

/// The exported event's keys in their order, for writing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported<'a> {
    metadata: &'a ObjectMeta,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    source: &'a EventSource,
    first_timestamp: Time,
    last_timestamp: Time,
    #[serde(skip_serializing_if = "is_zero")]
    count: i32,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    type_: &'a str,
    event_time: MicroTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<&'a EventSeries>,
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    related: Option<&'a ObjectReference>,
    reporting_component: &'a str,
    reporting_instance: &'a str,
    cluster_name: &'a str,
    involved_object: ExportedObject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedObject<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    api_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    resource_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    field_path: &'a str,
    #[serde(skip_serializing_if = "StringMap::is_empty")]
    labels: &'a StringMap,
    #[serde(skip_serializing_if = "StringMap::is_empty")]
    annotations: &'a StringMap,
    #[serde(skip_serializing_if = "<[OwnerReference]>::is_empty")]
    owner_references: &'a [OwnerReference],
    deleted: bool,
}

impl Serialize for EnrichedEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { event, cluster_name, object } = self;
        let reference = &event.involved_object;
        Exported {
            metadata: &event.metadata,
            reason: &event.reason,
            message: &event.message,
            source: &event.source,
            first_timestamp: event.first_timestamp,
            last_timestamp: event.last_timestamp,
            count: event.count,
            type_: &event.type_,
            event_time: event.event_time,
            series: event.series.as_ref(),
            action: &event.action,
            related: event.related.as_ref(),
            reporting_component: &event.reporting_component,
            reporting_instance: &event.reporting_instance,
            cluster_name,
            involved_object: ExportedObject {
                kind: &reference.kind,
                namespace: &reference.namespace,
                name: &reference.name,
                uid: &reference.uid,
                api_version: &reference.api_version,
                resource_version: &reference.resource_version,
                field_path: &reference.field_path,
                labels: &object.labels,
                annotations: &object.annotations,
                owner_references: &object.owner_references,
                deleted: object.deleted,
            },
        }
        .serialize(serializer)
    }
}

/// The exported event's keys, for reading. `flatten` would say the same in fewer lines, at thrice the time: it keeps every value until it knows whose it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Imported {
    #[serde(deserialize_with = "or_default")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    reason: String,
    #[serde(deserialize_with = "or_default")]
    message: String,
    #[serde(deserialize_with = "or_default")]
    source: EventSource,
    #[serde(deserialize_with = "or_default")]
    first_timestamp: Time,
    #[serde(deserialize_with = "or_default")]
    last_timestamp: Time,
    #[serde(deserialize_with = "or_default")]
    count: i32,
    #[serde(rename = "type", deserialize_with = "or_default")]
    type_: String,
    #[serde(deserialize_with = "or_default")]
    event_time: MicroTime,
    series: Option<EventSeries>,
    #[serde(deserialize_with = "or_default")]
    action: String,
    related: Option<ObjectReference>,
    #[serde(deserialize_with = "or_default")]
    reporting_component: String,
    #[serde(deserialize_with = "or_default")]
    reporting_instance: String,
    #[serde(deserialize_with = "or_default")]
    cluster_name: String,
    #[serde(deserialize_with = "or_default")]
    involved_object: ImportedObject,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ImportedObject {
    #[serde(deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    namespace: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    uid: String,
    #[serde(deserialize_with = "or_default")]
    api_version: String,
    #[serde(deserialize_with = "or_default")]
    resource_version: String,
    #[serde(deserialize_with = "or_default")]
    field_path: String,
    #[serde(deserialize_with = "or_default")]
    labels: StringMap,
    #[serde(deserialize_with = "or_default")]
    annotations: StringMap,
    #[serde(deserialize_with = "or_default")]
    owner_references: Vec<OwnerReference>,
    #[serde(deserialize_with = "or_default")]
    deleted: bool,
}

impl<'de> Deserialize<'de> for EnrichedEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Imported::deserialize(deserializer)?;
        let ImportedObject {
            kind,
            namespace,
            name,
            uid,
            api_version,
            resource_version,
            field_path,
            labels,
            annotations,
            owner_references,
            deleted,
        } = wire.involved_object;
        let event = Event {
            metadata: wire.metadata,
            involved_object: ObjectReference { kind, namespace, name, uid, api_version, resource_version, field_path },
            reason: wire.reason,
            message: wire.message,
            source: wire.source,
            first_timestamp: wire.first_timestamp,
            last_timestamp: wire.last_timestamp,
            count: wire.count,
            type_: wire.type_,
            event_time: wire.event_time,
            series: wire.series,
            action: wire.action,
            related: wire.related,
            reporting_component: wire.reporting_component,
            reporting_instance: wire.reporting_instance,
        };
        let object = ObjectMetadata { labels, annotations, owner_references, deleted };
        Ok(Self { event, cluster_name: wire.cluster_name, object })
    }
}

/// Decodes a raw event by the message's `Content-Type`: MessagePack when it says so, JSON otherwise.
///
/// # Errors
/// When the payload is no event.
pub fn decode_raw(payload: &[u8], content_type: Option<&str>) -> anyhow::Result<Event> {
    decode(payload, content_type)
}

/// Decodes an enriched event by the message's `Content-Type`: MessagePack when it says so, JSON otherwise.
///
/// # Errors
/// When the payload is no event.
pub fn decode_enriched(payload: &[u8], content_type: Option<&str>) -> anyhow::Result<EnrichedEvent> {
    decode(payload, content_type)
}

/// Decodes anything an event's message carries by its `Content-Type`: MessagePack when it says so, JSON otherwise. A structure is a map with names there, so that
/// all who decode a message find the same in it, whichever parts they look at.
///
/// # Errors
/// When the payload is no `T`.
pub fn decode<'a, T: Deserialize<'a>>(payload: &'a [u8], content_type: Option<&str>) -> anyhow::Result<T> {
    let packed = content_type == Some(crate::config::Encoding::MessagePack.content_type());
    if !packed {
        let mut deserializer = serde_json::Deserializer::from_slice(payload);
        let value = T::deserialize(Named(&mut deserializer))?;
        deserializer.end()?;
        return Ok(value);
    }
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload);
    deserializer.set_max_depth(MAX_DEPTH);
    Ok(T::deserialize(Named(&mut deserializer))?)
}

/// How deep MessagePack may nest: much deeper than an event does. Each level may announce a length, true or not, that up to a mebibyte is set aside for.
const MAX_DEPTH: usize = 32;

/// Reads `null` as the default, as Go's decoder leaves a field alone on `null`.
///
/// # Errors
/// When it is neither `null` nor a `T`.
pub fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
