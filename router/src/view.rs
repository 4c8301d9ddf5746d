//! The part of an enriched event that rules look at, decoded without copying what needs no unescaping.

use std::borrow::Cow;

use herald_common::event;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::rule::Event;

/// An enriched event's fields for routing; borrows from the payload.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct View<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    source: Source<'a>,
    count: i32,
    #[serde(borrow, rename = "type")]
    type_: Text<'a>,
    series: Option<Series>,
    #[serde(borrow)]
    reporting_component: Text<'a>,
    #[serde(borrow)]
    reporting_instance: Text<'a>,
    #[serde(borrow)]
    involved_object: Object<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Series {
    count: i32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata<'a> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow)]
    resource_version: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source<'a> {
    #[serde(borrow)]
    component: Text<'a>,
    #[serde(borrow)]
    host: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object<'a> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    labels: Pairs<'a>,
    #[serde(borrow)]
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

/// A map of strings in the payload's order.
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
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some((Text(key), Text(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
