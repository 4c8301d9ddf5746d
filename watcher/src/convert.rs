//! From an event of the API server to a message of `HERALD_RAW`. Pure.

use herald_common::{
    bus::{Change, Headers, Message, Stream, header},
    config::Encoding,
    event::{Event, to_go_json},
    subjects::{Subjects, identity},
};
use jiff::Timestamp;

/// What makes messages of events: the same for all events of a process.
#[derive(Clone, Debug)]
pub(crate) struct Converter {
    /// The names on NATS.
    pub(crate) subjects: Subjects,
    /// `clusterName`.
    pub(crate) cluster: String,
    /// How payloads are written.
    pub(crate) encoding: Encoding,
}

impl Converter {
    /// The identity of an event.
    pub(crate) fn identity(&self, event: &Event) -> String {
        identity(&self.cluster, &event.metadata.uid, &event.metadata.resource_version)
    }

    /// Makes the message of an event.
    ///
    /// # Errors
    /// When the event cannot be encoded.
    pub(crate) fn message(&self, event: &Event, change: Change, observed: Timestamp) -> anyhow::Result<Message> {
        let payload = match self.encoding {
            Encoding::MessagePack => rmp_serde::to_vec_named(event)?,
            Encoding::Json => to_go_json(event)?,
        };
        let about = &event.involved_object;
        Ok(Message {
            stream: Stream::Raw,
            subject: self.subjects.raw(&self.cluster, &about.namespace, &about.kind, &event.reason),
            id: self.identity(event),
            headers: Headers::new()
                .with(header::CONTENT_TYPE, self.encoding.content_type())
                .with(header::SCHEMA, header::SCHEMA_VERSION)
                .with(header::CLUSTER, &self.cluster)
                .with(header::CHANGE, change.as_str())
                .with(header::OBSERVED, &format!("{observed:.6}")),
            payload: payload.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use herald_common::event::decode_raw;

    use super::*;

    fn event() -> Event {
        serde_json::from_str(
            r#"{"metadata":{"name":"web.1","namespace":"shop","uid":"u-1","resourceVersion":"42","managedFields":[{"manager":"x"}]},
                "involvedObject":{"kind":"Pod","namespace":"shop","name":"web"},"reason":"Back Off","message":"a < b","type":"Warning","count":3}"#,
        )
        .expect("an event")
    }

    fn converter(encoding: Encoding) -> Converter {
        Converter { subjects: Subjects::new("herald"), cluster: "prod.eu".to_owned(), encoding }
    }

    #[test]
    fn a_message_carries_subject_identity_headers_and_the_event() {
        let observed: Timestamp = "2026-01-02T03:04:05.678901234Z".parse().expect("a time");
        for encoding in [Encoding::MessagePack, Encoding::Json] {
            let message = converter(encoding).message(&event(), Change::Modified, observed).expect("encodes");
            assert_eq!(message.subject, "herald.raw.prod_eu.shop.Pod.Back_Off");
            assert_eq!(message.id, "prod_eu/u-1/42");
            let header = |name| message.headers.get(name);
            assert_eq!(header(header::CONTENT_TYPE), Some(encoding.content_type()));
            assert_eq!(header(header::SCHEMA), Some("1"));
            assert_eq!(header(header::CLUSTER), Some("prod.eu"));
            assert_eq!(header(header::CHANGE), Some("modified"));
            assert_eq!(header(header::OBSERVED), Some("2026-01-02T03:04:05.678901Z"));
            assert_eq!(decode_raw(&message.payload, header(header::CONTENT_TYPE)).expect("decodes"), event());
        }
    }
}
