//! An event and what is known about its object become the message that is published; and what an object's metadata means for the event. Pure.

use std::borrow::Cow;

use herald_common::{
    bus::{Enrichment, Headers, Message, Stream, header},
    config::Encoding,
    event::{self, EnrichedEvent, Event, ObjectMeta, ObjectMetadata, ObjectReference},
    subjects::{self, Subjects},
};

/// The object whose events leave in order.
pub(crate) fn lane(reference: &ObjectReference) -> Cow<'_, str> {
    if reference.uid.is_empty() {
        Cow::Owned(format!("{}/{}/{}/{}", reference.api_version, reference.kind, reference.namespace, reference.name))
    } else {
        Cow::Borrowed(&reference.uid)
    }
}

/// Tells whether a reference names an object that can be asked for.
pub(crate) fn names_an_object(reference: &ObjectReference) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..");
    !reference.kind.is_empty() && is_name(&reference.name)
}

/// What is exported of the object that a reference means, when this (or nothing) was found under its name.
pub(crate) fn judge(reference: &ObjectReference, found: Option<ObjectMeta>) -> ObjectMetadata {
    let gone = ObjectMetadata { deleted: true, ..ObjectMetadata::default() };
    let Some(found) = found else { return gone };
    // kubelet refers to its node by name where a UID belongs.
    let uid_is_name = reference.kind == "Node" && reference.uid == reference.name;
    if !reference.uid.is_empty() && !uid_is_name && found.uid != reference.uid {
        // Another object has taken the name; its labels are not those of the one meant.
        return gone;
    }
    ObjectMetadata {
        deleted: !found.deletion_timestamp.is_unset(),
        labels: found.labels,
        annotations: found.annotations,
        owner_references: found.owner_references,
    }
}

/// The message that carries an event on, under the identity it came with.
///
/// # Errors
/// When the event cannot be encoded.
pub(crate) fn message(
    subjects: &Subjects,
    encoding: Encoding,
    event: Event,
    incoming: &Headers,
    identity: &str,
    metadata: &ObjectMetadata,
    how: Enrichment,
) -> anyhow::Result<Message> {
    let how = if metadata.deleted { Enrichment::Deleted } else { how };
    let cluster = incoming.cluster();
    let object = &event.involved_object;
    let subject = subjects.enriched(cluster, &event.type_, &object.namespace, &object.kind, &event.reason);
    let id = if identity.is_empty() {
        // Published by hand, without an id.
        subjects::identity(cluster, &event.metadata.uid, &event.metadata.resource_version)
    } else {
        identity.to_owned()
    };
    let mut headers = incoming.without(&[header::MESSAGE_ID]);
    headers.set(header::CONTENT_TYPE, encoding.content_type());
    headers.set(header::SCHEMA, header::SCHEMA_VERSION);
    headers.set(header::ENRICHMENT, how.as_str());
    let enriched = EnrichedEvent { cluster_name: cluster.to_owned(), event, object: metadata.clone() };
    let payload = match encoding {
        Encoding::Json => event::to_go_json(&enriched)?,
        Encoding::MessagePack => rmp_serde::to_vec_named(&enriched)?,
    };
    Ok(Message { stream: Stream::Enriched, subject, id, headers, payload: payload.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(kind: &str, name: &str, uid: &str) -> ObjectReference {
        ObjectReference { kind: kind.into(), name: name.into(), uid: uid.into(), ..ObjectReference::default() }
    }

    fn found(uid: &str) -> ObjectMeta {
        let labels = [("app".to_owned(), "web".to_owned())].into();
        ObjectMeta { uid: uid.into(), labels, ..ObjectMeta::default() }
    }

    #[test]
    fn nothing_and_an_impostor_mean_deleted_without_labels() {
        let pod = reference("Pod", "web", "u1");
        let gone = ObjectMetadata { deleted: true, ..ObjectMetadata::default() };
        assert_eq!(judge(&pod, None), gone);
        assert_eq!(judge(&pod, Some(found("u2"))), gone);
        assert!(!judge(&pod, Some(found("u1"))).deleted);
    }

    #[test]
    fn a_reference_without_a_uid_or_a_node_by_name_is_believed() {
        for reference in [reference("Pod", "web", ""), reference("Node", "n1", "n1")] {
            let metadata = judge(&reference, Some(found("u")));
            assert!(!metadata.deleted);
            assert_eq!(metadata.labels["app"], "web");
        }
        assert!(judge(&reference("Pod", "n1", "n1"), Some(found("u"))).deleted, "only nodes are named so");
    }

    #[test]
    fn an_object_being_deleted_keeps_its_labels() {
        let mut going = found("u");
        going.deletion_timestamp = serde_json::from_str("\"2023-11-17T19:37:03Z\"").unwrap();
        let metadata = judge(&reference("Pod", "web", "u"), Some(going));
        assert!(metadata.deleted);
        assert_eq!(metadata.labels["app"], "web");
    }

    #[test]
    fn the_message_keeps_the_identity_and_says_how() {
        let incoming = Headers::new()
            .with(header::CLUSTER, "c")
            .with(header::MESSAGE_ID, "c/e/7")
            .with(header::OBSERVED, "2026-01-01T00:00:00Z")
            .with(header::CONTENT_TYPE, "application/msgpack");
        let event = Event { type_: "Warning".into(), reason: "R".into(), involved_object: reference("Node", "n", ""), ..Event::default() };
        let build = |metadata: &ObjectMetadata, identity: &str| {
            message(&Subjects::new("herald"), Encoding::Json, event.clone(), &incoming, identity, metadata, Enrichment::Cached).unwrap()
        };
        let message = build(&ObjectMetadata::default(), "c/e/7");
        assert_eq!((message.subject.as_str(), message.id.as_str()), ("herald.enriched.c.Warning._.Node.R", "c/e/7"));
        let headers: Vec<Option<&str>> =
            [header::ENRICHMENT, header::CONTENT_TYPE, header::OBSERVED, header::MESSAGE_ID].map(|name| message.headers.get(name)).into();
        assert_eq!(headers, [Some("cached"), Some("application/json"), Some("2026-01-01T00:00:00Z"), None]);
        let message = build(&ObjectMetadata { deleted: true, ..ObjectMetadata::default() }, "");
        assert_eq!((message.headers.get(header::ENRICHMENT), message.id.as_str()), (Some("deleted"), "c//"));
    }

    #[test]
    fn dots_and_nothing_name_no_object() {
        assert!(names_an_object(&reference("Pod", "web", "")));
        for (kind, name) in [("", "web"), ("Pod", ""), ("Pod", "."), ("Pod", "..")] {
            assert!(!names_an_object(&reference(kind, name, "u")));
        }
    }
}
