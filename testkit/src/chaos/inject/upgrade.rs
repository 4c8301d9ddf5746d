//! A rolling upgrade: every process is replaced, one after the other, while messages of other versions of Herald travel.
//!
//! The campaign stands in for a watcher and an enricher of a later version, whose messages have fields and headers that this one does not know, and of an
//! earlier one, whose messages lack every header that can be done without. Their events are owed to every receiver as all others.

use anyhow::{Context as _, Result};
use async_nats::HeaderMap;
use serde_json::{Value, json};

use super::{Part, World};
use crate::chaos::{flow::stand_in, world::CLUSTER};

/// Messages of each form.
const EACH: u64 = 10;

/// The version that stands behind a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Later,
    Earlier,
}

/// Which stage wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Watcher,
    Enricher,
}

pub(super) async fn roll(world: &mut World) -> Result<()> {
    publish(world).await?;
    for part in Part::ALL {
        for replica in world.of(part) {
            replica.terminate().await?;
            replica.restart()?;
            replica.ready().await?;
        }
    }
    publish(world).await
}

/// Publishes some messages of every form.
async fn publish(world: &mut World) -> Result<()> {
    let jetstream = world.observer.jetstream();
    for version in [Version::Later, Version::Earlier] {
        for writer in [Writer::Watcher, Writer::Enricher] {
            for _ in 0..EACH {
                let number = world.stand_in();
                let (subject, headers, payload) = message(&stand_in(world.campaign, number), version, writer)?;
                world.book.made(payload.uid(), 1);
                jetstream.publish_with_headers(subject, headers, payload.encoded.into()).await?.await.context("a stand-in's message")?;
            }
        }
    }
    Ok(())
}

struct Payload {
    event: Value,
    encoded: Vec<u8>,
}

impl Payload {
    fn uid(&self) -> &str {
        self.event["metadata"]["uid"].as_str().unwrap_or_default()
    }
}

/// Subject, headers and payload of an event as that version of that stage would write it.
fn message(event: &Value, version: Version, writer: Writer) -> Result<(String, HeaderMap, Payload)> {
    let mut event = event.clone();
    event["metadata"]["resourceVersion"] = json!("1");
    if writer == Writer::Enricher {
        event["clusterName"] = json!(CLUSTER);
    }
    if version == Version::Later {
        event["futureField"] = json!({"deep": [1, {"er": null}], "text": "\u{e9}"});
        for parent in ["metadata", "involvedObject", "source"] {
            event[parent]["futureField"] = json!([true, 1.5]);
        }
    }
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("_").to_owned();
    let (kind, reason, namespace) = (text("/involvedObject/kind"), text("/reason"), text("/involvedObject/namespace"));
    let subject = match writer {
        Writer::Watcher => format!("herald.raw.{CLUSTER}.{namespace}.{kind}.{reason}"),
        Writer::Enricher => format!("herald.enriched.{CLUSTER}.{}.{namespace}.{kind}.{reason}", text("/type")),
    };
    // Raw events travel packed, exported ones as JSON.
    let (encoded, content_type) = match writer {
        Writer::Watcher => (rmp_serde::to_vec_named(&event)?, "application/msgpack"),
        Writer::Enricher => (serde_json::to_vec(&event)?, "application/json"),
    };
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("{CLUSTER}/{}/1", text("/metadata/uid")));
    headers.insert("Content-Type", content_type);
    if version == Version::Later {
        headers.insert("Herald-Schema", "1");
        headers.insert("Herald-Cluster", CLUSTER);
        headers.insert("Herald-Future", "something");
        headers.insert("Herald-Change", "foreseen");
        headers.insert("Herald-Enrichment", "divined");
    }
    Ok((subject, headers, Payload { event, encoded }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_version_says_more_and_an_earlier_one_less() {
        let event = stand_in(1, 5);
        let (subject, headers, later) = message(&event, Version::Later, Writer::Watcher).unwrap();
        assert!(subject.starts_with("herald.raw.chaos-\u{e9}t\u{e9}.chaos.Pod."), "{subject}");
        assert!(headers.get("Herald-Future").is_some() && later.event.get("futureField").is_some());
        let (_, headers, earlier) = message(&event, Version::Earlier, Writer::Enricher).unwrap();
        assert!(headers.get("Herald-Schema").is_none() && earlier.event.get("futureField").is_none());
        assert_eq!(serde_json::from_slice::<Value>(&earlier.encoded).unwrap(), earlier.event);
    }
}
