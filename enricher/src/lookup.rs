//! One metadata-only GET, and what its answer means.

use std::time::Duration;

use herald_common::event::{ObjectMeta, ObjectMetadata, ObjectReference};
use http::header;
use kube::Client;
use serde::Deserialize;

/// Asks for metadata only (`meta.k8s.io/v1 PartialObjectMetadata`).
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Partial {
    metadata: ObjectMeta,
}

/// Why the API server did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("the API server forbids it: {0}")]
    Forbidden(String),
    #[error("{reason}")]
    Later { reason: String, after: Option<Duration> },
}

/// Reads an object's metadata; `None` when there is no such object.
pub(crate) async fn get(client: &Client, path: &str) -> Result<Option<ObjectMeta>, LookupError> {
    let later = |reason: String| LookupError::Later { reason, after: None };
    let request =
        http::Request::get(path).header(header::ACCEPT, METADATA_ONLY).body(Vec::new()).map_err(|error| later(error.to_string()))?;
    match tokio::time::timeout(TIMEOUT, client.request::<Partial>(request)).await {
        Err(_) => Err(later(format!("no answer within {} s", TIMEOUT.as_secs()))),
        Ok(Ok(partial)) => Ok(Some(partial.metadata)),
        Ok(Err(kube::Error::Api(status))) => match status.code {
            404 => Ok(None),
            401 | 403 => Err(LookupError::Forbidden(status.message.clone())),
            code => Err(LookupError::Later {
                reason: format!("{code} {}", status.message),
                after: status
                    .details
                    .as_ref()
                    .map(|details| details.retry_after_seconds)
                    .filter(|seconds| *seconds > 0)
                    .map(|seconds| Duration::from_secs(seconds.into())),
            }),
        },
        Ok(Err(error)) => Err(later(error.to_string())),
    }
}

/// What is exported of an object that a reference names.
pub(crate) fn judge(reference: &ObjectReference, found: Option<ObjectMeta>) -> ObjectMetadata {
    let Some(found) = found else { return ObjectMetadata { deleted: true, ..ObjectMetadata::default() } };
    // kubelet refers to its node by name where a UID belongs.
    let named_by_name = reference.kind == "Node" && reference.uid == reference.name;
    if !reference.uid.is_empty() && !named_by_name && found.uid != reference.uid {
        return ObjectMetadata { deleted: true, ..ObjectMetadata::default() };
    }
    ObjectMetadata {
        deleted: !found.deletion_timestamp.is_unset(),
        labels: found.labels,
        annotations: found.annotations,
        owner_references: found.owner_references,
    }
}
