//! Discovery: the documents that tell clients which resources there are, one by one or all in one answer.
//!
//! In: the kinds and a path. Out: the document. Pure.

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::kinds::{Kind, Kinds};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Whether the path is one of discovery: `/version`, `/api`, `/apis`, a group, or a group's version.
pub(super) fn is_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    matches!(parts.as_slice(), ["version" | "api" | "apis"] | ["api" | "apis", _] | ["apis", _, _])
}

/// The document at the path with its content type.
pub(super) fn answer(kinds: &Kinds, path: &str, headers: &HeaderMap) -> Option<(&'static str, Value)> {
    let plain = |document| Some(("application/json", document));
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["version"] => {
            plain(json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0+simulated", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2025-01-01T00:00:00Z", "goVersion": "none", "compiler": "none", "platform": "linux/amd64"}))
        }
        ["api"] if wants_aggregated(headers) => Some((AGGREGATED, aggregated(kinds, true))),
        ["apis"] if wants_aggregated(headers) => Some((AGGREGATED, aggregated(kinds, false))),
        ["api"] => plain(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => {
            let groups: Vec<Value> = groups(kinds).iter().filter(|group| !group.is_empty()).map(|group| describe(kinds, group)).collect();
            plain(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["api", version] => plain(resources(kinds, "", version)?),
        ["apis", group] if groups(kinds).contains(group) => {
            let mut document = describe(kinds, group);
            document["kind"] = json!("APIGroup");
            document["apiVersion"] = json!("v1");
            plain(document)
        }
        ["apis", group, version] => plain(resources(kinds, group, version)?),
        _ => None,
    }
}

fn wants_aggregated(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| {
        let has = |wanted: &str| range.split(';').any(|part| part.trim() == wanted);
        has("as=APIGroupDiscoveryList") && has("v=v2")
    })
}

/// The groups in the order of registration.
fn groups(kinds: &Kinds) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    for kind in kinds.all() {
        if !groups.contains(&kind.group.as_str()) {
            groups.push(&kind.group);
        }
    }
    groups
}

/// The versions of a group in the order of registration: the first one is preferred.
fn versions<'a>(kinds: &'a Kinds, group: &str) -> Vec<&'a str> {
    let mut versions: Vec<&str> = Vec::new();
    for kind in kinds.all().iter().filter(|kind| kind.group == group) {
        if !versions.contains(&kind.version.as_str()) {
            versions.push(&kind.version);
        }
    }
    versions
}

fn of<'a>(kinds: &'a Kinds, group: &'a str, version: &'a str) -> impl Iterator<Item = &'a Kind> {
    kinds.all().iter().map(AsRef::as_ref).filter(move |kind| kind.group == group && kind.version == version)
}

fn describe(kinds: &Kinds, group: &str) -> Value {
    let versions: Vec<Value> =
        versions(kinds, group).iter().map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version})).collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions[0]})
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Option<Value> {
    let resources: Vec<Value> = of(kinds, group, version)
        .map(|kind| {
            json!({"name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced, "kind": kind.kind,
                "verbs": VERBS, "shortNames": kind.short_names})
        })
        .collect();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty())
        .then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}

fn aggregated(kinds: &Kinds, core: bool) -> Value {
    let items: Vec<Value> = groups(kinds)
        .into_iter()
        .filter(|group| group.is_empty() == core)
        .map(|group| {
            let versions: Vec<Value> = versions(kinds, group)
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> = of(kinds, group, version)
                        .map(|kind| {
                            json!({"resource": kind.plural, "singularResource": kind.kind.to_lowercase(), "verbs": VERBS, "shortNames": kind.short_names,
                                "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
                                "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind}})
                        })
                        .collect();
                    json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            let metadata = if group.is_empty() { json!({"creationTimestamp": null}) } else { json!({"name": group, "creationTimestamp": null}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}
