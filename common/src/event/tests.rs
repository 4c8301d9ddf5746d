use super::*;

/// The exporter's own recorded output; each must come out of a decode and an encode unchanged.
const RECORDED: [&str; 3] = [
    include_str!("../../tests/conformance/deleted-with-owner.json"),
    include_str!("../../tests/conformance/live-with-owner.json"),
    include_str!("../../tests/conformance/no-owner.json"),
];

fn printed(event: &EnrichedEvent) -> String {
    String::from_utf8(to_go_json(event).expect("encodes")).expect("JSON is UTF-8")
}

#[test]
fn recorded_events_survive_decode_and_encode() {
    for recorded in RECORDED {
        let event: EnrichedEvent = serde_json::from_str(recorded).expect("decodes");
        assert_eq!(printed(&event), recorded.trim_end());
    }
}

#[test]
fn message_pack_carries_every_field() {
    for recorded in RECORDED {
        let event: EnrichedEvent = serde_json::from_str(recorded).expect("decodes");
        let packed = rmp_serde::to_vec_named(&event.event).expect("packs");
        assert_eq!(rmp_serde::from_slice::<Event>(&packed).expect("unpacks"), event.event);
    }
}

#[test]
fn an_empty_event_prints_what_go_prints_for_zero_values() {
    assert_eq!(
        printed(&EnrichedEvent::default()),
        r#"{"metadata":{"creationTimestamp":null},"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"deleted":false}}"#
    );
}

#[test]
fn every_field_of_the_new_api_is_printed_in_order() {
    let input = r#"{"kind":"Event","apiVersion":"v1","unknown":{"x":1},
      "metadata":{"name":"n","managedFields":[{"manager":"m"}],"labels":null,"generateName":"g","finalizers":["f"],"generation":3,"deletionTimestamp":"2024-01-01T00:00:00Z","deletionGracePeriodSeconds":0},
      "involvedObject":{"kind":"Pod"},"source":null,"firstTimestamp":"0001-01-01T00:00:00Z","lastTimestamp":"not a time","eventTime":"2024-07-04T18:20:01.5+02:00",
      "series":{"count":2,"lastObservedTime":null},"action":"Binding","related":{"kind":"Node","name":"n1"},"reportingComponent":"c","reportingInstance":"i"}"#;
    let event: Event = serde_json::from_str(input).expect("decodes");
    assert_eq!(event.happened().map(|time| time.to_string()).as_deref(), Some("2024-07-04T16:20:01.5Z"));
    assert_eq!(
        printed(&EnrichedEvent { event, ..EnrichedEvent::default() }),
        r#"{"metadata":{"name":"n","generateName":"g","generation":3,"creationTimestamp":null,"deletionTimestamp":"2024-01-01T00:00:00Z","deletionGracePeriodSeconds":0,"finalizers":["f"]},"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":"2024-07-04T16:20:01.500000Z","series":{"count":2,"lastObservedTime":null},"action":"Binding","related":{"kind":"Node","name":"n1"},"reportingComponent":"c","reportingInstance":"i","clusterName":"","involvedObject":{"kind":"Pod","deleted":false}}"#
    );
}

#[test]
fn strings_are_escaped_as_go_escapes_them() {
    let text = "<a href=\"x\">&\u{2028}\u{2029}\u{7}\u{8}\u{c}\n\t\\ naïve 日本 € \u{7f}";
    assert_eq!(
        String::from_utf8(to_go_json(text).expect("encodes")).expect("UTF-8"),
        "\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\u2028\\u2029\\u0007\\b\\f\\n\\t\\\\ naïve 日本 € \u{7f}\""
    );
}

#[test]
fn de_dot_touches_keys_of_labels_and_annotations_only() {
    let event: EnrichedEvent = serde_json::from_str(
        r#"{"metadata":{"name":"a.b","labels":{"x.y":"1.2"}},"involvedObject":{"annotations":{"p.q/r":"v.w"},"deleted":true}}"#,
    )
    .expect("decodes");
    let event = event.de_dot();
    assert_eq!(event.event.metadata.labels["x_y"], "1.2");
    assert_eq!(event.object.annotations["p_q/r"], "v.w");
    assert_eq!(event.event.metadata.name, "a.b");
}

#[test]
fn null_is_unset_everywhere() {
    let object = r#"{"name":null,"labels":null,"annotations":null,"ownerReferences":null,"deleted":null}"#;
    for text in [r#"{"involvedObject":null,"series":null,"count":null,"source":null}"#, &format!(r#"{{"involvedObject":{object}}}"#)] {
        assert_eq!(serde_json::from_str::<EnrichedEvent>(text).expect("decodes"), EnrichedEvent::default(), "{text}");
    }
}

#[test]
fn a_time_that_cannot_be_printed_so_that_it_is_read_again_is_unset() {
    for unset in ["-000001-06-01T00:00:00Z", "-009999-01-02T01:59:59Z", "0001-01-01T00:00:00.5Z"] {
        let event: Event = serde_json::from_str(&format!(r#"{{"eventTime":"{unset}","firstTimestamp":"{unset}"}}"#)).expect("decodes");
        assert_eq!(event, Event::default(), "{unset}");
    }
    for kept in ["0000-01-01T00:00:00.000000Z", "0000-12-31T23:59:59.500000Z", "1969-12-31T23:59:59.999999Z", "9999-12-30T22:00:00.999999Z"]
    {
        let event: Event = serde_json::from_str(&format!(r#"{{"eventTime":"{kept}"}}"#)).expect("decodes");
        assert_eq!(serde_json::to_value(&event).expect("encodes")["eventTime"], kept);
    }
}

#[test]
fn message_pack_that_nests_without_end_is_no_event() {
    // {"x": {"": {"": …}}}
    let nested = |levels: usize| [b"\x81\xA1x".to_vec(), b"\x81\xA0".repeat(levels), vec![0xC0]].concat();
    assert!(decode_enriched(&nested(20), Some("application/msgpack")).is_ok());
    for levels in [40, 1_000, 1_000_000] {
        assert!(decode_enriched(&nested(levels), Some("application/msgpack")).is_err(), "{levels}");
        assert!(decode_raw(&nested(levels), Some("application/msgpack")).is_err(), "{levels}");
    }
}

#[test]
fn a_structure_is_a_map_with_names() {
    // {"metadata": {5: "ns"}}, {7: "x"}, [], {"metadata": []}: what serde derives takes a number for the field at that place, and a list for all fields in order.
    let packed: [&[u8]; 4] = [b"\x81\xA8metadata\x81\x05\xA2ns", b"\x81\x07\xA1x", b"\x90", b"\x81\xA8metadata\x90"];
    for payload in packed {
        assert!(decode_enriched(payload, Some("application/msgpack")).is_err(), "{payload:?}");
        assert!(decode_raw(payload, Some("application/msgpack")).is_err(), "{payload:?}");
    }
    let json = [r#"[{"name":"a"}]"#, r#"{"metadata":["a"]}"#, r#"{"series":[1]}"#, r#"{"metadata":{"ownerReferences":[["v1"]]}}"#, "[]"];
    for payload in json {
        let error = decode_enriched(payload.as_bytes(), None).expect_err(payload).to_string();
        assert!(error.starts_with("invalid type: sequence, expected struct "), "{error}");
    }
    let error = decode_raw(b"{} {}", None).expect_err("two").to_string();
    assert_eq!(error, "trailing characters at line 1 column 4");
    let names: &[u8] = b"\x81\xA8metadata\x81\xC4\x09namespace\xA2ns"; // a name may be binary
    assert_eq!(decode_raw(names, Some("application/msgpack")).expect("decodes").metadata.namespace, "ns");
}
