//! What a kind of receiver is to the rest, and how a receiver is built of its configuration. The kinds themselves are in [`kinds`].

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use herald_common::config::{Findings, Problem, Receiver};
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
    pub(crate) const fn served<Type: JsonSchema>(kind: &'static str, build: Build) -> Self {
        Self { kind, is_served: true, build, schema: schema::<Type> }
    }

    /// A kind that this build was made without, or that delivers nowhere.
    pub(crate) const fn left_out(kind: &'static str, build: Build) -> Self {
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

/// Refuses a kind that this build was made without; its keys cannot be looked at.
#[allow(dead_code, reason = "nothing is left out of a full build")]
pub(crate) fn refuse_left_out(keys: &mut Keys<'_>, feature: &str) -> Option<Built> {
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
    let built = match kinds::KINDS.iter().find(|row| row.kind == receiver.kind) {
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
