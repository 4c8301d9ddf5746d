//! The API server's audit log: who asked for what.

use std::{collections::HashMap, path::Path};

use anyhow::Result;
use serde::Deserialize;

use crate::scratch::json_lines;

/// Every request is logged when a watch starts and when it is answered; GETs with the answer, because its kind tells whether the
/// whole object was read or its metadata only.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: RequestResponse
  verbs: [get]
- level: Metadata
";

/// A request as the API server logged it. What a request does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// What was to be done: `get`, `list`, `watch`, `create`, …
    pub verb: String,
    /// The name of the user.
    pub user: String,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// The API group of the object, empty for the core group.
    pub api_group: String,
    /// The kind of object as paths name it: `pods`.
    pub resource: String,
    /// The part of the object, such as `status`.
    pub subresource: String,
    /// The namespace of the object.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// Path and query.
    pub request_uri: String,
    /// What the client calls itself.
    pub user_agent: String,
    /// The status code of the answer; 200 for a watch that runs.
    pub code: u16,
    /// The `kind` in the answer to a GET: `PartialObjectMetadata` when only metadata was asked for.
    pub answer_kind: String,
    /// Whether the answer is complete; false for a watch that runs.
    pub complete: bool,
}

/// Reads the log. A line that is being written is left for the next time.
pub(super) fn read(path: &Path) -> Result<Vec<AuditRecord>> {
    let mut positions = HashMap::new();
    let mut records = Vec::new();
    for entry in json_lines::<Entry>(path)? {
        let position = *positions.entry(entry.audit_id.clone()).or_insert(records.len());
        if position == records.len() {
            records.push(entry.into());
        } else {
            records[position] = entry.into();
        }
    }
    Ok(records)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    verb: String,
    user: EntryUser,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    response_status: ResponseStatus,
    #[serde(default)]
    response_object: ResponseObject,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EntryUser {
    username: String,
    groups: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseObject {
    kind: String,
}

impl From<Entry> for AuditRecord {
    fn from(entry: Entry) -> Self {
        Self {
            verb: entry.verb,
            user: entry.user.username,
            groups: entry.user.groups,
            api_group: entry.object_ref.api_group,
            resource: entry.object_ref.resource,
            subresource: entry.object_ref.subresource,
            namespace: entry.object_ref.namespace,
            name: entry.object_ref.name,
            request_uri: entry.request_uri,
            user_agent: entry.user_agent,
            code: entry.response_status.code,
            answer_kind: entry.response_object.kind,
            complete: entry.stage != "ResponseStarted",
        }
    }
}
