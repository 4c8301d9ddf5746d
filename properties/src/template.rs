//! The template engine: no text makes it panic, and no rendering takes more than its limits.

use std::sync::LazyLock;

use herald_sinks::render::LIMITS;
use herald_template::{
    ExecError, Functions, Host, Limits, Template, Value,
    go::time::{Location, Time},
    sprig,
};
use herald_template_event::{ENHANCED_EVENT, EnhancedEvent};

use crate::{corpus, memory, place};

/// The name of every template here.
const NAME: &str = "template";
/// What stands in the output before a rendering.
const BEFORE: &[u8] = b"before";
/// Small limits, by which most texts are tried, since they are tried faster so.
const SMALL: Limits = Limits { output: 1 << 16, steps: 10_000, depth: 200 };
/// The limits of receivers, but for the steps: code that counts where it comes by is ten times slower.
const LARGE: Limits = Limits { steps: LIMITS.steps / 10, ..LIMITS };
/// What a rendering may hold in memory beside its output: the largest regular expressions, and the hash that is meant to take much.
const WORK: usize = 64 << 20;

/// A world that stands still.
struct Still;

impl Host for Still {
    fn now(&self) -> Time {
        Time::from_unix(1_800_000_000, 0, Location::Local)
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Every function that a configuration can allow, but for those that ask the network.
static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| Functions::new().with(sprig::functions()).with(sprig::environment()));

/// The recorded events, and one of zero values.
static EVENTS: LazyLock<Vec<EnhancedEvent>> =
    LazyLock::new(|| corpus::events().iter().map(EnhancedEvent::from_json).chain([EnhancedEvent::default()]).collect());

/// Parses, checks and renders a text.
///
/// An error points into the text. What the check refuses never renders. A rendering keeps to its limits, leaves the output alone when it fails, gives the
/// same once more, and leaves nothing in memory.
///
/// # Panics
/// When one of this does not hold.
pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let template = match Template::parse(NAME, &text, &FUNCTIONS) {
        Ok(template) => template,
        Err(error) => return place::assert_in_bytes(&text, error.line, error.column.checked_sub(1).expect("columns count from 1")),
    };
    let never_renders = match template.check(&ENHANCED_EVENT) {
        Ok(()) => false,
        Err(error) => {
            place::assert_in_bytes(&text, error.error.line, error.error.column);
            error.certain
        }
    };
    let limits = if text.len().is_multiple_of(8) { LARGE } else { SMALL };
    let event = &EVENTS[text.len() % EVENTS.len()];
    let first = memory::bounded(WORK + 32 * limits.output, || render(&template, event, limits));
    match &first {
        Ok(output) => {
            assert!(!never_renders, "the check refuses what renders");
            assert!(output.len() <= limits.output, "{} bytes of output", output.len());
        }
        Err(error) => place::assert_in_bytes(&text, error.line, error.column),
    }
    // The first time filled the caches.
    let (is_same, taken) = memory::measured(|| render(&template, event, limits) == first);
    assert!(is_same, "another rendering gives something else");
    assert_eq!(taken.bytes_current, 0, "bytes are left in memory");
}

fn render(template: &Template, event: &EnhancedEvent, limits: Limits) -> Result<Vec<u8>, ExecError> {
    let mut out = BEFORE.to_vec();
    let result = template.render(&mut out, Value::pointer_to(event), &Still, limits);
    assert!(out.starts_with(BEFORE), "the output's beginning was changed");
    let output = out.split_off(BEFORE.len());
    assert!(result.is_ok() || output.is_empty(), "a rendering that fails leaves output");
    result.map(|()| output)
}
