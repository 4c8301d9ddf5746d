//! The recorded corpus: what the Go program made of templates.

use std::collections::BTreeMap;

use herald_template::go::time::{Location, Time};
use herald_template::json::base64;
use herald_template::{Functions, Host, Limits, Template, Value};
use serde_json::Value as Json;

use herald_template_event::{ENHANCED_EVENT, EnhancedEvent};

/// A world without surprises: always the same moment, no environment, no chance.
pub(crate) struct Still;

impl Host for Still {
    fn now(&self) -> Time {
        Time::from_unix(1_800_000_000, 0, Location::Local)
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// What a template came to.
enum Outcome {
    Text(Vec<u8>),
    Parse(String),
    Exec(String),
}

fn run(template: &str, event: &EnhancedEvent) -> Outcome {
    let template = match Template::parse("template", template, &functions()) {
        Ok(template) => template,
        Err(error) => return Outcome::Parse(error.to_string()),
    };
    let always_fails = template.check(&ENHANCED_EVENT).is_err_and(|error| error.certain);
    let mut out = Vec::new();
    match template.render(&mut out, Value::pointer_to(event), &Still, Limits::default()) {
        Ok(()) if always_fails => Outcome::Exec("refused although it renders".to_owned()),
        Ok(()) => Outcome::Text(out),
        Err(error) => Outcome::Exec(error.to_string()),
    }
}

fn functions() -> Functions {
    Functions::new().with(herald_template::sprig::functions())
}

/// Compares one case; tells what differs.
fn differs(case: &Json, event: &EnhancedEvent) -> Option<String> {
    let outcome = run(case["template"].as_str()?, event);
    let message = case["message"].as_str().unwrap_or_default();
    match (&outcome, case["error"].as_str()) {
        (Outcome::Text(text), None) => match case["want_base64"].as_str() {
            Some(want) => (base64(text) != want).then(|| format!("got {}, want {want}", base64(text))),
            None => {
                let text = String::from_utf8_lossy(text);
                let want = case["want"].as_str().unwrap_or_default();
                (text != want).then(|| format!("got  {text:?}\n     want {want:?}"))
            }
        },
        (Outcome::Parse(text), Some("parse")) | (Outcome::Exec(text), Some("exec")) => {
            (text != message).then(|| format!("got  {text}\n     want {message}"))
        }
        (Outcome::Text(text), Some(kind)) => Some(format!("got  {:?}\n     want {kind} error {message}", String::from_utf8_lossy(text))),
        (Outcome::Parse(text) | Outcome::Exec(text), _) => Some(format!("got  {text}\n     want {}", case["want"])),
    }
}

#[test]
fn templates_give_what_go_gives() {
    let corpus: Json = serde_json::from_str(include_str!("../conformance/templates.json")).unwrap();
    let known: BTreeMap<String, String> = serde_json::from_str(include_str!("../conformance/differences.json")).unwrap();
    let events: BTreeMap<&str, EnhancedEvent> =
        corpus["events"].as_object().unwrap().iter().map(|(name, json)| (name.as_str(), EnhancedEvent::from_json(json))).collect();
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut unexpected = Vec::new();
    for case in corpus["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let count = groups.entry(id.split('/').next().unwrap()).or_default();
        count.1 += 1;
        let difference = differs(case, &events[case["event"].as_str().unwrap()]);
        count.0 += usize::from(difference.is_none());
        if difference.is_some() != known.contains_key(id) {
            unexpected.push(format!("{id}\n     {}\n     {}", case["template"], difference.unwrap_or_else(|| "no longer differs".into())));
        }
    }
    for (group, (same, all)) in &groups {
        println!("{group}: {same} of {all}");
    }
    assert!(unexpected.is_empty(), "{} differ:\n{}", unexpected.len(), unexpected.join("\n"));
}
