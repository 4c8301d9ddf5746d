//! Where to begin: the recorded cases of the repository, and the words that templates and configurations are made of.

use std::{collections::BTreeSet, sync::LazyLock};

use herald_common::config::{Config, Encoding, KINDS, ReceiverOptions};
use herald_sinks::kinds;
use herald_template::{sprig, types::StructType};
use herald_template_event::{ENHANCED_EVENT, EVENT};
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::config::VARIABLES;

/// A property with what to begin it with.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of the fuzz target.
    pub name: &'static str,
    /// The property.
    pub property: fn(&[u8]),
    /// Gives inputs that mean something.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Gives the words that inputs are made of.
    pub words: fn() -> Vec<String>,
}

/// Every property.
pub const TARGETS: [Target; 3] = [
    Target { name: "template", property: crate::template, seeds: templates, words: template_words },
    Target { name: "config", property: crate::config, seeds: configs, words: config_words },
    Target { name: "event", property: crate::event, seeds: messages, words: event_words },
];

static TEMPLATES: LazyLock<Value> = LazyLock::new(|| json(include_str!("../../template/tests/conformance/templates.json")));

/// Rules that look at every field of an event, and the receivers they name.
pub(crate) const ROUTES: &str = include_str!("corpus/routes.yaml");
/// An event with every field.
const EVENT_JSON: &str = include_str!("corpus/event.json");
/// Events that are odd, one a line.
const ODD_EVENTS: &str = include_str!("corpus/messages.txt");
/// Templates that make much of little.
const GREEDY: &str = include_str!("corpus/greedy.txt");
/// A configuration with a variable in every kind of place.
const SECRETS: &str = include_str!("corpus/secrets.yaml");

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("recorded cases are JSON")
}

/// Iterates over a member of each recorded case that is a text.
fn members<'a>(cases: &'a Value, name: &'a str) -> impl Iterator<Item = &'a str> {
    cases.as_array().into_iter().flatten().filter_map(move |case| case[name].as_str())
}

/// The recorded events.
pub(crate) fn events() -> Vec<Value> {
    TEMPLATES["events"].as_object().into_iter().flatten().map(|(_, event)| event.clone()).collect()
}

fn templates() -> Vec<Vec<u8>> {
    let more =
        [json(include_str!("../../template/tests/conformance/go.json")), json(include_str!("../../template/src/sprig/tests/go.json"))];
    let recorded = members(&TEMPLATES["cases"], "template").chain(more.iter().flat_map(|cases| members(cases, "template")));
    recorded.chain(GREEDY.lines()).map(|text| text.as_bytes().to_vec()).collect()
}

fn configs() -> Vec<Vec<u8>> {
    let routes = json(include_str!("../../router/tests/conformance/routes.json"));
    let layouts = json(include_str!("../../sinks/tests/conformance/layouts.json"));
    let wire = json(include_str!("../../sinks/tests/conformance/wire.json"));
    let indented = |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let routes = members(&routes["cases"], "route").map(|route| {
        let names: BTreeSet<&str> = route.split("receiver:").skip(1).filter_map(first_word).collect();
        let receivers: String = names.iter().map(|name| format!("  - name: {name:?}\n    stdout: {{}}\n")).collect();
        format!("route:\n{}receivers:\n{receivers}", indented(route, "  "))
    });
    let layouts = members(&layouts["cases"], "layout")
        .map(|layout| format!("receivers:\n  - name: r\n    stdout:\n      layout:\n{}", indented(layout, "        ")));
    let wire = members(&wire["cases"], "receiver").map(|receiver| format!("receivers:\n{}", indented(receiver, "  ")));
    let samples = include_str!("../../sinks/README.md").split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = [include_str!("../../deploy/compose/config.yaml"), include_str!("../../k8s/base/config.yaml"), ROUTES, SECRETS];
    routes.chain(layouts).chain(wire).chain(samples.chain(whole).map(str::to_owned)).map(String::into_bytes).collect()
}

/// The name that a rule's `receiver:` is followed by.
fn first_word(rest: &str) -> Option<&str> {
    rest.trim_start().split(['\n', '}', ',', '#']).next().map(|name| name.trim().trim_matches(['"', '\'']))
}

fn messages() -> Vec<Vec<u8>> {
    let recorded = [
        include_str!("../../common/tests/conformance/deleted-with-owner.json"),
        include_str!("../../common/tests/conformance/live-with-owner.json"),
        include_str!("../../common/tests/conformance/no-owner.json"),
        EVENT_JSON,
    ];
    let texts: Vec<String> =
        events().iter().map(Value::to_string).chain(recorded.iter().copied().chain(ODD_EVENTS.lines()).map(str::to_owned)).collect();
    let packed = texts.iter().flat_map(|text| {
        let raw = herald_common::event::decode_raw(text.as_bytes(), None).expect("a recorded event is an event");
        let enriched = herald_common::event::decode_enriched(text.as_bytes(), None).expect("a recorded event is an event");
        [rmp_serde::to_vec_named(&raw), rmp_serde::to_vec_named(&enriched)].map(|packed| packed.expect("an event packs"))
    });
    // {"involvedObject": {"labels": {…}}} and {"x": {"": {"": …, with more announced than there is.
    let announced = [
        b"\x81\xAEinvolvedObject\x81\xA6labels\xDF\xFF\xFF\xFF\xFF".to_vec(),
        b"\x81\xA1x".iter().chain([0xDE; 60].iter()).copied().collect(),
    ];
    packed.chain(announced).chain(texts.iter().map(|text| text.as_bytes().to_vec())).collect()
}

fn template_words() -> Vec<String> {
    const SYNTAX: &[&str] = &[
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{/* ",
        " */}}",
        "{{if ",
        "{{else}}",
        "{{else if ",
        "{{else with ",
        "{{end}}",
        "{{range ",
        "{{with ",
        "{{define \"a\"}}",
        "{{block \"a\" .}}",
        "{{template \"a\" .}}",
        "{{break}}",
        "{{continue}}",
        "$",
        "$x",
        " := ",
        " = ",
        " | ",
        "(",
        ")",
        ".",
        " nil ",
        " true ",
        " false ",
        "`",
        "\"",
        "'a'",
        "\\u00e9",
        "0x7f",
        "1e9",
        "-1",
        "1000000",
        "9223372036854775807",
        "1+2i",
        "%v",
        "%#v",
        "%+v",
        "%q",
        "%x",
        "%*d",
        "%-9s",
        "%[1]v",
        "%T",
        "%U",
        "%c",
        "%e",
        "%08.3f",
    ];
    const BUILTINS: &[&str] = &[
        "and", "or", "not", "call", "html", "index", "js", "len", "print", "printf", "println", "slice", "urlquery", "eq", "ge", "gt",
        "le", "lt", "ne",
    ];
    let functions = sprig::functions().map(|function| function.name.to_owned());
    let mut members = BTreeSet::new();
    for described in [&ENHANCED_EVENT, &EVENT] {
        add_members(described, &mut members);
    }
    SYNTAX.iter().chain(BUILTINS).map(|word| (*word).to_owned()).chain(functions).chain(members).collect()
}

/// Adds `.Name` of the fields and methods of a struct and of those in it.
fn add_members(described: &StructType, all: &mut BTreeSet<String>) {
    use herald_template::types::{Pointee, Type};
    for method in described.methods {
        all.insert(format!(".{}", method.name));
    }
    for field in described.fields {
        let is_new = all.insert(format!(".{}", field.name));
        if let (true, Type::Struct(inner) | Type::Pointer(Pointee::Struct(inner))) = (is_new, &field.ty) {
            add_members(inner, all);
        }
    }
}

fn config_words() -> Vec<String> {
    const SYNTAX: &[&str] = &[
        ": ",
        "- ",
        "\n  ",
        "\n    ",
        "\n      ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "# ",
        "|\n",
        ">-\n",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "? ",
        "---\n",
        "~",
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "0x1f",
        "1.5",
        ".inf",
        "90s",
        "1m30s",
        "60/m",
        "${",
        "}",
        ":-",
        "$${",
        "{{ ",
        " }}",
        "{{ .Message }}",
        ".*",
        "(",
        "[a-z]+",
        "http://127.0.0.1/",
        "\u{feff}",
        "\r\n",
        "\t",
    ];
    let mut keys = BTreeSet::from(["name".to_owned(), "receivers".to_owned()]);
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut schemas = vec![generator.root_schema_for::<Config>().to_value(), generator.root_schema_for::<ReceiverOptions>().to_value()];
    schemas.extend(kinds::KINDS.iter().map(|row| row.schema(&mut generator).to_value()));
    schemas.push(Value::Object(generator.take_definitions(true)));
    schemas.iter().for_each(|schema| add_keys(schema, &mut keys));
    let variables = VARIABLES.iter().map(|(name, _)| format!("${{{name}}}"));
    let kinds = KINDS.iter().map(|kind| format!("{kind}: "));
    SYNTAX.iter().map(|word| (*word).to_owned()).chain(keys.iter().map(|key| format!("{key}: "))).chain(kinds).chain(variables).collect()
}

/// Adds the keys that a JSON Schema names.
fn add_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            keys.extend(members.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.clone()));
            members.values().for_each(|inner| add_keys(inner, keys));
        }
        Value::Array(items) => items.iter().for_each(|inner| add_keys(inner, keys)),
        _ => {}
    }
}

fn event_words() -> Vec<String> {
    const SYNTAX: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "null",
        "true",
        "false",
        "0",
        "-1",
        "2147483648",
        "1e3",
        "\\u2028",
        "\\ud800",
        "\"2024-02-29T23:59:60Z\"",
        "\"2024-07-04T18:20:01.123456789+02:00\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"-009999-01-02T01:59:59Z\"",
        "\"9999-12-30T22:00:00.999999999Z\"",
    ];
    let mut keys = BTreeSet::new();
    events().iter().chain([&json(EVENT_JSON)]).for_each(|event| add_event_keys(event, &mut keys));
    let encodings = [Encoding::Json, Encoding::MessagePack].map(|encoding| encoding.content_type().to_owned());
    SYNTAX.iter().map(|word| (*word).to_owned()).chain(keys).chain(encodings).collect()
}

/// Adds the keys of an event's JSON, in quotes.
fn add_event_keys(event: &Value, keys: &mut BTreeSet<String>) {
    match event {
        Value::Object(members) => {
            for (key, inner) in members {
                keys.insert(format!("{key:?}:"));
                add_event_keys(inner, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| add_event_keys(inner, keys)),
        _ => {}
    }
}
