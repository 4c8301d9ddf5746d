//! Every kind of receiver, one row each.

use std::time::Duration;

use herald_common::config::{Problem, Receiver};

use crate::{kinds, sink::Sink};

/// How a kind likes to be used; a receiver's options go first.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Most events in a batch.
    pub batch: usize,
    /// Most events in a batch that the kind's protocol can carry.
    pub max_batch: usize,
    /// Batches sent at a time.
    pub concurrency: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// A receiver ready to send.
pub struct Built {
    /// Its sending end.
    pub sink: Box<dyn Sink>,
    /// How its kind likes to be used.
    pub defaults: Defaults,
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
    /// What is odd about its configuration.
    pub warnings: Vec<Problem>,
}

/// A row: a kind's name and how a receiver of it is built, without touching the network.
type Row = (&'static str, fn(&Receiver) -> Result<Built, Problem>);

/// The kinds that are served.
pub const KINDS: &[Row] = &[("stdout", kinds::stdout::build), ("file", kinds::file::build), ("webhook", kinds::webhook::build)];

/// Builds a receiver.
///
/// # Errors
/// When its configuration cannot work, or its kind is not served yet.
pub fn build(receiver: &Receiver) -> Result<Built, Problem> {
    let Some((_, build)) = KINDS.iter().find(|(kind, _)| *kind == receiver.kind) else {
        let known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        return Err(receiver.spec.problem(format!(
            "receivers of kind {} are not served yet, served are {}",
            receiver.kind,
            known.join(", ")
        )));
    };
    if let Some(layout) = receiver.spec.get("layout") {
        return Err(layout.problem("layouts are not supported yet, remove it to get the whole event".to_owned()));
    }
    build(receiver)
}
