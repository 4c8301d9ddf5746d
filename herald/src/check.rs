//! `herald check`: what is wrong with a configuration, and what becomes of an event under it.
//!
//! In go a file and, if asked, events; out go findings, explanations and the bytes receivers would be sent. Nothing is connected to and nothing is
//! delivered. Errors are what Herald does not start with, and what it starts with although it cannot be meant (an unknown key, a pattern that never matches).
//! A note is no complaint and decides nothing.

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use herald_common::{
    config::{self, Config, Problem},
    env,
    event::{EnrichedEvent, to_go_json},
    text::one_line,
};
use herald_router::explain::{Explainer, Explanation};
use herald_sinks::{
    registry::{self, Built, Ready},
    render::Templates,
};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// The configuration file, or `-` for standard input
    #[arg(value_name = "FILE", env = "HERALD_CONF", default_value = "config.yaml")]
    file: PathBuf,
    /// Exit with 1 when there are warnings
    #[arg(long)]
    strict: bool,
    /// Tell what becomes of the events in this file, one JSON object after the other (`-` for standard input): those that receivers got, or `kubectl get events -o json`
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// How findings are printed
    #[arg(short, long, value_enum, default_value = "pretty")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Pretty,
    /// One JSON object; with --event one for each event
    Json,
}

/// The exit code when the configuration, or what was asked, cannot be used.
pub(crate) const UNUSABLE: u8 = 2;

/// What was found in a file.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) notes: Vec<Problem>,
    /// The configuration and its receivers, when it can be used.
    usable: Option<(Config, Receivers)>,
}

/// Receivers by name, or why they cannot be built.
type Receivers = Vec<(String, Result<Built, String>)>;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let name = if args.file == Path::new("-") { "standard input".to_owned() } else { args.file.display().to_string() };
    let findings = match read(&args.file) {
        Ok(bytes) => config::text(bytes).map_or_else(Findings::of, |text| examine(&text)),
        Err(error) => Findings::of(Problem::general(format!("cannot read the file: {error}; name it as argument or by HERALD_CONF"))),
    };
    match (&args.event, args.output) {
        (None, Output::Pretty) => print(&mut io::stdout().lock(), &pretty(&name, &findings))?,
        (None, Output::Json) => print(&mut io::stdout().lock(), &format!("{}\n", as_json(&name, &findings)))?,
        (Some(events), output) => {
            // Standard output is for the explanations.
            print(&mut io::stderr().lock(), &pretty(&name, &findings))?;
            explain_all(&findings, events, output)?;
        }
    }
    Ok(match &findings {
        Findings { errors, .. } if !errors.is_empty() => ExitCode::from(UNUSABLE),
        Findings { warnings, .. } if args.strict && !warnings.is_empty() => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    })
}

pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(path)
}

/// A reader that goes away, such as `head`, is no error.
pub(crate) fn print(out: &mut dyn io::Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

impl Findings {
    /// The one error of a file of which nothing can be read.
    fn of(error: Problem) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }
}

/// Looks for everything that is wrong with a configuration.
pub(crate) fn examine(text: &str) -> Findings {
    let (config, mut all) = Config::examine(text, &|variable| env::var(variable));
    let usable = all.errors.is_empty();
    let templates = Templates::new(&config.templates);
    let mut receivers = Vec::new();
    // What depends on a variable that is not set says nothing more.
    for receiver in config.receivers.iter().filter(|receiver| receiver.spec.is_known()) {
        let built = match registry::build(receiver, &templates) {
            Ok(Ready { built, mistakes, warnings }) => {
                all.extend(config::Findings { mistakes, warnings, ..config::Findings::default() });
                Ok(built)
            }
            Err(found) => {
                let why = found.errors.first().map(|error| error.message.clone()).unwrap_or_default();
                all.extend(found);
                Err(why)
            }
        };
        receivers.push((receiver.name.value.clone(), built));
    }
    let config::Findings { mut errors, mistakes, mut warnings, notes } = all;
    errors.extend(mistakes);
    errors.sort_by_key(|problem| (problem.line, problem.column));
    warnings.sort_by_key(|problem| (problem.line, problem.column));
    Findings { errors, warnings, notes, usable: usable.then_some((config, receivers)) }
}

fn pretty(name: &str, findings: &Findings) -> String {
    let Findings { errors, warnings, notes, usable } = findings;
    let mut all: Vec<(&Problem, &str)> = errors.iter().map(|error| (error, "error")).collect();
    all.extend(warnings.iter().map(|warning| (warning, "warning")));
    all.sort_by_key(|(problem, _)| (problem.line, problem.column));
    if errors.is_empty() {
        all.extend(notes.iter().map(|note| (note, "note")));
    }
    let mut text = String::new();
    for (Problem { line, column, path, message }, severity) in all {
        let place = if *line > 0 { format!("{name}:{line}:{column}") } else { name.to_owned() };
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        text.push_str(&format!("{place}: {severity}: {path}{message}\n"));
    }
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    text.push_str(&match usable {
        Some((config, _)) if errors.is_empty() && warnings.is_empty() => {
            format!("{name}: good, {}\n", count(config.receivers.len(), "receiver"))
        }
        _ => format!("{name}: {}, {}\n", count(errors.len(), "error"), count(warnings.len(), "warning")),
    });
    text
}

fn as_json(name: &str, findings: &Findings) -> Value {
    let list = |problems: &[Problem]| -> Vec<Value> {
        let one =
            |Problem { line, column, path, message }: &Problem| json!({"line": line, "column": column, "path": path, "message": message});
        problems.iter().map(one).collect()
    };
    json!({"file": name, "errors": list(&findings.errors), "warnings": list(&findings.warnings), "notes": list(&findings.notes)})
}

fn explain_all(findings: &Findings, events: &Path, output: Output) -> anyhow::Result<()> {
    let Some((config, receivers)) = &findings.usable else { return Ok(()) };
    let explainer = Explainer::new(config);
    let text = read(events).with_context(|| format!("cannot read the events in {}", events.display()))?;
    let text = String::from_utf8(text).with_context(|| format!("{} is not UTF-8", events.display()))?;
    for event in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let event = event.with_context(|| format!("{} holds no JSON", events.display()))?;
        let items = match &event {
            Value::Object(list) if list.get("items").is_some_and(Value::is_array) => event["items"].as_array().cloned().unwrap_or_default(),
            _ => vec![event],
        };
        for item in items {
            let enriched: EnrichedEvent =
                serde_json::from_value(item).with_context(|| format!("{} holds what is no event", events.display()))?;
            let payload = to_go_json(&enriched)?;
            let explanation = explainer.explain(&payload, None)?;
            let deliveries = deliveries(&explanation, receivers, &payload.into());
            let shown = match output {
                Output::Json => format!("{}\n", explanation_json(&explanation, &deliveries)),
                Output::Pretty => explanation_pretty(&enriched, &explanation, &deliveries),
            };
            print(&mut io::stdout().lock(), &shown)?;
        }
    }
    Ok(())
}

/// A receiver and what it would be sent.
type Delivery<'a> = (&'a str, Result<String, String>);

fn deliveries<'a>(explanation: &'a Explanation, receivers: &Receivers, payload: &bytes::Bytes) -> Vec<Delivery<'a>> {
    let mut all: Vec<Delivery<'a>> = Vec::new();
    for name in &explanation.routed {
        if all.iter().any(|(known, _)| known == name) {
            continue;
        }
        let body = match receivers.iter().find(|(known, _)| known == name) {
            None => Err("the configuration has no such receiver".to_owned()),
            Some((_, Err(why))) => Err(why.clone()),
            Some((_, Ok(built))) => built.preview(payload).map_err(|refusal| refusal.reason),
        };
        all.push((name, body.map(|body| String::from_utf8_lossy(&body).into_owned())));
    }
    all
}

fn explanation_json(explanation: &Explanation, deliveries: &[Delivery<'_>]) -> Value {
    let delivery = |(receiver, body): &Delivery<'_>| match body {
        Ok(body) => json!({"receiver": receiver, "body": body}),
        Err(error) => json!({"receiver": receiver, "error": error}),
    };
    let rules = explanation.rules.iter().map(|rule| json!({"path": rule.path, "matched": rule.matched, "because": rule.because}));
    json!({
        "routed": explanation.routed,
        "deliveries": deliveries.iter().map(delivery).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
    })
}

fn explanation_pretty(enriched: &EnrichedEvent, explanation: &Explanation, deliveries: &[Delivery<'_>]) -> String {
    let colours = io::stdout().is_terminal() && env::var("NO_COLOR").is_none();
    let bold = |text: &str| if colours { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let (event, object) = (&enriched.event, &enriched.event.involved_object);
    let about = if object.namespace.is_empty() { object.name.clone() } else { format!("{}/{}", object.namespace, object.name) };
    let mut text = format!("{}\n", bold(&one_line(&format!("{} {} {} {about}", event.type_, event.reason, object.kind))));
    let width = explanation.rules.iter().map(|rule| rule.path.len()).max().unwrap_or(0);
    for rule in &explanation.rules {
        let verdict = if rule.matched { "matches" } else { "no" };
        let to = rule.receiver.as_ref().filter(|_| rule.matched).map(|receiver| format!(" -> {receiver}")).unwrap_or_default();
        text.push_str(&format!("  {:<width$}  {verdict:<7}  {}{to}\n", rule.path, one_line(&rule.because)));
    }
    if deliveries.is_empty() {
        text.push_str("  no receiver gets it\n");
    }
    for (receiver, body) in deliveries {
        let hits = explanation.routed.iter().filter(|name| name == receiver).count();
        let note = if hits > 1 { format!(" (named {hits} times, delivered once)") } else { String::new() };
        let shown = match body {
            Ok(body) => body.clone(),
            Err(error) => format!("cannot be delivered: {error}"),
        };
        let shown: String = shown.trim_end().lines().map(|line| format!("{}\n", one_line(line))).collect();
        text.push_str(&format!("{}{note}\n{shown}", bold(&format!("to {receiver}:"))));
    }
    text.push('\n');
    text
}
