//! Kinds whose keys are known and that are not served yet.
//!
//! A receiver of such a kind is read like any other, so that its mistakes are found and editors can complete it, and then refused. When a kind is served,
//! its type moves to a file of its own.

mod check;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey, TextKey},
};

/// The keys of a kind that is not served yet.
pub(crate) trait Known: DeserializeOwned + Default {
    /// Checks what the types cannot: what must be there, what belongs together, templates.
    fn check(&self, keys: &mut Keys<'_>);
}

/// Reads the keys of a kind, and refuses it when nothing else is wrong with it.
pub(crate) fn refuse<T: Known>(keys: &mut Keys<'_>) -> Option<Built> {
    let config: T = keys.read();
    config.check(keys);
    Body::new(keys, false);
    if keys.findings.errors.is_empty() {
        let kind = &keys.receiver.kind;
        let message = format!("receivers of kind {kind} are not served yet, keep the exporter you have for it and remove it here");
        keys.error(keys.spec().problem(message));
    }
    None
}

/// A type of keys, all of which may be left out.
macro_rules! keys {
    ($(#[doc = $doc:literal] $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        #[doc = $doc]
        #[derive(Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        #[allow(dead_code, reason = "read once the kind is served")]
        #[schemars(rename_all = "camelCase")]
        pub(crate) struct $name {
            $($(#[$attribute])* $field: $type,)*
        }
    )*};
}

keys! {
    #[doc = "The keys of `kinesis`."]
    Kinesis { stream_name: String, region: String, layout: LayoutKey, endpoint: String }
    #[doc = "The keys of `firehose`."]
    Firehose { delivery_stream_name: String, region: String, layout: LayoutKey, de_dot: bool, endpoint: String }
    #[doc = "The keys of `sns`."]
    Sns { #[serde(rename = "topicARN")] topic_arn: String, region: String, layout: LayoutKey, endpoint: String }
    #[doc = "The keys of `sqs`."]
    Sqs { queue_name: String, region: String, layout: LayoutKey, endpoint: String }
    #[doc = "The keys of `eventbridge`."]
    Eventbridge { detail_type: String, details: LayoutKey, source: String, event_bus_name: String, region: String, endpoint: String }
    #[doc = "The keys of `opscenter`."]
    Opscenter {
        title: TextKey, description: TextKey, source: TextKey, category: TextKey, severity: TextKey, priority: TextKey,
        notifications: Vec<TextKey>, operational_data: BTreeMap<String, TextKey>, tags: BTreeMap<String, TextKey>,
        related_ops_items: Vec<TextKey>, region: String, endpoint: String,
    }
    #[doc = "`inMemory` has no keys."]
    InMemory {}
}
