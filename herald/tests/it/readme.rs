//! What the documentation shows, done as it stands: configurations, commands, what they print, and the tables of keys.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{scratch::Scratch, stage};
use serde_json::Value;

use crate::check::{Herald, stdout};

const README: &str = include_str!("../../../README.md");
const SINKS: &str = include_str!("../../../sinks/README.md");
const KUBERNETES: &str = include_str!("../../../k8s/README.md");

const PAGES: [(&str, &str); 3] = [("README.md", README), ("sinks/README.md", SINKS), ("k8s/README.md", KUBERNETES)];

/// A block of a page.
struct Block<'a> {
    language: &'a str,
    /// The file it is, where the text before it ends with a name in quotes.
    name: Option<&'a str>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut all, mut before, mut lines) = (Vec::new(), "", page.lines());
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            let name = before.strip_suffix("`:").and_then(|before| before.rsplit('`').next());
            all.push(Block { language, name, text });
            before = "";
        } else if !line.is_empty() {
            before = line;
        }
    }
    all
}

/// The files that a page shows by name.
fn files(page: &str) -> Result<Scratch> {
    let scratch = Scratch::new("readme")?;
    for block in blocks(page) {
        if let Some(name) = block.name.filter(|name| !name.contains('/')) {
            scratch.write(name, &block.text)?;
        }
    }
    Ok(scratch)
}

/// Runs a command line with the command `herald` on the path; returns its exit code and all it prints.
fn shell(folder: &Scratch, line: &str) -> Result<(Option<i32>, String)> {
    let bin = stage::bin("herald")?;
    let bin = bin.parent().context("a folder")?.display();
    let script = format!("set -o pipefail; PATH={bin}:$PATH; {{ {line}\n}} 2>&1");
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).env_remove("HERALD_CONF").output()?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?))
}

#[test]
fn every_configuration_shown_is_good() -> Result<()> {
    let mut seen = 0;
    for (page, text) in PAGES {
        for block in blocks(text).iter().filter(|block| block.language == "yaml" && !block.text.contains("apiVersion:")) {
            // What `herald migrate` is shown on, the file of --metrics-tls-config, and what kustomize reads.
            if block.name == Some("old.yaml") || ["tls_server_config:", "components:"].iter().any(|key| block.text.contains(key)) {
                continue;
            }
            let output = Herald::check(&block.text).arg("--strict").run()?;
            let said = stdout(&output);
            ensure!(output.status.success() && said.contains("FILE: good, "), "{page}: {said}\n{}", block.text);
            seen += 1;
        }
    }
    ensure!(seen >= 5, "only {seen}");
    println!("{seen} configurations");
    Ok(())
}

#[test]
fn every_command_shown_prints_what_is_shown() -> Result<()> {
    let mut seen = 0;
    for (page, text) in PAGES {
        let folder = files(text)?;
        for block in blocks(text).iter().filter(|block| block.language == "console") {
            let (command, wanted) = block.text.split_once('\n').context("a command")?;
            let command = command.strip_prefix("$ ").with_context(|| format!("{page}: {command:?} begins with no dollar"))?;
            let (_, printed) = shell(&folder, command)?;
            ensure!(printed == wanted, "{page}: {command} prints\n{printed}\ninstead of\n{wanted}");
            seen += 1;
        }
    }
    ensure!(seen >= 2, "only {seen}");
    Ok(())
}

/// The runs of `herald` in a block of commands, comments left out.
fn runs(block: &str) -> Vec<String> {
    let lines = block.lines().map(|line| line.split(" #").next().unwrap_or(line));
    let commands = lines.flat_map(|line| line.split(" | ").flat_map(|part| part.split(" -- ")).map(str::trim).collect::<Vec<_>>());
    commands.filter(|command| command.starts_with("herald ")).map(str::to_owned).collect()
}

#[test]
fn every_command_shown_is_one() -> Result<()> {
    let folder = files(README)?;
    let mut seen = 0;
    for (page, text) in PAGES {
        let inline = text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("herald ") || code.contains("-- herald "));
        let shown = blocks(text).into_iter().filter(|block| block.language == "sh").map(|block| block.text).collect::<Vec<_>>();
        for command in shown.iter().map(String::as_str).chain(inline).flat_map(runs) {
            // `<receiver>` stands for a name.
            let command = command.replace("<receiver>", "receiver");
            let mut words = command.split(' ').skip(1);
            let line = match (words.next().unwrap_or_default(), words.next()) {
                // These need no server.
                ("check", Some(_)) if command.contains("--event -") => format!("{command} < event.json"),
                ("check" | "migrate", Some(_)) | ("schema", _) => command,
                // Of the others it is seen that they take the arguments.
                _ => format!("{command} --help"),
            };
            let (code, printed) = shell(&folder, &line)?;
            ensure!(code == Some(0), "{page}: {line} exits with {code:?}:\n{printed}");
            // `herald migrate old.yaml > config.yaml` has made another file of it.
            folder.write(
                "config.yaml",
                blocks(README).iter().find(|block| block.name == Some("config.yaml")).map_or("", |block| &block.text),
            )?;
            seen += 1;
        }
    }
    ensure!(seen >= 10, "only {seen}");
    println!("{seen} commands");
    Ok(())
}

fn schema() -> Result<Value> {
    Ok(serde_json::from_slice(&Herald::new(&["schema"]).run()?.stdout)?)
}

/// The schema behind references.
fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str()).or_else(|| schema["anyOf"][0]["$ref"].as_str());
    match reference.and_then(|name| name.rsplit('/').next()) {
        Some(name) => resolve(&root["definitions"][name], root),
        None => schema,
    }
}

/// Every key below a schema that is no map itself, with its default; `apart` are described for themselves.
fn keys(schema: &Value, root: &Value, apart: &[&str]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (key, inner) in resolve(schema, root)["properties"].as_object().into_iter().flatten() {
        let default = &inner["default"];
        let below = if apart.contains(&key.as_str()) { BTreeMap::new() } else { keys(inner, root, &[]) };
        if below.is_empty() {
            all.insert(key.clone(), default.clone());
        }
        for (path, own) in below {
            let given = path.split('.').fold(default, |value, key| &value[key]);
            all.insert(format!("{key}.{path}"), if given.is_null() { own } else { given.clone() });
        }
    }
    all
}

/// The rows of the first table after `heading`: the names in its first column with the second.
fn table<'a>(page: &'a str, heading: &str) -> Result<Vec<(Vec<String>, &'a str)>> {
    let (_, rest) = page.split_once(heading).with_context(|| format!("no {heading:?}"))?;
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let (names, second) = (cells.next().context("a cell")?, cells.next().context("a second cell")?);
        Ok((expand(names), second))
    })
    .collect()
}

/// Reads `` `a.b`, `.c` `` as a.b and a.c, and `` `a.{b,c}.d` `` as a.b.d and a.c.d.
fn expand(cell: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut parents: Vec<String> = Vec::new();
    for name in cell.split('`').skip(1).step_by(2) {
        let names: Vec<String> = match (name.strip_prefix('.'), name.split_once('{').and_then(|(a, rest)| Some((a, rest.split_once('}')?))))
        {
            (Some(name), _) => parents.iter().map(|parent| format!("{parent}.{name}")).collect(),
            (_, Some((before, (inner, after)))) => inner.split(',').map(|inner| format!("{before}{inner}{after}")).collect(),
            _ => vec![name.to_owned()],
        };
        parents = names.iter().map(|name| name.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned())).collect();
        all.extend(names);
    }
    all
}

/// What a table calls a default, as it stands in the schema; nothing where it is said in words.
fn defaults(cell: &str, names: &[String]) -> Vec<Option<Value>> {
    let parts: Vec<&str> = cell.split(", ").collect();
    // `2 h 512 MiB` is an age and a size, for each stream.
    if parts.len() * 2 == names.len() && parts[0].contains(" h ") {
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let unit = |unit: &str| match unit {
            "h" => 3_600,
            "d" => 86_400,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => 0,
        };
        let words: Vec<Vec<&str>> = parts.iter().map(|part| part.split(' ').collect()).collect();
        let at = |from: usize| words.iter().map(move |words| Some(Value::from(number(words[from]) * unit(words[from + 1]))));
        return at(0).chain(at(2)).collect();
    }
    let read = |part: &str| match part.trim_matches('`') {
        "empty" => Some(Value::from("")),
        text if part.contains(' ') || part.contains(':') && !part.contains("//") || text.is_empty() => None,
        "required" | "all" | "none" => None,
        text => serde_json::from_str(text).ok().or_else(|| Some(Value::from(text))),
    };
    match parts.len() == names.len() {
        true => parts.into_iter().map(read).collect(),
        false if parts.len() == 1 => vec![read(cell); names.len()],
        false => vec![None; names.len()],
    }
}

/// Compares a table with the schema: the same keys, and defaults that agree.
fn compare(what: &str, rows: &[(Vec<String>, &str)], schema: &BTreeMap<String, Value>) -> Result<usize> {
    let mut compared = 0;
    let mut documented: Vec<&String> = rows.iter().flat_map(|(names, _)| names).collect();
    documented.sort();
    ensure!(documented == schema.keys().collect::<Vec<_>>(), "{what} documents {documented:?}, there are {:?}", schema.keys());
    for (names, cell) in rows {
        for (name, told) in names.iter().zip(defaults(cell, names)) {
            let (Some(told), default) = (told, &schema[name]) else { continue };
            let equal = match (told.as_f64(), default.as_f64()) {
                (Some(told), Some(default)) => (told - default).abs() < f64::EPSILON,
                _ => told == *default,
            };
            ensure!(equal, "{what}: {name} is said to be {told}, and is {default}");
            compared += 1;
        }
    }
    Ok(compared)
}

#[test]
fn tables_of_keys_hold_every_key_with_its_default() -> Result<()> {
    let schema = schema()?;
    let properties = &schema["properties"];
    // Said in the text beside the key it is the old name of.
    let mut top = keys(&schema, &schema, &["route", "receivers", "nats"]);
    ensure!(top.remove("throttlePeriod").is_some(), "the old name is gone");
    let mut compared = compare("README.md", &table(README, "## Configuration\n")?, &top)?;
    // Where NATS is when nothing says so is no default of one of the two keys.
    let mut nats = table(README, "**`nats`.**")?;
    nats.iter_mut().filter(|(names, _)| names.contains(&"url".to_owned())).for_each(|(_, default)| *default = "");
    compared += compare("nats", &nats, &keys(&properties["nats"], &schema, &[]))?;
    let rule = keys(&schema["definitions"]["Rule"], &schema, &["not"]);
    let rule = rule.into_keys().map(|key| (key, Value::Null)).collect();
    let rows: Vec<_> = table(README, "**Rules.**")?.into_iter().map(|(names, _)| (names, "")).collect();
    compare("a rule", &rows, &rule)?;
    for key in keys(&schema["definitions"]["Route"], &schema, &["drop", "match", "routes"]).keys() {
        ensure!(README.contains(&format!("`{key}`")), "route.{key} is not documented");
    }

    let receiver = properties["receivers"]["items"]["properties"].as_object().context("a receiver")?;
    let is_kind = |key: &str| herald_common::config::KINDS.contains(&key);
    let options =
        receiver.iter().filter(|(key, _)| !is_kind(key) && *key != "name").map(|(key, inner)| (key.clone(), inner["default"].clone()));
    compared += compare("every receiver", &table(SINKS, "## What every receiver takes\n")?, &options.collect())?;
    for (kind, inner) in receiver.iter().filter(|(key, inner)| is_kind(key) && inner["deprecated"] != true) {
        compared += compare(kind, &table(SINKS, &format!("\n## {kind}\n"))?, &keys(inner, &schema, &["headers", "layout"]))?;
    }
    ensure!(compared >= 35, "only {compared} defaults compared");
    println!("{compared} defaults");
    Ok(())
}
