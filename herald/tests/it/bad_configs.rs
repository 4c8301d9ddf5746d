//! What `herald check` says of configurations that cannot be meant: `bad_configs.txt` holds them with what must be said, one fault each.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::Path, thread};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{certs::Authority, scratch::Scratch};
use serde_json::{Value, json};

use crate::check::{Herald, stdout};

const TABLE: &str = include_str!("bad_configs.txt");

/// The value of `MARKER` in the environment: what must never be shown.
const MARKER: &str = "hunter2";

/// A configuration and what must be said of it.
struct Case<'a> {
    name: &'a str,
    config: String,
    said: Vec<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    let mut reading = false;
    for line in TABLE.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name, config: String::new(), said: Vec::new() });
            reading = true;
        } else if let (Some(said), Some(case)) = (line.strip_prefix(">>> "), cases.last_mut()) {
            case.said.push(said);
            reading = false;
        } else if let Some(case) = cases.last_mut().filter(|_| reading) {
            case.config.push_str(line);
            case.config.push('\n');
        }
    }
    cases
}

/// Makes the folder that the table calls DIR.
fn folder() -> Result<Scratch> {
    let scratch = Scratch::new("bad-configs")?;
    let authority = Authority::new("own")?;
    let (client, other) = (authority.client("herald", &[])?, authority.client("other", &[])?);
    scratch.write("cert.pem", &client.certificate)?;
    scratch.write("key.pem", &client.key)?;
    scratch.write("other.pem", &other.key)?;
    scratch.write("text.txt", "hello\n")?;
    scratch.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")?;
    Ok(scratch)
}

/// Runs `work` for every item on two threads; fails with everything that went wrong.
fn for_each<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let half = items.len() / 2;
    let faults = |items: &[T]| items.iter().filter_map(|item| work(item).err()).map(|error| format!("{error:#}")).collect::<Vec<_>>();
    let (first, second) = thread::scope(|scope| {
        let other = scope.spawn(|| faults(&items[half..]));
        (faults(&items[..half]), other.join())
    });
    let all = [first, second.map_err(|_| anyhow::anyhow!("a check panicked"))?].concat();
    ensure!(all.is_empty(), "{} of {}:\n{}", all.len(), items.len(), all.join("\n"));
    Ok(())
}

#[test]
fn every_bad_configuration_is_refused_with_its_place_and_what_to_do() -> Result<()> {
    let (cases, folder) = (cases(), folder()?);
    ensure!(cases.len() >= 250, "{} cases", cases.len());
    let (folder, kinds) = (folder.path().display().to_string(), herald_common::config::KINDS.join(", "));
    for_each(&cases, |case| {
        let config = case.config.replace("DIR", &folder);
        let output = Herald::check(&config).env("MARKER", MARKER).arg("--strict").run()?;
        let found = stdout(&output).replace(&folder, "DIR");
        let mut found: Vec<&str> = found.lines().collect();
        let count = found.pop().unwrap_or_default();
        // A note is no complaint.
        found.retain(|line| !line.starts_with("FILE: note: "));
        let said: Vec<String> = case.said.iter().map(|said| format!("FILE:{}", said.replace("KINDS", &kinds))).collect();
        ensure!(found == said, "{}: said\n  {}\ninstead of\n  {}", case.name, found.join("\n  "), said.join("\n  "));
        let errors = said.iter().filter(|said| said.contains(": error: ")).count();
        let code = if errors > 0 { 2 } else { 1 };
        ensure!(output.status.code() == Some(code) && output.stderr.is_empty(), "{}: {output:?}", case.name);
        ensure!(count.starts_with(&format!("FILE: {errors} error")), "{}: {count}", case.name);
        Ok(())
    })?;
    println!("{} bad configurations", cases.len());
    Ok(())
}

#[test]
fn several_problems_are_told_together() -> Result<()> {
    let config = r#"
clusterName: ${UNSET}
cacheSize: many
cachSize: 1
kubeQPS: 0
throttlePeriod: 3
logLevel: info
logLevel: debug
nats: {replicas: 2, url: "http://h", colour: blue}
route:
  drop: [{receiver: a}, {kind: "*Pod", minCount: often}]
  match: [{receiver: b}, {receiver: c}, {receiver: d}]
receivers:
  - {name: a, webhook: {endpoint: "${UNSET}"}}
  - {name: b, timeout: soon, batch: none, stdout: {layout: {x: "{{ nope }}", y: ["{{"]}, zzz: 1}}
  - {name: c, kafka: {brokers: [h]}}
  - {name: b, webhook: {endpoint: "ftp://h", headers: {"a b": c, d: "{{"}}}
"#;
    let output = Herald::check(config).run()?;
    let found = stdout(&output);
    let places: Vec<&str> = found.lines().filter_map(|line| line.split(": ").nth(2).filter(|_| line.contains(": error: "))).collect();
    let wanted = [
        "clusterName",
        "cacheSize",
        "cachSize",
        "kubeQPS",
        "logLevel",
        "nats.replicas",
        "nats.url",
        "nats.colour",
        "route.drop[1].kind",
        "route.drop[1].minCount",
        "route.match[2].receiver",
        "receivers[0].webhook.endpoint",
        "receivers[1].timeout",
        "receivers[1].batch",
        "receivers[1].stdout.layout.x",
        "receivers[1].stdout.layout.y[0]",
        "receivers[1].stdout.zzz",
        "receivers[2].kafka",
        "receivers[2].kafka.brokers[0]",
        "receivers[3].name",
        "receivers[3].webhook.endpoint",
        "receivers[3].webhook.headers.a b",
        "receivers[3].webhook.headers.d",
    ];
    ensure!(places == wanted, "{found}");
    let warned: Vec<&str> = found.lines().filter(|line| line.contains(": warning: ")).collect();
    ensure!(warned.len() == 2, "{found}");
    ensure!(output.status.code() == Some(2) && found.ends_with("FILE: 23 errors, 2 warnings\n"), "{found}");
    Ok(())
}

/// A value of each kind of schema, so that a configuration made of them holds every key there is.
fn sample(schema: &Value, definitions: &Value, depth: usize) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return if depth == 0 { json!({}) } else { sample(&definitions[name], definitions, depth - 1) };
    }
    if let Some(first) =
        ["allOf", "anyOf", "oneOf"].into_iter().find_map(|key| schema[key].as_array().filter(|_| !schema["properties"].is_object()))
    {
        return first.first().map_or(Value::Null, |first| sample(first, definitions, depth));
    }
    if let Some(fields) = schema["properties"].as_object() {
        return fields.iter().map(|(key, inner)| (key.clone(), sample(inner, definitions, depth))).collect();
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    match types.first() {
        Some(&"array") => json!([sample(&schema["items"], definitions, depth)]),
        Some(&"object") => json!({"some.key": sample(&schema["additionalProperties"], definitions, depth)}),
        Some(&"integer" | &"number") => json!(1),
        Some(&"boolean") => json!(true),
        _ => schema["enum"][0].as_str().map_or_else(|| json!("{{ .Reason }}"), |word| json!(word)),
    }
}

/// A configuration with every key that the schema knows, and a receiver of each kind.
fn whole() -> Result<Value> {
    let schema: Value = serde_json::from_slice(&Herald::new(&["schema"]).run()?.stdout)?;
    let mut config = sample(&schema, &schema["definitions"], 3);
    let receiver = config["receivers"][0].take();
    let is_kind = |key: &str| herald_common::config::KINDS.contains(&key);
    let options = receiver.as_object().context("a receiver")?.iter().filter(|(key, _)| !is_kind(key));
    let options: BTreeMap<&String, &Value> = options.collect();
    let receivers = herald_common::config::KINDS.iter().enumerate().map(|(at, kind)| {
        let mut one = json!(options);
        one["name"] = json!(format!("receiver-{at}"));
        one[*kind] = receiver[*kind].clone();
        one
    });
    config["receivers"] = receivers.collect();
    Ok(config)
}

const VARIABLE: &str = "x${MARKER}";

/// Every copy of a value in which one scalar is the variable.
fn planted(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                all.extend(planted(item).into_iter().map(|item| {
                    let mut copy = items.clone();
                    copy[at] = item;
                    Value::Array(copy)
                }));
            }
        }
        Value::Object(fields) => {
            for (key, inner) in fields {
                all.extend(planted(inner).into_iter().map(|inner| {
                    let mut copy = fields.clone();
                    copy.insert(key.clone(), inner);
                    Value::Object(copy)
                }));
            }
        }
        _ => all.push(json!(VARIABLE)),
    }
    all
}

/// A value with this in place of every scalar, and another key beside those of every map.
fn filled(value: &Value, with: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| filled(item, with)).collect(),
        Value::Object(fields) => {
            let mut all: serde_json::Map<String, Value> = fields.iter().map(|(key, inner)| (key.clone(), filled(inner, with))).collect();
            all.insert(VARIABLE.to_owned(), with.clone());
            all.into()
        }
        _ => with.clone(),
    }
}

#[test]
fn a_variable_s_value_is_never_shown_wherever_it_stands() -> Result<()> {
    let whole = whole()?;
    // Each in a configuration of its own key, or of its own receiver.
    let mut parts: Vec<Value> = Vec::new();
    for (key, value) in whole.as_object().context("a map")? {
        match value.as_array().filter(|_| key == "receivers") {
            Some(receivers) => parts.extend(receivers.iter().map(|receiver| json!({key: [receiver]}))),
            None => parts.push(json!({key: value})),
        }
    }
    let mut configs: Vec<(String, &[&str])> =
        parts.iter().flat_map(planted).map(|config| (config.to_string(), &["check", "-"][..])).collect();
    ensure!(configs.len() > 200, "{} positions", configs.len());
    let shapes = [json!(VARIABLE), json!("{{ ${MARKER} }}"), json!("https://${MARKER}:x/"), json!([VARIABLE]), json!({VARIABLE: VARIABLE})];
    for arguments in [&["check", "-"][..], &["check", "-", "-o", "json"], &["migrate", "-"]] {
        configs.extend(shapes.iter().map(|shape| (filled(&whole, shape).to_string(), arguments)));
    }
    for_each(&configs, |(config, arguments)| {
        let output = Herald::new(arguments).env("MARKER", MARKER).input(config).run()?;
        let shown = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        ensure!(!shown.contains(MARKER), "{arguments:?} shows {}", shown.lines().find(|line| line.contains(MARKER)).unwrap_or_default());
        ensure!(output.status.code().is_some_and(|code| code < 3), "{arguments:?} on {config}: {output:?}");
        Ok(())
    })?;
    println!("{} configurations", configs.len());
    Ok(())
}

#[test]
fn a_pattern_from_a_variable_is_not_shown_when_a_decision_is_explained() -> Result<()> {
    let config = "
receivers: [{name: a, stdout: {}}]
route: {match: [{kind: '${MARKER}', receiver: a}, {labels: {app: '${MARKER}'}, receiver: a}, {message: '*${MARKER}', receiver: a}]}
";
    let event = r#"{"message": "m", "involvedObject": {"kind": "Pod", "labels": {"app": "web"}}}"#;
    let output = Herald::check(config).env("MARKER", MARKER).arg("--event").arg("-").input(event).run()?;
    let shown = stdout(&output);
    ensure!(shown.contains(r#"kind "Pod" does not match the value of a variable"#), "{shown}");
    ensure!(!format!("{output:?}").contains(MARKER), "{output:?}");
    Ok(())
}

#[test]
fn a_secret_in_a_line_that_is_no_yaml_is_not_shown() -> Result<()> {
    for config in [
        "nats:\n  password: \"hunter2\n",
        "receivers:\n  - name: a\n    webhook:\n      headers:\n        X-Custom: 'hunter2\n",
        "receivers:\n  - name: a\n    webhook: {endpoint: \"https://user:hunter2@h/\", layout: {a: {{ .Reason }}}}\n",
        "receivers:\n  - name: a\n    slack:\n      token: hunter2: x\n",
        "receivers: [{name: a, opsgenie: {apiKey: hunter2}}\n",
    ] {
        let output = Herald::check(config).run()?;
        ensure!(output.status.code() == Some(2) && stdout(&output).contains("not valid YAML"), "{output:?}");
        ensure!(!format!("{output:?}").contains("hunter2"), "{output:?}");
    }
    Ok(())
}

#[test]
fn a_file_that_cannot_be_read_is_refused() -> Result<()> {
    let scratch = Scratch::new("unreadable")?;
    let check = |path: &Path| Herald::new(&["check"]).arg(&path.display().to_string()).run();
    let gone = scratch.path().join("nowhere.yaml");
    let output = check(&gone)?;
    let said = format!(
        "{0}: error: cannot read the file: No such file or directory (os error 2); name it as argument or by HERALD_CONF\n{0}: 1 error, 0 warnings\n",
        gone.display()
    );
    ensure!(stdout(&output) == said && output.status.code() == Some(2), "{output:?}");

    let latin = scratch.path().join("latin.yaml");
    std::fs::write(&latin, b"logLevel: info\nclusterName: K\xf6ln\n")?;
    let output = check(&latin)?;
    let said = format!("{0}:2:15: error: this is not UTF-8, save the file in that encoding\n{0}: 1 error, 0 warnings\n", latin.display());
    ensure!(stdout(&output) == said && output.status.code() == Some(2), "{output:?}");

    // Root reads everything.
    let shut = scratch.write("shut.yaml", "logLevel: info\n")?;
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o000))?;
    let output = check(&shut)?;
    ensure!(output.status.code() == Some(if std::fs::read(&shut).is_ok() { 0 } else { 2 }), "{output:?}");
    Ok(())
}

#[test]
fn hostile_files_end_with_an_error() -> Result<()> {
    let bomb: String =
        (1..12).map(|level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 12].join(", "))).collect();
    for (what, config) in [
        ("brackets", "[".repeat(100_000)),
        ("maps", "{a: ".repeat(100_000)),
        ("indentation", (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ("rules under rules", format!("route: {{match: [{}{}]}}", "{not: ".repeat(2_000), "}".repeat(2_000))),
        ("aliases", format!("a0: &a0 [x, x]\n{bomb}")),
        ("one long line of keys", format!("{{{}}}", (0..5_000).map(|key| format!("k{key}: 1, ")).collect::<String>())),
        ("variables", "${A}".repeat(100_000)),
    ] {
        let output = Herald::check(&config).run()?;
        ensure!(output.status.code() == Some(2), "{what}: {:?}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
