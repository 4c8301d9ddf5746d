//! Events, usual ones and odd ones. Pure: an event is made of its number, a time and an oddity.
//!
//! Every event says who it is: its UID is made of its number. It is about a pod whose label `of` repeats the pod's UID, so that a receiver can tell when an
//! event was given another object's metadata.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What is odd about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    /// Its times are an hour ahead.
    Ahead,
    /// Its times are an hour behind.
    Behind,
    /// Its times are null, missing, or no times at all.
    Timeless,
    /// It has about as many bytes as a message may have, a little less or more.
    Huge,
    /// It has so many bytes that a short stream is full of such events in seconds.
    Fat,
    /// Its message is not UTF-8.
    Invalid,
    /// Its names are what no validation would let through.
    Named,
    /// Its object is deleted and made again under the same name before anybody can look it up.
    Recreated,
    /// The receiver refuses it for good.
    Refused,
}

/// What marks an event that the receiver refuses.
pub(super) const REFUSE_ME: &str = "refuse me";

/// Bytes of the message of an [`Oddity::Fat`] event.
const FAT: usize = 40 << 10;

const REASONS: [(&str, &str); 5] =
    [("Normal", "Scheduled"), ("Normal", "Pulled"), ("Normal", "Started"), ("Warning", "BackOff"), ("Warning", "Unhealthy")];

/// The object an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Its name.
    pub(super) name: String,
    /// Its UID.
    pub(super) uid: String,
    /// Its version.
    pub(super) version: String,
}

/// The UID of the event of that number in a campaign.
pub(super) fn uid(campaign: u32, number: u64) -> String {
    format!("{campaign:08x}-0000-4000-a000-{number:012x}")
}

/// The event of that number, seen so many times.
pub(super) fn event(campaign: u32, number: u64, count: u32, about: &About, namespace: &str, now: Timestamp, odd: Option<Oddity>) -> Value {
    let (kind, reason) = REASONS[usize::try_from(number).unwrap_or(0) % REASONS.len()];
    let hour = match odd {
        Some(Oddity::Ahead) => SignedDuration::from_hours(1),
        Some(Oddity::Behind) => SignedDuration::from_hours(-1),
        _ => SignedDuration::ZERO,
    };
    let time = (now + hour).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("e-{number}"), "namespace": namespace, "uid": uid(campaign, number), "creationTimestamp": time},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": about.name, "uid": about.uid,
            "resourceVersion": about.version},
        "reason": reason, "type": kind, "message": format!("event {number} <&> \u{1F980}"), "count": count,
        "source": {"component": "kubelet", "host": "node-1"}, "firstTimestamp": time, "lastTimestamp": time, "eventTime": null,
        "reportingComponent": "kubelet", "reportingInstance": "node-1",
    });
    match odd {
        Some(Oddity::Timeless) => make_timeless(&mut event, number),
        Some(Oddity::Huge) => event["message"] = json!(huge(number)),
        Some(Oddity::Fat) => event["message"] = json!("fat ".repeat(FAT / 4)),
        Some(Oddity::Named) => rename(&mut event, number),
        Some(Oddity::Refused) => event["message"] = json!(format!("event {number}: {REFUSE_ME}")),
        _ => {}
    }
    event
}

fn make_timeless(event: &mut Value, number: u64) {
    let absurd = ["", "yesterday", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "-262143-01-01T00:00:00Z", "2026-02-30T25:61:61Z"];
    let pick = |shift: u64| absurd[usize::try_from(number + shift).unwrap_or(0) % absurd.len()];
    match number % 4 {
        0 => {
            event["metadata"]["creationTimestamp"] = Value::Null;
            for field in ["firstTimestamp", "lastTimestamp", "eventTime"] {
                event[field] = Value::Null;
            }
        }
        1 => {
            for field in ["firstTimestamp", "lastTimestamp", "eventTime"] {
                event.as_object_mut().and_then(|event| event.remove(field));
            }
        }
        2 => {
            event["firstTimestamp"] = json!(pick(0));
            event["lastTimestamp"] = json!(pick(1));
            event["eventTime"] = json!(pick(2));
            event["series"] = json!({"count": 3, "lastObservedTime": pick(3)});
        }
        _ => {
            event["firstTimestamp"] = json!(-1);
            event["lastTimestamp"] = json!({"seconds": 5});
            event["metadata"]["creationTimestamp"] = json!(pick(4));
        }
    }
}

/// A message around the size that NATS takes by default, 1 MiB: some fit raw and not enriched, where `<` takes six bytes.
fn huge(number: u64) -> String {
    const MIB: usize = 1 << 20;
    match number % 4 {
        0 => "x".repeat(MIB + 10_000),
        1 => "x".repeat(MIB - 20_000),
        2 => "<".repeat(MIB / 2),
        _ => "x".repeat(MIB - 1_150),
    }
}

fn rename(event: &mut Value, number: u64) {
    let long = "n".repeat(5_000);
    let absurd = [
        "a.b.*.>",
        " ",
        "\u{0}\u{1}\r\nNats-Msg-Id: x",
        "../../../../api/v1/secrets?x=%2e#",
        "\u{202E}\u{FEFF}\u{10FFFF}",
        "{{ .Message }}${HOME}",
        "",
        long.as_str(),
    ];
    let pick = |shift: u64| json!(absurd[usize::try_from(number + shift).unwrap_or(0) % absurd.len()]);
    for (shift, pointer) in (0..).zip(["kind", "namespace", "name", "apiVersion", "fieldPath"]) {
        event["involvedObject"][pointer] = pick(shift);
    }
    for (shift, field) in (1..).zip(["reason", "type", "message", "reportingComponent", "reportingInstance", "action"]) {
        event[field] = pick(shift);
    }
    event["source"] = json!({"component": pick(3), "host": pick(4)});
    event["metadata"]["labels"] = json!({"": pick(1), "a.b/c d": pick(2)});
    event["metadata"]["annotations"] = json!({"\u{7}": pick(5)});
    event["related"] = json!({"kind": pick(6), "name": pick(7), "uid": pick(0)});
    if number.is_multiple_of(3) {
        // Such a reference is about nothing that could be asked for.
        event["involvedObject"]["uid"] = json!("");
        event["involvedObject"]["resourceVersion"] = json!("");
    }
}

/// The bytes of the event after its type, with its version; those of an [`Oddity::Invalid`] event are no UTF-8.
pub(super) fn bytes(event: &Value, version: u64, odd: Option<Oddity>) -> Vec<u8> {
    let mut event = event.clone();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    event["metadata"]["resourceVersion"] = json!(version.to_string());
    let mut bytes = event.to_string().into_bytes();
    if odd == Some(Oddity::Invalid) {
        // The crab's four bytes lose their last, and a lone continuation byte comes after.
        if let Some(at) = bytes.windows(4).position(|window| window == "\u{1F980}".as_bytes()) {
            bytes[at + 3] = b' ';
            bytes.insert(at + 4, 0x80);
        }
    }
    bytes.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(odd: Option<Oddity>) -> Value {
        let about = About { name: "web".to_owned(), uid: "u".to_owned(), version: "1".to_owned() };
        event(1, 6, 1, &about, "shop", Timestamp::UNIX_EPOCH, odd)
    }

    #[test]
    fn an_event_is_told_by_its_number_whatever_is_odd_about_it() {
        for odd in [None, Some(Oddity::Ahead), Some(Oddity::Timeless), Some(Oddity::Huge), Some(Oddity::Named)] {
            assert_eq!(usual(odd)["metadata"]["uid"], "00000001-0000-4000-a000-000000000006");
        }
        assert_eq!(usual(Some(Oddity::Ahead))["lastTimestamp"], "1970-01-01T01:00:00Z");
        assert_eq!(usual(Some(Oddity::Behind))["lastTimestamp"], "1969-12-31T23:00:00Z");
    }

    #[test]
    fn bytes_are_json_behind_the_type_and_invalid_ones_are_no_text() {
        let with_start = |bytes: Vec<u8>| [b"{".to_vec(), bytes].concat();
        let parsed: Value = serde_json::from_slice(&with_start(bytes(&usual(None), 12, None))).unwrap();
        assert_eq!(parsed["metadata"]["resourceVersion"], "12");
        assert!(String::from_utf8(bytes(&usual(None), 12, Some(Oddity::Invalid))).is_err());
    }
}
