//! Protobuf encoding as Kubernetes' generated code writes it: every non-pointer field, empty or not.

use herald_template::go::time::Time as GoTime;

use super::{Event, EventSeries, EventSource, Labels, ObjectMeta, ObjectReference, OwnerReference, TypeMeta};

/// A message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap_or(0));
        self
    }

    fn number(self, field: u64, value: i64) -> Self {
        self.varint(field << 3).varint(value.cast_unsigned())
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(u64::try_from(bytes.len()).unwrap_or(0));
        message.0.extend_from_slice(bytes);
        message
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn flag(self, field: u64, flag: Option<bool>) -> Self {
        match flag {
            Some(flag) => self.number(field, flag.into()),
            None => self,
        }
    }

    fn map(self, field: u64, map: &Labels) -> Self {
        map.iter().flatten().fold(self, |message, (key, value)| message.bytes(field, &Message::default().text(1, key).text(2, value).0))
    }
}

/// The zero time is an empty message.
pub(crate) fn time(time: &GoTime) -> Vec<u8> {
    if time.is_zero() {
        return Vec::new();
    }
    Message::default().number(1, time.unix()).number(2, time.nanosecond().into()).0
}

pub(crate) fn type_meta(meta: &TypeMeta) -> Vec<u8> {
    Message::default().text(1, &meta.kind).text(2, &meta.api_version).0
}

pub(crate) fn owner(owner: &OwnerReference) -> Vec<u8> {
    Message::default()
        .text(1, &owner.kind)
        .text(3, &owner.name)
        .text(4, &owner.uid.0)
        .text(5, &owner.api_version)
        .flag(6, owner.controller)
        .flag(7, owner.block_owner_deletion)
        .0
}

pub(crate) fn object_meta(meta: &ObjectMeta) -> Vec<u8> {
    let mut message = Message::default()
        .text(1, &meta.name)
        .text(2, &meta.generate_name)
        .text(3, &meta.namespace)
        .text(4, &meta.self_link)
        .text(5, &meta.uid.0)
        .text(6, &meta.resource_version)
        .number(7, meta.generation)
        .bytes(8, &time(&meta.creation_timestamp.0));
    if let Some(deletion) = &meta.deletion_timestamp {
        message = message.bytes(9, &time(&deletion.0));
    }
    if let Some(seconds) = meta.deletion_grace_period_seconds {
        message = message.number(10, seconds);
    }
    message = message.map(11, &meta.labels).map(12, &meta.annotations);
    for reference in meta.owner_references.iter().flatten() {
        message = message.bytes(13, &owner(reference));
    }
    for finalizer in meta.finalizers.iter().flatten() {
        message = message.text(14, finalizer);
    }
    message.0
}

pub(crate) fn source(source: &EventSource) -> Vec<u8> {
    Message::default().text(1, &source.component).text(2, &source.host).0
}

pub(crate) fn series(series: &EventSeries) -> Vec<u8> {
    Message::default().number(1, series.count.into()).bytes(2, &time(&series.last_observed_time.0)).0
}

pub(crate) fn reference(reference: &ObjectReference) -> Vec<u8> {
    Message::default()
        .text(1, &reference.kind)
        .text(2, &reference.namespace)
        .text(3, &reference.name)
        .text(4, &reference.uid.0)
        .text(5, &reference.api_version)
        .text(6, &reference.resource_version)
        .text(7, &reference.field_path)
        .0
}

pub(crate) fn event(event: &Event) -> Vec<u8> {
    let mut message = Message::default()
        .bytes(1, &object_meta(&event.metadata))
        .bytes(2, &reference(&event.involved_object))
        .text(3, &event.reason)
        .text(4, &event.message)
        .bytes(5, &source(&event.source))
        .bytes(6, &time(&event.first_timestamp.0))
        .bytes(7, &time(&event.last_timestamp.0))
        .number(8, event.count.into())
        .text(9, &event.event_type)
        .bytes(10, &time(&event.event_time.0));
    if let Some(found) = &event.series {
        message = message.bytes(11, &series(found));
    }
    message = message.text(12, &event.action);
    if let Some(related) = &event.related {
        message = message.bytes(13, &reference(related));
    }
    message.text(14, &event.reporting_controller).text(15, &event.reporting_instance).0
}
