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
