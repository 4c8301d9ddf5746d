//! `receivers`: a name, options that every kind has, and exactly one kind whose own keys the sinks read.

use std::{collections::HashMap, fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{Findings, Located, Node, NodeKind, Period, Problem, Rate, decode, document::Key, nearest};
use crate::subjects;

/// Every kind of receiver users' files may hold, in the order of the sinks' registry. It is here because every stage reads the same file and
/// says the same of a kind that is none, and only the sinks are built with the kinds.
pub const KINDS: &[&str] = &[
    "stdout",
    "file",
    "webhook",
    "pipe",
    "elasticsearch",
    "opensearch",
    "loki",
    "slack",
    "teams",
    "opsgenie",
    "kafka",
    "kinesis",
    "firehose",
    "sns",
    "sqs",
    "eventbridge",
    "opscenter",
    "pubsub",
    "bigquery",
    "syslog",
    "otlp",
    "inMemory",
];

/// Kinds that page or chat: by default they get only the first version of an event.
const FIRST_ONLY: &[&str] = &["slack", "teams", "opsgenie", "opscenter"];

/// A receiver; two are equal when they say the same, wherever they stand.
#[derive(Clone, PartialEq)]
pub struct Receiver {
    /// Its name, by which rules call it.
    pub name: Located<String>,
    /// What every kind has.
    pub options: ReceiverOptions,
    /// Its kind, one of [`KINDS`].
    pub kind: String,
    /// The kind's own keys.
    pub spec: Node,
}

/// Which of the kind's keys are secret is not known here, so none is printed.
impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("name", &self.name.value).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Tells whether it gets every version of an event, or the first only.
    #[must_use]
    pub fn wants_updates(&self) -> bool {
        self.options.updates.unwrap_or(!FIRST_ONLY.contains(&self.kind.as_str()))
    }

    /// Returns how long one attempt may take, or the kind's own time.
    #[must_use]
    pub fn timeout_or(&self, default: Duration) -> Duration {
        self.options.timeout.map_or(default, |timeout| timeout.0)
    }
}

/// Options of every receiver; what is left out has a default of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReceiverOptions {
    /// Whether every version of an event is delivered, or the first only.
    pub updates: Option<bool>,
    /// How often a message may be refused before it becomes a dead letter.
    #[schemars(extend("default" = 10))]
    pub max_attempts: Option<u32>,
    /// Batches sent at a time.
    pub concurrency: Option<usize>,
    /// Most events in a batch.
    pub batch: Option<Located<usize>>,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    /// Most events in a time.
    pub rate_limit: Option<Rate>,
}

const OPTION_KEYS: &[&str] = &["updates", "maxAttempts", "concurrency", "batch", "timeout", "rateLimit"];

/// More batches at a time, or events in a batch, than could be meant.
const MOST_BATCHES: usize = 1_000;
const MOST_EVENTS: usize = 100_000;

/// Leaves the receivers out where the rest of the file is decoded: each is read for itself, by [`read`].
pub(super) fn apart<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Receiver>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Vec::new())
}

/// Reads the list of receivers.
pub(super) fn read(list: &Node, findings: &mut Findings) -> Vec<Receiver> {
    match &list.kind {
        NodeKind::Seq(items) => items.iter().filter_map(|item| read_one(item, findings)).collect(),
        NodeKind::Null | NodeKind::Unknown => Vec::new(),
        _ => {
            findings
                .errors
                .push(list.problem(format!("found {}, expected a list of receivers, each with a name and a kind", list.found())));
            Vec::new()
        }
    }
}

/// The names of the receivers, also of those that cannot be used; nothing when they are not all known.
pub(super) fn names(list: Option<&Node>) -> Option<Vec<&Node>> {
    let items = match list.map(|list| &list.kind) {
        Some(NodeKind::Seq(items)) => items.as_slice(),
        None | Some(NodeKind::Null) => &[],
        Some(_) => return None,
    };
    items.iter().map(|item| item.get("name").filter(|name| name.text().is_some())).collect()
}

fn read_one(node: &Node, findings: &mut Findings) -> Option<Receiver> {
    let NodeKind::Map(entries) = &node.kind else {
        findings.errors.push(node.problem(format!("found {}, expected name and one kind of receiver", node.found())));
        return None;
    };
    let (mut own, mut kinds, mut unknown) = (Vec::new(), Vec::new(), false);
    for entry in entries.iter().filter(|(key, _)| key.text != "name") {
        let (key, value) = entry;
        if OPTION_KEYS.contains(&key.text.as_str()) {
            own.push(entry.clone());
        } else if KINDS.contains(&key.text.as_str()) {
            kinds.push(entry);
        } else if is_meant_for_a_kind(key, value) {
            unknown = true;
            findings.errors.push(unknown_kind(key, value));
        } else {
            findings.mistakes.push(decode::unknown_key(key, value, OPTION_KEYS));
        }
    }
    let name: Option<Located<String>> = match node.get("name") {
        Some(name) => name.read(findings),
        None => {
            findings.errors.push(node.problem("name is missing, add one that rules can call".to_owned()));
            None
        }
    };
    let shown = name.as_ref().map_or_else(String::new, |name| format!(" {}", name.found()));
    let options = read_options(&Node { kind: NodeKind::Map(own), ..node.clone() }, findings);
    let receiver = match kinds[..] {
        [(key, spec)] => name.map(|name| Receiver { name, options, kind: key.text.clone(), spec: spec.clone() }),
        [] if unknown => None,
        [] => {
            findings.errors.push(node.problem(format!("receiver{shown} has no kind, add one of {}", KINDS.join(", "))));
            None
        }
        [_, second, ..] => {
            let all: Vec<&str> = kinds.iter().map(|(key, _)| key.text.as_str()).collect();
            findings.errors.push(Problem {
                line: second.0.line,
                column: second.0.column,
                path: node.path.clone(),
                message: format!("receiver{shown} has several kinds ({}), make a receiver of each", all.join(", ")),
            });
            None
        }
    };
    receiver.filter(|_| !unknown)
}

/// Tells whether an unknown key is more likely a kind of receiver than an option.
fn is_meant_for_a_kind(key: &Key, value: &Node) -> bool {
    match &value.kind {
        NodeKind::Map(_) => true,
        _ if nearest(&key.text, OPTION_KEYS.iter().copied().chain(["name"])).is_some() => false,
        NodeKind::Null => true,
        _ => nearest(&key.text, KINDS.iter().copied()).is_some(),
    }
}

fn unknown_kind(key: &Key, value: &Node) -> Problem {
    let advice = nearest(&key.text, KINDS.iter().copied())
        .map_or_else(|| format!("known are {}", KINDS.join(", ")), |kind| format!("{kind} is probably meant"));
    Problem {
        line: key.line,
        column: key.column,
        path: value.path.clone(),
        message: format!("unknown kind of receiver {:?}, {advice}", key.shown),
    }
}

fn read_options(node: &Node, findings: &mut Findings) -> ReceiverOptions {
    let options: ReceiverOptions = node.read(findings).unwrap_or_default();
    let mut require = |holds: bool, key: &str, message: &str| {
        if !holds {
            findings.errors.push(node.unfit(key, message));
        }
    };
    let within = |value: Option<usize>, most: usize| value.is_none_or(|value| (1..=most).contains(&value));
    require(options.max_attempts != Some(0), "maxAttempts", "must be above 0");
    require(within(options.concurrency, MOST_BATCHES), "concurrency", &format!("must be from 1 to {MOST_BATCHES}"));
    require(within(options.batch.as_ref().map(|batch| batch.value), MOST_EVENTS), "batch", &format!("must be from 1 to {MOST_EVENTS}"));
    require(options.timeout.is_none_or(|timeout| !timeout.0.is_zero()), "timeout", "must be above 0");
    options
}

/// Names must be there, differ, and differ on NATS too.
pub(super) fn check_names(receivers: &[Receiver], errors: &mut Vec<Problem>) {
    let mut seen: HashMap<String, &Located<String>> = HashMap::new();
    for name in receivers.iter().map(|receiver| &receiver.name) {
        if name.value.is_empty() {
            errors.push(name.problem("found an empty name, give the receiver one that rules can call".to_owned()));
            continue;
        }
        let first = *seen.entry(subjects::name_part(&name.value)).or_insert(name);
        if std::ptr::eq(first, name) {
            continue;
        }
        let (found, other, line) = (name.found(), first.found(), first.line);
        errors.push(name.problem(if first.value == name.value {
            format!("found {found}, which is the name of the receiver on line {line} too; rename one")
        } else {
            format!("found {found}, which on NATS is the same name as {other} on line {line}; rename one")
        }));
    }
}
