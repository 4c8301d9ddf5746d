//! Events made by somebody who means harm: they are delivered as they are, or named by a gap marker, and do nothing else.

use std::{collections::BTreeSet, process::Command};

use anyhow::{Context as _, Result, ensure};
use herald_common::{
    CancellationToken,
    bus::{Bus, Stream, inspect::From},
    config::Nats,
    health::Health,
};
use herald_testkit::{apiserver::ApiServer, process::Process, skip_unless, stage, tools::Tool, wait};
use serde_json::{Value, json};

use crate::harness::{BOUND, Pipeline, STAGES, identity, namespace};

/// Ends a line and begins another, clears a terminal, colours it, turns its text around; a template, a variable, a format.
const INJECTION: &str = "x\n2026-01-01T00:00:00.000000Z ERROR herald: forged\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\n\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{7f}\u{202e}\u{0} {{ .Reason }} {{ env \"HOME\" }} ${HOME} $HOME %s %n {} \\ \" '";

/// An event with one text in every place that takes any.
fn filled(name: &str, text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "shop", "labels": {text: text}, "annotations": {text: text}},
        "reason": text, "message": text, "type": text, "action": text, "reportingComponent": text, "reportingInstance": text,
        "source": {"component": text, "host": text},
        "involvedObject": {"kind": text, "namespace": text, "name": text, "uid": text, "apiVersion": text, "resourceVersion": text, "fieldPath": text},
        "related": {"kind": text, "name": text}
    })
}

/// An ordinary event with one text, by its path, replaced.
fn with(name: &str, path: &str, value: Value) -> Value {
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "shop"}, "reason": "Tested", "message": "m", "type": "Normal",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web", "uid": name, "apiVersion": "v1", "resourceVersion": "1"}
    });
    let (parent, key) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(parent) = event.pointer_mut(parent) {
        parent[key] = value;
    }
    event
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("x"), |inner, _| json!([inner]))
}

fn hostile() -> Vec<Value> {
    let mut events = vec![
        filled("injection", INJECTION),
        filled("wildcards", "a.b.*.>"),
        filled("spaces", " \t "),
        filled("slashes", "../../../x?y#z%2e"),
    ];
    let huge = "ü".repeat(50_000);
    for path in [
        "/involvedObject/uid",
        "/involvedObject/resourceVersion",
        "/involvedObject/apiVersion",
        "/involvedObject/kind",
        "/involvedObject/name",
        "/involvedObject/namespace",
        "/involvedObject/fieldPath",
        "/reason",
        "/type",
        "/message",
        "/source",
        "/metadata/labels",
    ] {
        let value = match path {
            "/source" => json!({"component": huge, "host": huge}),
            "/metadata/labels" => {
                (0..2_000).map(|number| (format!("label-{number}"), json!("x".repeat(60)))).collect::<serde_json::Map<_, _>>().into()
            }
            _ => json!(huge),
        };
        events.push(with(&format!("huge{}", path.replace('/', "-").to_lowercase()), path, value));
    }
    events.push(with("larger-than-a-message", "/message", json!("x".repeat(1_100_000))));
    events.push(with("deep", "/unknown", nested(100)));
    events.push(with("deeper", "/unknown", nested(120)));
    for (number, value) in [json!(null), json!(-1), json!(1e300), json!("x"), json!([]), json!({})].into_iter().enumerate() {
        for (at, path) in
            ["/count", "/involvedObject", "/firstTimestamp", "/series", "/metadata/labels", "/message"].into_iter().enumerate()
        {
            events.push(with(&format!("odd-{number}-{at}"), path, value.clone()));
        }
    }
    events
}

async fn bus(pipeline: &Pipeline) -> Result<Bus> {
    let settings = Nats { url: Some(pipeline.nats.url()), ..Nats::default() };
    Bus::connect(&settings, "test", Health::default().condition("nats"), &CancellationToken::new()).await
}

fn acts(c: char) -> bool {
    (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)
}

/// Each line of a log is one event of it, and shows what would act.
fn is_clean(log: &str, format: &str) -> Result<()> {
    for line in log.lines() {
        ensure!(!line.contains(acts), "a character acts in {line:?}");
        let begins = if format == "json" {
            serde_json::from_str::<Value>(line).is_ok_and(|entry| entry["level"].is_string() && entry["target"].is_string())
        } else {
            let words: Vec<&str> = line.split_whitespace().take(3).collect();
            let is_level = |word: &str| ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&word);
            words.len() == 3 && words[0].len() == 27 && words[0].ends_with('Z') && is_level(words[1]) && words[2] != "herald:"
        };
        ensure!(begins, "no line of a {format} log: {line:?}");
    }
    Ok(())
}

async fn everything_passes(format: &str) -> Result<()> {
    let api = ApiServer::start().await?;
    let kubeconfig = api.kubeconfig()?;
    namespace(&api.client()?, "shop").await?;
    // The second receiver's template fails with the event's words, which the log then repeats.
    let config = format!(
        "clusterName: e2e\nlogLevel: trace\nlogFormat: {format}\nmaxEventAgeSeconds: 1000000000\nshutdownGrace: 5s\n\
         route: {{match: [{{receiver: out}}, {{receiver: odd, message: forged}}]}}\n\
         receivers: [{{name: out, file: {{path: OUT}}}}, {{name: odd, file: {{path: OUT, layout: {{a: '{{{{ fail .Message }}}}'}}}}}}]\n"
    );
    let pipeline = Pipeline::launch(&[&kubeconfig; 4], 1, &config).await?;
    let bus = bus(&pipeline).await?;
    let mut wanted = Vec::new();
    for event in hostile() {
        wanted.push(identity(&api.put(event)?));
    }
    let last = identity(&api.put(with("last", "/message", json!("the last")))?);
    pipeline.wait_for(std::slice::from_ref(&last)).await.context("what comes after is delivered")?;
    // Each is delivered, or named.
    let named = || async {
        let (delivered, mut named) = (pipeline.delivered(), String::new());
        let read =
            bus.read_back(&Stream::Gap, Vec::new(), From::Beginning, |gap| named.push_str(&String::from_utf8_lossy(&gap.payload))).await;
        let missing: Vec<&String> =
            wanted.iter().filter(|identity| !delivered.contains_key(*identity) && !named.contains(identity.as_str())).collect();
        (read.is_ok() && missing.is_empty()).then_some(())
    };
    wait::some("each event to be delivered or named by a gap marker", BOUND, named).await?;
    let delivered = pipeline.delivered();
    for (event, identity) in hostile().iter().zip(&wanted) {
        let name = event["metadata"]["name"].as_str().unwrap_or_default();
        let is_an_event = name != "larger-than-a-message" && !name.starts_with("odd");
        ensure!(!is_an_event || delivered.contains_key(identity), "{name} is not delivered");
    }
    let injected: Value = serde_json::from_str(&delivered[&wanted[0]].1)?;
    ensure!(injected["message"] == INJECTION && injected["involvedObject"]["kind"] == INJECTION, "delivered as it is: {injected}");

    // A subject has as many tokens as it should, and nothing in it acts.
    for (stream, tokens) in [(Stream::Raw, 6), (Stream::Enriched, 7)] {
        let subjects: Vec<String> = bus.subject_counts(&stream).await?.into_keys().collect();
        let odd: Vec<&String> =
            subjects.iter().filter(|subject| subject.split('.').count() != tokens || subject.contains(char::is_control)).collect();
        ensure!(odd.is_empty() && subjects.len() > 5, "{odd:?}");
    }

    let mut tail = Command::new(stage::bin("herald")?);
    tail.args(["tail", "--no-follow", "--from", "all", "--nats", &pipeline.nats.url()]);
    let tail = Process::spawn("herald tail", &tail, None)?;
    ensure!(tail.exited(BOUND).await?.success());
    let forged: Vec<String> = tail.output().into_iter().filter(|line| line.contains(acts) || line.starts_with("2026-01-01T")).collect();
    ensure!(forged.is_empty(), "{forged:?}");
    let spoken_of = || async { pipeline.printed("herald-sinks").contains("forged") };
    wait::until("a log to speak of the event", BOUND, spoken_of).await?;
    let logs: Vec<String> = STAGES.iter().map(|name| pipeline.printed(name)).collect();
    for log in &logs {
        is_clean(log, format)?;
        ensure!(!log.contains("connection to NATS lost"), "an event cost a stage its connection");
    }
    Ok(())
}

#[tokio::test]
async fn whatever_an_event_holds_passes_and_a_json_log_stays_one() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    everything_passes("json").await
}

#[tokio::test]
async fn whatever_an_event_holds_passes_and_a_pretty_log_stays_one() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    everything_passes("pretty").await
}

/// The names and labels of a stage's series.
async fn series(pipeline: &Pipeline) -> Result<Vec<BTreeSet<String>>> {
    let mut all = Vec::new();
    for stage in &pipeline.stages {
        let page = stage.metrics().await?;
        all.push(page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect());
    }
    Ok(all)
}

#[tokio::test]
async fn events_make_no_series() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let api = ApiServer::start().await?;
    let kubeconfig = api.kubeconfig()?;
    namespace(&api.client()?, "shop").await?;
    let rules = "route: {drop: [{reason: ^dropped}], match: [{receiver: out}]}\nreceivers: [{name: out, file: {path: OUT}}]\n";
    let pipeline =
        Pipeline::launch(&[&kubeconfig; 4], 1, &format!("maxEventAgeSeconds: 1000000000\nkubeQPS: 10000\nkubeBurst: 10000\n{rules}"))
            .await?;
    // What a rule or a reason brings comes with the first event it is about.
    let first = [api.put(filled("first", "dropped"))?, api.put(with("second", "/message", json!("m")))?];
    pipeline.wait_for(&[identity(&first[1])]).await?;
    let before = series(&pipeline).await?;
    ensure!(before.iter().all(|series| series.len() > 20), "{before:?}");
    let mut wanted = Vec::new();
    for number in 0..2_000 {
        let event = filled(&format!("e-{number}"), &format!("{}made-up-{number}", if number % 2 == 0 { "dropped-" } else { "" }));
        wanted.push(identity(&api.put(event)?));
    }
    let kept: Vec<String> = wanted.into_iter().skip(1).step_by(2).collect();
    pipeline.wait_for(&kept).await?;
    for (before, now) in before.iter().zip(series(&pipeline).await?) {
        ensure!(*before == now, "new series: {:?}", now.difference(before).collect::<Vec<_>>());
    }
    Ok(())
}
