//! Every kind of receiver, one row each.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use herald_common::config::{self, Findings, Problem, Receiver};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::{
    keys::Keys,
    kinds,
    render::{Body, Templates},
    sink::{Item, Refusal, Sink},
};

/// How a kind likes to be used; a receiver's options go first.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Most events in a batch.
    pub batch: usize,
    /// Most events in a batch that the kind's protocol can carry.
    pub max_batch: usize,
    /// Most bytes of bodies in a batch; an event that is larger alone is a batch of its own.
    pub max_bytes: usize,
    /// Batches sent at a time.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether a batch of several becomes one message that sums them up; with `rateLimit`, what waits for its turn is such a batch.
    pub summarises: bool,
}

/// A receiver ready to send.
pub struct Built {
    /// Its sending end.
    pub sink: Box<dyn Sink>,
    /// How its kind likes to be used.
    pub defaults: Defaults,
    /// What is sent of each event, for kinds that send one payload an event.
    pub(crate) body: Body,
}

/// A receiver ready to send, with what is odd about its configuration.
pub struct Ready {
    /// The receiver.
    pub built: Built,
    /// Keys that mean nothing, templates that fail on some events.
    pub mistakes: Vec<Problem>,
    /// What works, but may surprise.
    pub warnings: Vec<Problem>,
}

impl Built {
    /// Shows what would be sent of an event, given as JSON.
    ///
    /// # Errors
    /// When it is no event, or a template fails on it.
    pub fn preview(&self, json: &Bytes) -> Result<Bytes, Refusal> {
        self.sink.preview(&Item::new(json, None, "", &self.body)?)
    }
}

/// How a receiver of a kind is built of its keys, without touching the network; nothing only after an error was found.
type Build = fn(&mut Keys<'_>) -> Option<Built>;

/// A row: a kind's name, how it is built, and the schema of its keys.
#[derive(Clone, Copy)]
pub struct Row {
    /// The kind's name, its key in a receiver.
    pub kind: &'static str,
    /// Whether it is served, or only known.
    pub is_served: bool,
    build: Build,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Row {
    const fn served<Type: JsonSchema>(kind: &'static str, build: Build) -> Self {
        Self { kind, is_served: true, build, schema: schema::<Type> }
    }

    /// A kind that this build was made without, or that delivers nowhere.
    const fn left_out(kind: &'static str, build: Build) -> Self {
        Self { kind, is_served: false, build, schema: schema::<BTreeMap<String, Value>> }
    }

    /// The JSON Schema of the kind's keys.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

fn schema<Type: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Type>()
}

/// A kind that is served where a cargo feature is on, and otherwise refused by the feature's name.
macro_rules! with_feature {
    ($feature:literal, $kind:literal, $module:ident) => {{
        #[cfg(feature = $feature)]
        {
            Row::served::<kinds::$module::Config>($kind, kinds::$module::build)
        }
        #[cfg(not(feature = $feature))]
        {
            Row::left_out($kind, |keys| refuse_left_out(keys, $feature))
        }
    }};
}

/// The kinds.
pub const KINDS: &[Row] = &[
    Row::served::<kinds::stdout::Config>("stdout", kinds::stdout::build),
    Row::served::<kinds::file::Config>("file", kinds::file::build),
    Row::served::<kinds::webhook::Config>("webhook", kinds::webhook::build),
    Row::served::<kinds::pipe::Config>("pipe", kinds::pipe::build),
    Row::served::<kinds::elasticsearch::Config>("elasticsearch", kinds::elasticsearch::build),
    Row::served::<kinds::opensearch::Config>("opensearch", kinds::opensearch::build),
    Row::served::<kinds::loki::Config>("loki", kinds::loki::build),
    Row::served::<kinds::slack::Config>("slack", kinds::slack::build),
    Row::served::<kinds::teams::Config>("teams", kinds::teams::build),
    Row::served::<kinds::opsgenie::Config>("opsgenie", kinds::opsgenie::build),
    with_feature!("kafka", "kafka", kafka),
    with_feature!("aws", "kinesis", kinesis),
    with_feature!("aws", "firehose", firehose),
    with_feature!("aws", "sns", sns),
    with_feature!("aws", "sqs", sqs),
    with_feature!("aws", "eventbridge", eventbridge),
    with_feature!("aws", "opscenter", opscenter),
    with_feature!("gcp", "pubsub", pubsub),
    with_feature!("gcp", "bigquery", bigquery),
    Row::served::<kinds::syslog::Config>("syslog", kinds::syslog::build),
    with_feature!("otlp", "otlp", otlp),
    Row::left_out("inMemory", kinds::in_memory::refuse),
];

/// Every stage reads receivers, also those that are built without the kinds: they know them by name.
const _: () = {
    let mut at = 0;
    while at < KINDS.len() || at < config::KINDS.len() {
        let is_both = at < KINDS.len() && at < config::KINDS.len() && is_same(KINDS[at].kind, config::KINDS[at]);
        assert!(is_both, "a kind is a row here and, at the same place, a name in common/src/config/receiver.rs");
        at += 1;
    }
};

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Refuses a kind that this build was made without; its keys cannot be looked at.
#[allow(dead_code, reason = "nothing is left out of a full build")]
fn refuse_left_out(keys: &mut Keys<'_>, feature: &str) -> Option<Built> {
    let kind = &keys.receiver.kind;
    let message = format!(
        "receivers of kind {kind} are not part of this program, which was built without the cargo feature {feature}; \
         take the published one, or build with --features {feature}"
    );
    keys.error(keys.spec().problem(message));
    None
}

/// Builds a receiver.
///
/// # Errors
/// Everything that was found when its configuration cannot work, or its kind is not served.
pub fn build(receiver: &Receiver, templates: &Templates) -> Result<Ready, Findings> {
    let mut keys = Keys::new(receiver, templates);
    let built = match KINDS.iter().find(|row| row.kind == receiver.kind) {
        Some(row) => (row.build)(&mut keys),
        None => {
            keys.error(receiver.spec.problem(format!("receivers of kind {} are not known", receiver.kind)));
            None
        }
    };
    match built {
        Some(built) if keys.findings.errors.is_empty() => {
            if let Some(batch) = receiver.options.batch.as_ref().filter(|batch| batch.value > built.defaults.max_batch) {
                let message = format!(
                    "found {}, which is more than {} can carry; {} is used",
                    batch.found(),
                    receiver.kind,
                    built.defaults.max_batch
                );
                keys.findings.warnings.push(batch.problem(message));
            }
            let Findings { mistakes, warnings, .. } = keys.findings;
            Ok(Ready { built, mistakes, warnings })
        }
        _ => Err(keys.findings),
    }
}

#[cfg(test)]
mod tests {
    use herald_common::config::Config;

    use super::*;

    #[test]
    fn a_kind_that_was_left_out_is_refused_by_its_feature_and_nothing_else() {
        let text = "receivers: [{name: r, kafka: {zzz: 1, topic: [1]}}]";
        let receiver = Config::parse("c", text, &|_| None).expect("loads").config.receivers.remove(0);
        let templates = Templates::default();
        let mut keys = Keys::new(&receiver, &templates);
        let row = Row::left_out("kafka", |keys| refuse_left_out(keys, "some-feature"));
        assert!((row.build)(&mut keys).is_none());
        let told: Vec<String> = keys.findings.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["1:30: receivers[0].kafka: receivers of kind kafka are not part of this program, which was built without the cargo \
              feature some-feature; take the published one, or build with --features some-feature"]
        );
    }
}
