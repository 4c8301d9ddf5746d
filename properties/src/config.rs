//! The configuration: whatever the file holds, it is used or refused with places, and no variable's value is told.

use std::sync::LazyLock;

use bytes::Bytes;
use herald_common::config::{Config, Findings, NodeKind, Receiver};
use herald_router::explain::Explainer;
use herald_sinks::{
    registry::{self, Built, Ready},
    render::Templates,
};
use serde::de::IgnoredAny;

use crate::{corpus, memory, place};

/// Parts of the variables' values, by which they are recognised.
const SECRETS: [&str; 2] = ["hunter2x", "900913377"];

/// The variables that a file may use.
pub(crate) const VARIABLES: [(&str, &str); 6] = [
    ("TOKEN", "hunter2x"),
    ("NUMBER", "900913377"),
    ("LINES", "hunter2x: \"#'\n- {x"),
    ("TEMPLATE", "{{ .Hunter2x }}{{ fail \"hunter2x\" }}"),
    ("PATTERN", "*hunter2x("),
    ("ADDRESS", "https://user:hunter2x@[::1/?token=hunter2x"),
];

/// What reading a file and building its receivers may take beside what the file's length asks for: TLS knows many authorities.
const WORK: usize = 64 << 20;

/// The recorded events as they are exported.
static EVENTS: LazyLock<Vec<Bytes>> = LazyLock::new(|| corpus::events().iter().map(|event| Bytes::from(event.to_string())).collect());

/// Loads a file, builds its rules and receivers as far as they can be built, and takes an event through them.
///
/// Every problem points into the file, and none tells a variable's value. A layout gives JSON; without one the event goes out as it came.
///
/// # Panics
/// When one of this does not hold.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if SECRETS.iter().any(|secret| text.to_lowercase().contains(secret)) {
        return;
    }
    memory::bounded(WORK + 4_096 * text.len(), || load(&text));
}

fn lookup(name: &str) -> Option<String> {
    VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn load(text: &str) {
    let (config, findings) = Config::examine(text, &lookup);
    let is_usable = findings.errors.is_empty();
    assert_told_well(text, findings);
    let templates = Templates::new(&herald_common::config::Templates { network: false, ..config.templates });
    // What building an HTTP client needs.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let event = &EVENTS[text.len() % EVENTS.len()];
    for receiver in config.receivers.iter().filter(|receiver| receiver.spec.is_known()) {
        match registry::build(receiver, &templates) {
            Ok(Ready { built, mistakes, warnings }) => {
                assert_told_well(text, Findings { mistakes, warnings, ..Findings::default() });
                preview(receiver, &built, event);
            }
            Err(findings) => {
                assert!(!findings.errors.is_empty(), "refused without a reason");
                assert_told_well(text, findings);
            }
        }
    }
    if is_usable {
        route(&config, event);
    }
}

/// Shows what a receiver would be sent of an event; of kinds that send events as they are: JSON, and the event itself unless the configuration says otherwise.
fn preview(receiver: &Receiver, built: &Built, event: &Bytes) {
    match built.preview(event) {
        Ok(body) => {
            // Other kinds wrap the event in what their protocol wants.
            if !["stdout", "file", "pipe", "webhook"].contains(&receiver.kind.as_str()) {
                return;
            }
            serde_json::from_slice::<IgnoredAny>(&body).expect("what is sent is JSON");
            let is_set = |key: &str| receiver.spec.get(key).is_some_and(|node| !matches!(node.kind, NodeKind::Null));
            assert!(is_set("layout") || is_set("deDot") || body == *event, "the event was changed: {body:?}");
        }
        Err(refusal) => assert_no_secret(&refusal.reason),
    }
}

fn route(config: &Config, event: &Bytes) {
    let explanation = Explainer::new(config).explain(event, None).expect("a recorded event is an event");
    for reason in &explanation.rules {
        assert_no_secret(&reason.because);
    }
    for name in &explanation.routed {
        assert!(config.receivers.iter().any(|receiver| receiver.name.value == *name), "routed to {name:?}, which is no receiver");
    }
}

/// Checks that what was found points into the file, if anywhere, and keeps secrets.
fn assert_told_well(text: &str, Findings { errors, mistakes, warnings, notes }: Findings) {
    for problem in [errors, mistakes, warnings, notes].concat() {
        if problem.line > 0 {
            place::assert_in_characters(text, problem.line, problem.column);
        }
        assert!(!problem.message.is_empty(), "a problem without words");
        assert_no_secret(&problem.to_string());
    }
}

fn assert_no_secret(told: &str) {
    let found = SECRETS.iter().find(|secret| told.to_lowercase().contains(**secret));
    assert!(found.is_none(), "a variable's value is told: {told}");
}
