//! `receivers`: a name, options that every kind has, and exactly one kind whose own keys the sinks read.

use std::{collections::HashMap, fmt};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Located, Node, NodeKind, Period, Problem, Rate, decode, document::Key, problem::nearest};
use crate::subjects;

/// Every kind of receiver users' files may hold.
pub const KINDS: &[&str] = &[
    "stdout",
    "file",
    "pipe",
    "webhook",
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
}

/// Options of every receiver; what is left out has a default of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReceiverOptions {
    /// Whether every version of an event is delivered, or the first only.
    pub updates: Option<bool>,
    /// How often a message may be refused before it becomes a dead letter.
    pub max_attempts: Option<u32>,
    /// Batches sent at a time.
    pub concurrency: Option<usize>,
    /// Most events in a batch.
    pub batch: Option<usize>,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    /// Most events in a time.
    pub rate_limit: Option<Rate>,
}

const OPTION_KEYS: &[&str] = &["updates", "maxAttempts", "concurrency", "batch", "timeout", "rateLimit"];

/// Reads the list of receivers.
pub(super) fn read(list: &Node, errors: &mut Vec<Problem>, mistakes: &mut Vec<Problem>) -> Vec<Receiver> {
    match &list.kind {
        NodeKind::Seq(items) => items.iter().filter_map(|item| read_one(item, errors, mistakes)).collect(),
        NodeKind::Null => Vec::new(),
        _ => {
            errors.push(list.problem(format!("found {}, expected a list of receivers", list.found())));
            Vec::new()
        }
    }
}

fn read_one(node: &Node, errors: &mut Vec<Problem>, mistakes: &mut Vec<Problem>) -> Option<Receiver> {
    let NodeKind::Map(entries) = &node.kind else {
        errors.push(node.problem(format!("found {}, expected name and one kind of receiver", node.found())));
        return None;
    };
    let mut options = Vec::new();
    let mut kinds: Vec<&(Key, Node)> = Vec::new();
    for entry in entries {
        let key = entry.0.text.as_str();
        if key == "name" || OPTION_KEYS.contains(&key) {
            options.push(entry.clone());
        } else if KINDS.contains(&key) {
            kinds.push(entry);
        } else if matches!(entry.1.kind, NodeKind::Map(_)) {
            let meant = nearest(key, KINDS.iter().copied()).map(|kind| format!(", {kind} is probably meant")).unwrap_or_default();
            errors.push(Problem {
                line: entry.0.line,
                column: entry.0.column,
                path: entry.1.path.clone(),
                message: format!("unknown kind of receiver {key:?}{meant}; known are {}", KINDS.join(", ")),
            });
            return None;
        } else {
            mistakes.push(decode::unknown_key(&entry.0, &entry.1, OPTION_KEYS));
        }
    }
    let options = Node { kind: NodeKind::Map(options), ..node.clone() };
    let (options, name) = match (decode::decode::<ReceiverOptions>(&options), decode::decode::<Named>(&options)) {
        (Ok((options, _)), Ok((named, _))) => (options, named.name),
        (Err(problem), _) | (_, Err(problem)) => {
            errors.push(problem);
            return None;
        }
    };
    for (key, value) in [
        ("maxAttempts", options.max_attempts.map(u64::from)),
        ("concurrency", options.concurrency.map(|n| n as u64)),
        ("batch", options.batch.map(|n| n as u64)),
    ] {
        if value == Some(0) {
            errors.push(node.problem_at(key, "found 0, must be above 0".to_owned()).below(&node.path));
        }
    }
    match kinds[..] {
        [(key, spec)] => Some(Receiver { name, options, kind: key.text.clone(), spec: spec.clone() }),
        [] => {
            errors.push(node.problem(format!("receiver {:?} has no kind, add one of {}", name.value, KINDS.join(", "))));
            None
        }
        [_, second, ..] => {
            let all: Vec<&str> = kinds.iter().map(|(key, _)| key.text.as_str()).collect();
            errors.push(Problem {
                line: second.0.line,
                column: second.0.column,
                path: node.path.clone(),
                message: format!("receiver {:?} has several kinds ({}), make a receiver of each", name.value, all.join(", ")),
            });
            None
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Named {
    name: Located<String>,
}

impl Problem {
    /// Puts `parent` in front of the path.
    fn below(mut self, parent: &str) -> Self {
        self.path = format!("{parent}.{}", self.path);
        self
    }
}

/// Names must be there, differ, and differ on NATS too.
pub(super) fn check_names(receivers: &[Receiver], errors: &mut Vec<Problem>) {
    let mut seen: HashMap<String, &Receiver> = HashMap::new();
    for receiver in receivers {
        let name = &receiver.name;
        if name.value.is_empty() {
            errors.push(name.problem("the receiver's name is empty".to_owned()));
        } else if let Some(first) = seen.insert(subjects::name_part(&name.value), receiver) {
            errors.push(name.problem(format!(
                "receiver {:?} has the same name on NATS as {:?} on line {}, rename one",
                name.value, first.name.value, first.name.line
            )));
        }
    }
}
