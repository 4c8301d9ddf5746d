//! `layouts.json`: the bodies that the exporter Herald replaces made of layouts.

use std::collections::BTreeMap;

use bytes::Bytes;
use herald_common::{
    config::Config,
    event::{EnrichedEvent, to_go_json},
};
use herald_sinks::{registry, render::Templates};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Corpus {
    events: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    layout: String,
    event: String,
    want: Option<String>,
    error: Option<String>,
    #[serde(default)]
    peer_nulls: bool,
    #[serde(default)]
    yaml_quirk: bool,
}

/// Recorded where the old exporter's YAML library departs from YAML 1.2: what YAML 1.2 says instead.
const QUIRKS: &[(&str, &str)] = &[
    ("quirk/numeric-keys-1", r#"{"1":"NodeHasDiskPressure","2":"b"}"#),
    ("quirk/tab-escape-1", r#"{"a":"x\ty","b":"x\ny","c":"x\\y","d":"A\u0007\u0000"}"#),
    ("quirk/exponent-1", r#"{"a":1000,"b":1500,"c":17,"d":"12:30:45"}"#),
];

/// What is sent, or why nothing is.
fn body(case: &Case, event: &Value) -> Result<String, String> {
    let indented: String = case.layout.lines().map(|line| format!("        {line}\n")).collect();
    let layout = if case.layout.is_empty() { String::new() } else { format!("      layout:\n{indented}") };
    let text = format!("receivers:\n  - name: r\n    webhook:\n      endpoint: http://127.0.0.1/\n{layout}");
    let config = Config::parse("config.yaml", &text, &|_| None).map_err(|error| error.to_string())?.config;
    let ready = registry::build(&config.receivers[0], &Templates::default()).map_err(|findings| format!("{:?}", findings.errors))?;
    let event: EnrichedEvent = serde_json::from_value(event.clone()).expect("an event");
    let payload = Bytes::from(to_go_json(&event).expect("encodes"));
    let body = ready.built.preview(&payload).map_err(|refusal| refusal.reason)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The recorded body with the values that the old exporter lost.
fn with_values(recorded: Value, layout: &Value) -> Value {
    match (recorded, layout) {
        (Value::Null, layout) => layout.clone(),
        (Value::Object(recorded), Value::Object(layout)) => {
            recorded.into_iter().map(|(key, value)| (key.clone(), with_values(value, &layout[&key]))).collect()
        }
        (Value::Array(recorded), Value::Array(layout)) => {
            recorded.into_iter().zip(layout).map(|(value, layout)| with_values(value, layout)).collect()
        }
        (recorded, _) => recorded,
    }
}

#[test]
fn every_recorded_layout_gives_the_recorded_body() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let corpus: Corpus = serde_json::from_str(include_str!("../conformance/layouts.json")).expect("the corpus reads");
    let mut differences = Vec::new();
    for case in &corpus.cases {
        let got = body(case, &corpus.events[&case.event]);
        let quirk = QUIRKS.iter().find(|(id, _)| *id == case.id);
        let agrees = match (&got, &case.want, quirk) {
            (Ok(got), _, Some((_, want))) => got == want,
            (Ok(got), Some(want), None) if case.peer_nulls => {
                let layout: Value = serde_saphyr::from_str(&case.layout).expect("YAML");
                let want = with_values(serde_json::from_str(want).expect("JSON"), &layout);
                serde_json::from_str::<Value>(got).expect("JSON") == want
            }
            (Ok(got), Some(want), None) => got == want,
            (Err(_), None, None) => case.error.is_some(),
            _ => false,
        };
        if !agrees || case.yaml_quirk != quirk.is_some() {
            differences.push(format!("{}: got {got:?}, want {:?}{:?}", case.id, case.want, case.error));
        }
    }
    println!("{} layouts, {} differ, {} by YAML 1.2 instead of the old library", corpus.cases.len(), differences.len(), QUIRKS.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
