//! Logs: one line an event on standard error, pretty for people or JSON for machines, so that standard output belongs to the `stdout` receiver.
//!
//! Texts of others (events, answers of receivers, errors) are in the lines; what in them would end a line or steer a terminal is shown as an escape. A
//! panic is a line of the log like any other.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    panic::PanicHookInfo,
};

use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt as _,
    fmt::{
        self as log,
        format::{self, Writer},
    },
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    config::{LogFormat, LogLevel},
    text::{JsonLines, one_line},
};

/// Libraries whose details are of no use below this level. What `async_nats`'s connector says, the bus says with what to do about it.
const QUIET: &str = "async_nats=warn,async_nats::connector=off,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,h2=warn,tower=warn,\
                     kube_client=warn,kube_runtime=warn";

/// Starts logging; a second call in the same process changes nothing.
///
/// The environment variable `HERALD_LOG`, with tracing-subscriber's directives, adds to the level of the configuration.
pub fn init(level: LogLevel, format: LogFormat) {
    let directives = format!("{},{QUIET}", level.as_str());
    let extra = crate::env::var("HERALD_LOG").unwrap_or_default();
    let filter = EnvFilter::builder().parse_lossy(if extra.is_empty() { directives } else { format!("{directives},{extra}") });
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => {
            let writer = || JsonLines(io::stderr());
            registry.with(log::layer().with_writer(writer).json().flatten_event(true)).try_init()
        }
        LogFormat::Pretty => {
            let layer = log::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
            registry.with(layer.fmt_fields(format::debug_fn(field).delimited(" "))).try_init()
        }
    };
    match started {
        Ok(()) => std::panic::set_hook(Box::new(panicked)),
        Err(_) => tracing::debug!("logging runs already"),
    }
}

/// Writes a field of a line for people: the message as it is, the others with their names.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let text = one_line(&text);
    match field.name() {
        "message" => writer.write_str(&text),
        name if writer.has_ansi_escapes() => write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{text}"),
        name => write!(writer, "{name}={text}"),
    }
}

fn panicked(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let said = info.payload_as_str().unwrap_or("something that is no text");
    tracing::error!(thread, place, "panicked: {said}");
    let backtrace = std::backtrace::Backtrace::capture();
    if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
        tracing::error!(%backtrace, "panicked there");
    }
}
