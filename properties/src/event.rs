//! The event: whatever arrives from NATS is refused or read, by all who read it alike, and written again without loss.

use std::{borrow::Cow, sync::LazyLock};

use herald_common::{
    config::{Config, Encoding},
    event::{EnrichedEvent, Event, MicroTime, StringMap, Time, decode_enriched, decode_raw, to_go_json},
};
use herald_router::{explain::Explainer, route::Tree, rule};
use herald_sinks::render::typed;
use herald_template::json;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use crate::{corpus, memory};

/// What reading and writing an event may take beside what its length asks for: MessagePack may announce a mebibyte at each of the levels it may have.
const WORK: usize = 40 << 20;

/// Rules on every field of an event, and what decides by them.
struct Rules {
    explainer: Explainer,
    tree: Tree,
    reporting_fields: bool,
}

/// The rules without and with `matchReportingFields`.
static RULES: LazyLock<[Rules; 2]> = LazyLock::new(|| {
    [false, true].map(|reporting_fields| {
        let text = format!("matchReportingFields: {reporting_fields}\n{}", corpus::ROUTES);
        let config = Config::parse("routes.yaml", &text, &|_| None).expect("the rules are right").config;
        Rules { explainer: Explainer::new(&config), tree: Tree::compile(&config.route), reporting_fields }
    })
});

/// Reads the bytes as every kind of message that carries an event.
///
/// What is read is written, read again and equal; so is a raw event in MessagePack. The event that templates see has the same JSON. Rules decide by the
/// bytes as they decide by the event.
///
/// # Panics
/// When one of this does not hold.
pub fn event(data: &[u8]) {
    for encoding in [Encoding::Json, Encoding::MessagePack] {
        memory::bounded(WORK + 256 * data.len(), || {
            if let Ok(raw) = decode_raw(data, Some(encoding.content_type())) {
                raw_event(raw);
            }
            match decode_enriched(data, Some(encoding.content_type())) {
                Ok(enriched) => {
                    enriched_event(&enriched);
                    // MessagePack may have keys that are no strings, which rules refuse.
                    routing(data, encoding, &enriched, encoding == Encoding::Json);
                }
                // Rules may find in the bytes what they look for, but must not panic.
                Err(_) => RULES.iter().for_each(|rules| drop(rules.explainer.explain(data, Some(encoding.content_type())))),
            }
        });
    }
}

fn raw_event(raw: Event) {
    let packed = rmp_serde::to_vec_named(&raw).expect("an event packs");
    let unpacked = decode_raw(&packed, Some(Encoding::MessagePack.content_type())).expect("a packed event unpacks");
    assert_eq!(unpacked, printed(raw.clone()), "MessagePack loses something");
    enriched_event(&EnrichedEvent { event: raw, ..EnrichedEvent::default() });
}

fn enriched_event(enriched: &EnrichedEvent) {
    let json = to_go_json(enriched).expect("an event is written");
    let again = decode_enriched(&json, None).expect("what was written is read");
    let expected = EnrichedEvent { event: printed(enriched.event.clone()), ..enriched.clone() };
    assert_eq!(again, expected, "JSON loses something");
    let packed = rmp_serde::to_vec_named(enriched).expect("an event packs");
    let unpacked = decode_enriched(&packed, Some(Encoding::MessagePack.content_type())).expect("a packed event unpacks");
    assert_eq!(unpacked, expected, "MessagePack loses something");
    let seen = json::encode_object(&typed(&again)).expect("the event that templates see has JSON");
    assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&json), "templates see another event");
    routing(&json, Encoding::Json, &again, true);
    routing(&packed, Encoding::MessagePack, &again, true);
}

/// The event as its times are printed: in whole seconds or microseconds.
fn printed(mut event: Event) -> Event {
    let floor = |unit| TimestampRound::new().smallest(unit).mode(RoundMode::Floor);
    let cut = |time: Option<Timestamp>, unit| time.map(|time| time.round(floor(unit)).expect("years that are printed are not the first"));
    let time = |time: &mut Time| *time = cut(time.timestamp(), Unit::Second).map_or_else(Time::default, Time::from);
    let micro = |time: &mut MicroTime| *time = cut(time.timestamp(), Unit::Microsecond).map_or_else(MicroTime::default, MicroTime::from);
    time(&mut event.first_timestamp);
    time(&mut event.last_timestamp);
    time(&mut event.metadata.creation_timestamp);
    time(&mut event.metadata.deletion_timestamp);
    micro(&mut event.event_time);
    if let Some(series) = &mut event.series {
        micro(&mut series.last_observed_time);
    }
    event
}

/// Checks that the rules decide by the bytes as they decide by the event in them.
fn routing(bytes: &[u8], encoding: Encoding, enriched: &EnrichedEvent, must_read: bool) {
    let (labels, annotations) = (pairs(&enriched.object.labels), pairs(&enriched.object.annotations));
    for rules in RULES.iter() {
        let explanation = match rules.explainer.explain(bytes, Some(encoding.content_type())) {
            Ok(explanation) => explanation,
            Err(error) if must_read => panic!("rules cannot read what an event can be read of: {error}"),
            Err(_) => continue,
        };
        let event = seen_by_rules(enriched, &labels, &annotations, rules.reporting_fields);
        assert_eq!(explanation.routed, rules.tree.route(&event).hits, "rules read another event");
    }
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn pairs(map: &StringMap) -> Pairs<'_> {
    map.iter().map(|(key, value)| (Cow::from(key.as_str()), Cow::from(value.as_str()))).collect()
}

fn seen_by_rules<'a>(
    enriched: &'a EnrichedEvent,
    labels: &'a Pairs<'_>,
    annotations: &'a Pairs<'_>,
    reporting_fields: bool,
) -> rule::Event<'a> {
    let event = &enriched.event;
    let or = |own: &'a str, other: &'a str| if own.is_empty() && reporting_fields { other } else { own };
    let series = event.series.as_ref().filter(|_| reporting_fields && event.count == 0);
    rule::Event {
        uid: &event.metadata.uid,
        resource_version: &event.metadata.resource_version,
        namespace: &event.metadata.namespace,
        reason: &event.reason,
        message: &event.message,
        type_: &event.type_,
        count: series.map_or(event.count, |series| series.count),
        component: or(&event.source.component, &event.reporting_component),
        host: or(&event.source.host, &event.reporting_instance),
        api_version: &event.involved_object.api_version,
        kind: &event.involved_object.kind,
        labels,
        annotations,
    }
}
