//! Objects as JSON: how they are encoded, merged and cut down to their metadata.
//!
//! In: JSON values and bytes. Out: the same. Encoded objects begin with `apiVersion` and `kind`, so that the items of a list, which lack
//! them as on a real server, are cut out of the same bytes. Pure.

use std::fmt::Write as _;

use bytes::Bytes;
use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// The key of an object: `namespace/name`, or `name` when it is in no namespace.
pub(super) fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// Appends the object's JSON.
pub(super) fn encode(kind: &Kind, object: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(kind.json_start().as_bytes());
    let mut rest: Map<String, Value> = object.as_object().cloned().unwrap_or_default();
    rest.remove("apiVersion");
    rest.remove("kind");
    if !rest.contains_key("metadata") {
        rest.insert("metadata".to_owned(), json!({}));
    }
    let encoded = Value::Object(rest).to_string();
    out.extend_from_slice(&encoded.as_bytes()[1..]);
}

/// The object as an item of a list: without `apiVersion` and `kind`.
pub(super) fn push_item(kind_start: &str, object: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    out.extend_from_slice(object.get(kind_start.len()..).unwrap_or_default());
}

/// The encoded object as a value; `null` when it is not JSON.
pub(super) fn decode(object: &[u8]) -> Value {
    serde_json::from_slice(object).unwrap_or(Value::Null)
}

/// Only the object's metadata, as `PartialObjectMetadata`.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// A string of the object's metadata, empty when it is absent.
pub(super) fn meta<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Sets a string of the object's metadata.
pub(super) fn set_meta(object: &mut Value, field: &str, value: &str) {
    if !object.is_object() {
        *object = json!({});
    }
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"][field] = Value::String(value.to_owned());
}

/// Merges by RFC 7396: objects are merged, `null` removes, anything else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    if let Some(target) = target.as_object_mut() {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge(target.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
    }
}

/// A random UID.
pub(super) fn new_uid() -> String {
    uid_from(rand::rng().random())
}

/// The UID with these bits.
pub(super) fn uid_from(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// The time as Kubernetes writes it, in whole seconds.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The body of a `Status` that says what went wrong.
pub(super) fn status(code: u16, reason: &str, message: &str, details: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "details": details, "code": code})
}

/// The line of a watch that ends it with a 410.
pub(super) fn expired_line(message: &str) -> Bytes {
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(line, "{}", json!({"type": "ERROR", "object": status(410, "Expired", message, &Value::Null)}));
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_replaces_removes_and_descends() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "list": [1, 2]});
        merge(&mut target, &json!({"a": {"b": null, "d": 3}, "list": [3]}));
        assert_eq!(target, json!({"a": {"c": 2, "d": 3}, "list": [3]}));
    }

    #[test]
    fn an_item_is_the_object_without_its_type() {
        let kind = Kind {
            group: String::new(),
            version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespaced: true,
            short_names: Vec::new(),
        };
        let mut encoded = Vec::new();
        encode(&kind, &json!({"kind": "Pod", "data": 1, "metadata": {"name": "x"}}), &mut encoded);
        assert_eq!(decode(&encoded), json!({"apiVersion": "v1", "kind": "Pod", "data": 1, "metadata": {"name": "x"}}));
        let mut item = Vec::new();
        push_item(&kind.json_start(), &encoded, &mut item);
        assert_eq!(decode(&item), json!({"data": 1, "metadata": {"name": "x"}}));
    }

    #[test]
    fn uids_look_like_uids() {
        assert_eq!(uid_from(1), "00000000-0000-4000-a000-000000000001");
    }
}
