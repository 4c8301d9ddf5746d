//! `herald migrate`: a configuration of kubernetes-event-exporter with notes on what means something else here.
//!
//! In goes the file; out comes the same file with comments above the lines they are about. Nothing else changes, so what comes out loads as what went in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use herald_common::{
    config::{self, Node, NodeKind, Problem},
    env,
};

use crate::check::{examine, print, read};

#[derive(Args)]
pub(crate) struct MigrateArgs {
    /// The configuration of the old exporter, or `-` for standard input
    #[arg(value_name = "OLD")]
    file: PathBuf,
}

/// What is different about a top-level key.
const KEYS: &[(&str, &str)] = &[
    (
        "maxEventAgeSeconds",
        "leaves out only what the first list of a fresh install finds; nothing that happens later is dropped for its age",
    ),
    ("throttlePeriod", "leaves out only what the first list of a fresh install finds; nothing that happens later is dropped for its age"),
    ("leaderElection", "not needed: watchers may run side by side, their duplicates are dropped; enabled, they take turns as before"),
    ("cacheSize", "objects of one replica of the enricher; replicas share what they read beside it"),
];

/// What is different about a kind of receiver.
const KINDS: &[(&str, &str)] = &[
    ("slack", "gets the first version of a recurring event only; updates: true gives it every one"),
    ("teams", "gets the first version of a recurring event only, and an endpoint that cannot be reached is tried again"),
    ("opsgenie", "gets the first version of a recurring event only; a message over 130 characters is cut"),
    (
        "opscenter",
        "gets the first version of a recurring event only; relatedOpsItems is taken from its own key; an item says by which event it is deduplicated",
    ),
    ("kinesis", "writes with PutRecords: allow kinesis:PutRecords beside kinesis:PutRecord"),
    ("firehose", "writes with PutRecordBatch: allow firehose:PutRecordBatch beside firehose:PutRecord"),
    ("eventbridge", "sends the event's own time instead of the time of sending"),
    ("elasticsearch", "writes with _bulk; a refused document is an error and is kept; indexFormat takes the event's time, in UTC"),
    ("opensearch", "writes with _bulk; a refused document is an error and is kept; indexFormat takes the event's time, in UTC"),
    ("loki", "sends the event's own time in nanoseconds instead of the time of sending in seconds"),
    ("kafka", "waits for all in-sync replicas and writes headers too; version is of no effect, the brokers are asked which they speak"),
    (
        "bigquery",
        "loads by jobs that are not repeated; max_retries means nothing, and a table that always has events wants interval_seconds: 60",
    ),
    ("syslog", "sends severity warning for Warning events and informational for others instead of emergency"),
];

pub(crate) fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let bytes = read(&args.file).with_context(|| format!("cannot read {name}"))?;
    let text = config::text(bytes).map_err(|problem| anyhow::anyhow!("{name}:{problem}"))?;
    print(&mut std::io::stdout().lock(), &annotate(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// Notes by the line they stand above; each is said once for a line.
#[derive(Default)]
struct Notes(BTreeMap<u32, BTreeSet<String>>);

impl Notes {
    fn add(&mut self, line: u32, note: impl Into<String>) {
        self.0.entry(line.max(1)).or_default().insert(note.into());
    }
}

/// Puts the notes into the text.
fn annotate(text: &str) -> String {
    let mut notes = Notes::default();
    let findings = examine(text);
    for (problems, severity) in [(&findings.errors, "error"), (&findings.warnings, "warning"), (&findings.notes, "note")] {
        for Problem { line, path, message, .. } in problems {
            // A place of its own says what it is about.
            let about = if *line == 0 && !path.is_empty() { format!("{path}: ") } else { String::new() };
            notes.add(*line, format!("{severity}: {about}{message}"));
        }
    }
    if let Ok(root) = config::document(text, &|variable| env::var(variable)) {
        top_level(&root, &mut notes);
        dollars(&root, &mut notes);
    }
    let mut out = String::with_capacity(text.len() + 1_024);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        for note in notes.0.get(&number).into_iter().flatten() {
            for part in note.lines() {
                out.push_str(&format!("{indent}# herald: {part}\n"));
            }
        }
        out.push_str(line);
    }
    out
}

fn top_level(root: &Node, notes: &mut Notes) {
    let NodeKind::Map(entries) = &root.kind else { return };
    for (key, value) in entries {
        for (_, note) in KEYS.iter().filter(|(name, _)| *name == key.text) {
            notes.add(key.line, *note);
        }
        match (key.text.as_str(), &value.kind) {
            ("receivers", NodeKind::Seq(receivers)) => receivers.iter().for_each(|one| receiver(one, notes)),
            ("route", _) => repeated(value, notes),
            _ => {}
        }
    }
}

fn receiver(node: &Node, notes: &mut Notes) {
    let NodeKind::Map(entries) = &node.kind else { return };
    for (key, value) in entries {
        for (_, note) in KINDS.iter().filter(|(kind, _)| *kind == key.text) {
            notes.add(key.line, *note);
        }
        if let Some(layout) = value.get("layout") {
            scalars(layout, notes);
        }
    }
}

/// Numbers and booleans of a layout.
fn scalars(node: &Node, notes: &mut Notes) {
    match &node.kind {
        NodeKind::Scalar { string: false, hidden: false, text } => {
            notes.add(node.line, format!("{text} is sent as it is; the old exporter sent null"));
        }
        NodeKind::Seq(items) => items.iter().for_each(|item| scalars(item, notes)),
        NodeKind::Map(entries) => entries.iter().for_each(|(_, value)| scalars(value, notes)),
        _ => {}
    }
}

/// Receivers that the tree names several times.
fn repeated(route: &Node, notes: &mut Notes) {
    fn collect<'a>(node: &'a Node, found: &mut BTreeMap<&'a str, Vec<&'a Node>>) {
        match &node.kind {
            NodeKind::Seq(items) => items.iter().for_each(|item| collect(item, found)),
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    match &value.kind {
                        NodeKind::Scalar { text, .. } if key.text == "receiver" => found.entry(text).or_default().push(value),
                        _ => collect(value, found),
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    collect(route, &mut found);
    for (receiver, named) in found.iter().filter(|(_, named)| named.len() > 1) {
        for node in named.iter().skip(1) {
            let receiver = if node.is_shown() { receiver } else { "this receiver" };
            let note = format!("{receiver} is named {} times in the tree; it gets an event once, however many rules match", named.len());
            notes.add(node.line, note);
        }
    }
}

/// Dollars that the old exporter took for variables.
fn dollars(node: &Node, notes: &mut Notes) {
    match &node.kind {
        NodeKind::Scalar { text, hidden: false, .. } => {
            let bytes = text.as_bytes();
            let taken = bytes.windows(2).any(|pair| pair[0] == b'$' && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'$')));
            if taken {
                notes.add(node.line, "a dollar without braces stays here; the old exporter took it and what follows for a variable");
            }
        }
        NodeKind::Seq(items) => items.iter().for_each(|item| dollars(item, notes)),
        NodeKind::Map(entries) => entries.iter().for_each(|(_, value)| dollars(value, notes)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use herald_common::config::Config;

    use super::*;

    const OLD: &str = "\
# my exporter
throttlePeriod: 10
route:
  routes:
    - match:
        - receiver: dump
        - receiver: dump
          kind: \"*Pod*\"
receivers:
  - name: dump
    stdout:
      layout:
        price: \"$5 {{ $x := .Reason }}{{ $x }}\"
        count: 5
";

    #[test]
    fn notes_stand_above_what_they_are_about_and_change_nothing() {
        let new = annotate(OLD);
        let lines: Vec<&str> = new.lines().collect();
        let above = |needle: &str| {
            let at = lines.iter().position(|line| line.contains(needle) && !line.trim_start().starts_with('#')).expect("there");
            lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with("# herald:")).copied().collect::<Vec<_>>().join("\n")
        };
        assert!(above("throttlePeriod: 10").contains("call it maxEventAgeSeconds"), "{new}");
        assert!(above("kind:").contains("\".*Pod.*\" is probably meant"), "{new}");
        assert_eq!(new.matches("dump is named 2 times in the tree").count(), 1, "{new}");
        assert!(above("price:").contains("a dollar without braces stays"), "{new}");
        assert!(above("count: 5").contains("5 is sent as it is"), "{new}");
        let parse = |text: &str| Config::parse("f", text, &|_| None).expect("loads").config;
        assert_eq!(parse(&new), parse(OLD));
        let without: String =
            new.lines().filter(|line| !line.trim_start().starts_with("# herald:")).map(|line| format!("{line}\n")).collect();
        assert_eq!(without, OLD, "nothing but notes is added");
    }
}
