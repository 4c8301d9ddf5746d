//! The configuration: whatever the file holds, it is used or refused with places, and no variable's value is told.

use std::sync::LazyLock;

use bytes::Bytes;
use herald_common::config::{Config, Problem};
use herald_router::explain::Explainer;
use herald_sinks::{registry, render::Templates};
use serde_json::Value;

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

/// Loads a file, builds its rules and receivers, and takes an event through them.
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
    let loaded = match Config::parse("config.yaml", text, &lookup) {
        Ok(loaded) => loaded,
        Err(error) => {
            assert!(!error.problems.is_empty(), "refused without a reason");
            return error.problems.iter().for_each(|problem| assert_told_well(text, problem));
        }
    };
    loaded.mistakes.iter().chain(&loaded.warnings).for_each(|problem| assert_told_well(text, problem));
    let event = &EVENTS[text.len() % EVENTS.len()];
    let explanation = Explainer::new(&loaded.config).explain(event, None).expect("a recorded event is an event");
    for reason in &explanation.rules {
        assert_no_secret(&reason.because);
    }
    for name in &explanation.routed {
        assert!(loaded.config.receivers.iter().any(|receiver| receiver.name.value == *name), "routed to {name:?}, which is no receiver");
    }
    let templates = Templates::new(&herald_common::config::Templates { network: false, ..loaded.config.templates });
    // What building an HTTP client needs.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for receiver in &loaded.config.receivers {
        let built = match registry::build(receiver, &templates) {
            Ok(built) => built,
            Err(problem) => {
                assert_told_well(text, &problem);
                continue;
            }
        };
        built.mistakes.iter().for_each(|problem| assert_told_well(text, problem));
        match built.preview(event) {
            Ok(body) => {
                let sent: Value = serde_json::from_slice(&body).expect("what is sent is JSON");
                let has_layout = receiver.spec.get("layout").is_some_and(|layout| !matches!(layout.kind, herald_common::config::NodeKind::Null));
                let changes_keys = receiver.spec.get("deDot").is_some();
                assert!(has_layout || changes_keys || body == *event, "the event was changed: {sent}");
            }
            Err(refusal) => assert_no_secret(&refusal.reason),
        }
    }
}

/// Checks that a problem points into the file, if anywhere, and keeps secrets.
fn assert_told_well(text: &str, problem: &Problem) {
    if problem.line > 0 {
        place::assert_in_characters(text, problem.line, problem.column);
    }
    assert!(!problem.message.is_empty(), "a problem without words");
    assert_no_secret(&problem.to_string());
}

fn assert_no_secret(told: &str) {
    let found = SECRETS.iter().find(|secret| told.to_lowercase().contains(**secret));
    assert!(found.is_none(), "a variable's value is told: {told}");
}
