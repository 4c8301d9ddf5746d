//! The part of an enriched event that rules look at, decoded without copying what needs no unescaping.

use std::borrow::Cow;

use herald_common::event::{self, or_default};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::rule::Event;

/// An enriched event's fields for routing; borrows from the payload.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct View<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    reason: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    message: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    source: Source<'a>,
    #[serde(deserialize_with = "or_default")]
    count: i32,
    #[serde(borrow, rename = "type", deserialize_with = "or_default")]
    type_: Text<'a>,
    series: Option<Series>,
    #[serde(borrow, deserialize_with = "or_default")]
    reporting_component: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    reporting_instance: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    involved_object: Object<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Series {
    #[serde(deserialize_with = "or_default")]
    count: i32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    namespace: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    uid: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    resource_version: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    component: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    host: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    api_version: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    kind: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    labels: Pairs<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    annotations: Pairs<'a>,
}

impl<'a> View<'a> {
    /// Reads a payload, MessagePack when `content_type` says so, JSON otherwise.
    ///
    /// # Errors
    /// When it is no event.
    pub fn read(payload: &'a [u8], content_type: Option<&str>) -> anyhow::Result<Self> {
        event::decode(payload, content_type)
    }

    /// Returns the fields as rules know them. With `reporting_fields`, what events.k8s.io emitters leave empty is taken from where they put it.
    #[must_use]
    pub fn event(&self, reporting_fields: bool) -> Event<'_> {
        let series = self.series.as_ref().filter(|_| reporting_fields && self.count == 0);
        Event {
            uid: &self.metadata.uid.0,
            resource_version: &self.metadata.resource_version.0,
            namespace: &self.metadata.namespace.0,
            reason: &self.reason.0,
            message: &self.message.0,
            type_: &self.type_.0,
            count: series.map_or(self.count, |series| series.count),
            component: own_or(&self.source.component.0, &self.reporting_component.0, reporting_fields),
            host: own_or(&self.source.host.0, &self.reporting_instance.0, reporting_fields),
            api_version: &self.involved_object.api_version.0,
            kind: &self.involved_object.kind.0,
            labels: &self.involved_object.labels.0,
            annotations: &self.involved_object.annotations.0,
        }
    }
}

fn own_or<'a>(own: &'a str, other: &'a str, use_other: bool) -> &'a str {
    if use_other && own.is_empty() { other } else { own }
}

/// A string that borrows when it can.
#[derive(Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A map of strings in the payload's order; of a key that comes twice the last counts.
#[derive(Default)]
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                // The hint is what the payload says, which need not be true.
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8).min(64));
                while let Some((Text(key), Text(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_unset() {
        let json = br#"{"reason":null,"metadata":null,"count":null,"series":{"count":null},"involvedObject":{"kind":null,"labels":null}}"#;
        let view = View::read(json, None).expect("it is read");
        let event = view.event(true);
        assert_eq!((event.reason, event.kind, event.count, event.labels.len()), ("", "", 0, 0));
    }

    #[test]
    fn a_length_that_is_not_true_takes_no_memory() {
        // {"involvedObject": {"labels": {…}}} with four thousand million labels announced, and none there.
        let packed = [b"\x81\xAEinvolvedObject\x81\xA6labels".as_slice(), &[0xDF, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
        assert!(View::read(&packed, Some("application/msgpack")).is_err());
    }
}
