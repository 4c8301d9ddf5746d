//! One GET and what its answer means: found, not there, never, forbidden, or later.
//!
//! Nothing is repeated, kept or waited for here, but for the bound on one answer.

use std::{error::Error as _, time::Duration};

use herald_common::event::{ObjectMeta, ObjectReference};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body, core::Status};
use serde::{Deserialize, de::DeserializeOwned};

use crate::discovery::Resource;

/// Asks for metadata only (`meta.k8s.io/v1 PartialObjectMetadata`).
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Partial {
    metadata: ObjectMeta,
}

/// The longest path asked for; names have 253 characters at most. A server may take a longer one for an attack and close the connection.
const LONGEST_PATH: usize = 2_048;

/// Why the API server gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It forbids the question.
    #[error("{0}")]
    Forbidden(String),
    /// It will never answer this question.
    #[error("{0}")]
    Never(String),
    /// It may answer later: it was asked to wait, failed, or refused for now.
    #[error("{reason}")]
    Later { reason: String, after: Option<Duration> },
    /// It cannot be reached, or does not answer in time.
    #[error("{0}")]
    Unreachable(String),
}

/// Reads an object's metadata; `None` when there is no such object.
pub(crate) async fn object(client: &Client, path: &str) -> Result<Option<ObjectMeta>, Failure> {
    Ok(read::<Partial>(client, path, METADATA_ONLY).await?.map(|partial| partial.metadata))
}

/// Reads a document; `None` when it is not there.
pub(crate) async fn read<T: DeserializeOwned>(client: &Client, path: &str, accept: &str) -> Result<Option<T>, Failure> {
    let request = http::Request::get(path).header(header::ACCEPT, accept).body(Body::empty());
    let request = request.map_err(|error| Failure::Never(format!("{path} is no path: {error}")))?;
    let answer = async {
        let response = client.send(request).await.map_err(|error| Failure::Unreachable(with_causes(&error)))?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        let body = response.into_body().collect().await.map_err(|error| Failure::Unreachable(with_causes(&error)))?.to_bytes();
        Ok((status, after, body))
    };
    let no_answer = || Failure::Unreachable(format!("no answer within {} s", ANSWER_WITHIN.as_secs()));
    let (status, after, body) = tokio::time::timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| Err(no_answer()))?;
    if status.is_success() {
        let unreadable = |error| Failure::Later { reason: format!("the answer cannot be read: {error}"), after: None };
        return serde_json::from_slice(&body).map(Some).map_err(unreadable);
    }
    match classify(status, after, &body) {
        None => Ok(None),
        Some(failure) => Err(failure),
    }
}

/// What an answer without success means; `None` that there is no such thing.
fn classify(status: StatusCode, after: Option<Duration>, body: &[u8]) -> Option<Failure> {
    let message = serde_json::from_slice::<Status>(body).map(|status| status.message).unwrap_or_default();
    let reason = format!("{status}: {message}");
    Some(match status.as_u16() {
        404 => return None,
        403 => Failure::Forbidden(reason),
        // A token that ran out is renewed.
        401 | 408 | 409 | 425 | 429 | 500.. => Failure::Later { reason, after },
        _ => Failure::Never(reason),
    })
}

fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn with_causes(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// The path of the object a reference names; the resource's scope decides whether the namespace matters. `None` when it needs one and has none, or when no
/// object can have such a name.
pub(crate) fn path(reference: &ObjectReference, resource: &Resource) -> Option<String> {
    let group = crate::discovery::group_path(&reference.api_version);
    let (plural, name) = (&resource.plural, segment(&reference.name));
    let path = match (resource.namespaced, reference.namespace.as_str()) {
        (false, _) => format!("{group}/{plural}/{name}"),
        (true, "" | "." | "..") => return None,
        (true, namespace) => format!("{group}/namespaces/{}/{plural}/{name}", segment(namespace)),
    };
    (path.len() <= LONGEST_PATH).then_some(path)
}

/// A text as one segment of a path: whatever it holds, it stays one segment.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_decides_the_path_and_names_cannot_leave_it() {
        let reference = |api_version: &str, namespace: &str, name: &str| ObjectReference {
            api_version: api_version.into(),
            namespace: namespace.into(),
            name: name.into(),
            ..ObjectReference::default()
        };
        let nodes = Resource { plural: "nodes".into(), namespaced: false };
        let deployments = Resource { plural: "deployments".into(), namespaced: true };
        assert_eq!(path(&reference("v1", "default", "n1"), &nodes).unwrap(), "/api/v1/nodes/n1");
        assert_eq!(path(&reference("", "", "a/../b?c"), &nodes).unwrap(), "/api/v1/nodes/a%2F..%2Fb%3Fc");
        assert_eq!(path(&reference("apps/v1", "shop", "web"), &deployments).unwrap(), "/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(path(&reference("apps/v1", "", "web"), &deployments), None);
        assert_eq!(path(&reference("v1", "", &"n".repeat(2_048)), &nodes), None);
    }

    #[test]
    fn an_answer_means_gone_never_forbidden_or_later() {
        let says = |code: u16| classify(StatusCode::from_u16(code).unwrap(), Some(Duration::from_secs(2)), b"{}");
        assert_eq!(says(404), None);
        assert!(matches!(says(403), Some(Failure::Forbidden(_))));
        assert!(matches!(says(405), Some(Failure::Never(_))));
        for code in [401, 429, 500, 503, 504] {
            assert!(matches!(says(code), Some(Failure::Later { after: Some(_), .. })), "{code}");
        }
    }
}
