//! `routes.json`: what kubernetes-event-exporter decided for 208 trees and nine events. The README beside it says where it comes from.

use std::{borrow::Cow, collections::BTreeMap};

use herald_common::config::Config;
use herald_router::{route::Tree, rule::Event};
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
    route: String,
    #[serde(default)]
    want: BTreeMap<String, Vec<String>>,
    error: Option<String>,
    #[serde(default)]
    invalid_regex: bool,
}

/// The configuration of a case: its tree, and a receiver of every name it is recorded to deliver to or names.
fn config_text(case: &Case) -> String {
    let mut names: Vec<&str> = case
        .route
        .split("receiver:")
        .skip(1)
        .filter_map(|rest| rest.trim_start().split(['\n', '}', ',', '#']).next())
        .map(|name| name.trim().trim_matches(['"', '\'']))
        .collect();
    names.extend(case.want.values().flatten().map(String::as_str));
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    let indented: String = case.route.lines().map(|line| format!("  {line}\n")).collect();
    let receivers: String =
        names.iter().map(|name| format!("  - name: {}\n    stdout: {{}}\n", serde_json::to_string(name).expect("a string"))).collect();
    format!("route:\n{indented}receivers:\n{receivers}")
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn pairs<'a>(event: &'a Value, pointer: &str) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let map = event.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().map(|(key, value)| (Cow::from(key.as_str()), Cow::from(value.as_str().unwrap_or_default()))).collect()
}

fn decide(tree: &Tree, event: &Value) -> Vec<String> {
    let (labels, annotations) = (pairs(event, "/involvedObject/labels"), pairs(event, "/involvedObject/annotations"));
    let event = Event {
        uid: text(event, "/metadata/uid"),
        resource_version: text(event, "/metadata/resourceVersion"),
        namespace: text(event, "/metadata/namespace"),
        reason: text(event, "/reason"),
        message: text(event, "/message"),
        type_: text(event, "/type"),
        count: event.get("count").and_then(Value::as_i64).unwrap_or(0).try_into().expect("an int32"),
        component: text(event, "/source/component"),
        host: text(event, "/source/host"),
        api_version: text(event, "/involvedObject/apiVersion"),
        kind: text(event, "/involvedObject/kind"),
        labels: &labels,
        annotations: &annotations,
    };
    tree.route(&event).hits.iter().map(ToString::to_string).collect()
}

#[test]
fn every_recorded_decision_is_made_again() {
    let corpus: Corpus = serde_json::from_str(include_str!("../conformance/routes.json")).expect("the corpus reads");
    let mut differences = Vec::new();
    let mut decisions = 0;
    for case in &corpus.cases {
        let loaded = match Config::parse("config.yaml", &config_text(case), &|_| None) {
            Ok(loaded) => loaded,
            Err(error) => {
                if case.error.is_none() {
                    differences.push(format!("{}: {error}", case.id));
                }
                continue;
            }
        };
        // A quoted number for minCount is accepted here and refused by the old exporter.
        if case.error.is_some() {
            continue;
        }
        let warned = loaded.mistakes.iter().any(|warning| warning.message.contains("not a regular expression"));
        if warned != case.invalid_regex {
            differences.push(format!("{}: invalid_regex is {}, warnings: {:?}", case.id, case.invalid_regex, loaded.mistakes));
        }
        let tree = Tree::compile(&loaded.config.route);
        for (name, want) in &case.want {
            decisions += 1;
            let got = decide(&tree, &corpus.events[name]);
            if got != *want {
                differences.push(format!("{} on {name}: want {want:?}, got {got:?}\n{}", case.id, case.route));
            }
        }
    }
    assert!(decisions > 1_800, "only {decisions} decisions in the corpus");
    assert!(differences.is_empty(), "{} of {decisions} decisions differ:\n{}", differences.len(), differences.join("\n"));
}
