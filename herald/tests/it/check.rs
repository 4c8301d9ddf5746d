//! `herald check`: findings, exit codes, and what it says of every recorded decision.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{scratch::Scratch, stage};
use serde_json::{Value, json};

const ROUTES: &str = include_str!("../../../router/tests/conformance/routes.json");

/// A run of the command `herald`.
pub(crate) struct Herald {
    arguments: Vec<String>,
    config: Option<String>,
    input: String,
    variables: Vec<(&'static str, &'static str)>,
}

impl Herald {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { arguments, config: None, input: String::new(), variables: Vec::new() }
    }

    /// `herald check FILE`, the file holding this.
    pub(crate) fn check(config: &str) -> Self {
        Self { config: Some(config.to_owned()), ..Self::new(&["check"]) }
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// What it finds on standard input.
    pub(crate) fn input(mut self, input: &str) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    /// Runs it; the file's name is FILE in what it prints.
    pub(crate) fn run(self) -> Result<Output> {
        let scratch = Scratch::new("check")?;
        let file = self.config.map(|config| scratch.write("config.yaml", &config)).transpose()?;
        let mut child = Command::new(stage::bin("herald")?)
            .args(self.arguments)
            .args(&file)
            .env_remove("HERALD_CONF")
            .envs(self.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // One that does not read its input may be gone already.
        let _ = child.stdin.take().context("piped")?.write_all(self.input.as_bytes());
        let mut output = child.wait_with_output()?;
        if let Some(name) = file.map(|file| file.display().to_string()) {
            output.stdout = String::from_utf8(output.stdout)?.replace(&name, "FILE").into_bytes();
            output.stderr = String::from_utf8(output.stderr)?.replace(&name, "FILE").into_bytes();
        }
        Ok(output)
    }
}

/// Runs `herald check FILE` with the configuration and what else is asked.
fn check(config: &str, arguments: &[&str], input: &str) -> Result<Output> {
    arguments.iter().fold(Herald::check(config), |herald, argument| herald.arg(argument)).input(input).run()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn findings_are_told_with_their_places_and_decide_the_exit_code() -> Result<()> {
    let config = "metricsNamePrefix: event_exporter_\nreceivers: [{name: a, stdout: {}}]\nroute: {match: [{receiver: a}]}\n";
    let good = check(config, &["--strict"], "")?;
    ensure!(stdout(&good) == "FILE: good, 1 receiver\n" && good.status.code() == Some(0), "{good:?}");

    let old = "throttlePeriod: 5\nmetricsNamePrefix: event_exporter_\n";
    let warned =
        "FILE:1:17: warning: throttlePeriod: throttlePeriod is the old name, call it maxEventAgeSeconds\nFILE: 0 errors, 1 warning\n";
    let output = check(old, &[], "")?;
    ensure!(stdout(&output) == warned && output.status.code() == Some(0), "{output:?}");
    ensure!(check(old, &["--strict"], "")?.status.code() == Some(1), "strict");

    // What Herald starts with, but cannot be meant.
    let bad = "cachSize: 1\nroute: {match: [{kind: '*Pod*', receiver: a}]}\nreceivers: [{name: a, stdout: {zzz: 1}}]\n";
    let output = check(bad, &["-o", "json"], "")?;
    ensure!(output.status.code() == Some(2), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let paths: Vec<&str> = found["errors"].as_array().context("a list")?.iter().filter_map(|error| error["path"].as_str()).collect();
    ensure!(paths == ["cachSize", "route.match[0].kind", "receivers[0].stdout.zzz"], "{found}");

    let broken = check("receivers: [{name: a, webhook: {endpoint: hunter2}}]\n", &[], "")?;
    let said = "FILE:1:43: error: receivers[0].webhook.endpoint: this is no address, it has no scheme; give one such as https://host:port/path\n\
        FILE: 1 error, 0 warnings\n";
    ensure!(stdout(&broken) == said && broken.status.code() == Some(2), "{broken:?}");
    Ok(())
}

#[test]
fn a_missing_prefix_of_metrics_is_a_note_and_an_empty_one_a_warning() -> Result<()> {
    const SAID: &str = "not set, so names such as events_sent stand alone among other programs' metrics; event_exporter_ is recommended";
    let silent = check("logLevel: info\n", &["--strict"], "")?;
    let said = format!("FILE: note: metricsNamePrefix: {SAID}\nFILE: good, 0 receivers\n");
    ensure!(stdout(&silent) == said && silent.status.code() == Some(0), "{silent:?}");

    let empty = Herald::check("metricsNamePrefix: '${PREFIX:-}'\n").arg("--strict").run()?;
    let said = format!("FILE:1:20: warning: metricsNamePrefix: {SAID}\nFILE: 0 errors, 1 warning\n");
    ensure!(stdout(&empty) == said && empty.status.code() == Some(1), "{empty:?}");
    Ok(())
}

#[test]
fn an_event_is_explained_with_what_receivers_would_get() -> Result<()> {
    let config = "
receivers:
  - {name: all, stdout: {}}
  - {name: chat, webhook: {endpoint: 'http://127.0.0.1/', layout: {text: '{{ .Reason }} {{ .InvolvedObject.Labels.app | default \"-\" | upper }}'}}}
  - {name: odd, stdout: {layout: {a: '{{ fail .Reason }}'}}}
route:
  match: [{receiver: all}, {receiver: all}, {kind: Node, receiver: odd}]
  routes: [{match: [{receiver: chat}]}, {match: [{receiver: odd}]}]
";
    let event = |kind: &str| json!({"reason": "BackOff", "type": "Warning", "involvedObject": {"kind": kind, "name": "x", "labels": {"app": "web"}}});
    let input = format!("{}\n{}\n", event("Node"), event("Pod"));
    let output = check(config, &["--event", "-", "-o", "json"], &input)?;
    ensure!(output.status.code() == Some(0), "{output:?}");
    let lines: Vec<Value> = stdout(&output).lines().map(|line| Ok(serde_json::from_str(line)?)).collect::<Result<_>>()?;
    ensure!(lines.len() == 2, "one object an event");
    ensure!(lines[0]["routed"] == json!(["all", "all", "odd", "chat", "odd"]), "{}", lines[0]);
    let deliveries = lines[0]["deliveries"].as_array().context("a list")?;
    ensure!(deliveries.len() == 3, "each receiver once");
    ensure!(deliveries[1]["error"].as_str().is_some_and(|error| error.contains("error calling fail: BackOff")), "{}", deliveries[1]);
    ensure!(deliveries[2] == json!({"receiver": "chat", "body": r#"{"text":"BackOff WEB"}"#}), "{}", deliveries[2]);
    ensure!(lines[1]["routed"] == json!(["all", "all"]), "{}", lines[1]);
    ensure!(
        lines[1]["rules"][2] == json!({"path": "route.match[2]", "matched": false, "because": "kind \"Pod\" does not match \"Node\""}),
        "{}",
        lines[1]
    );
    Ok(())
}

/// What each receiver would be sent of one event.
fn bodies(config: &str, event: &str) -> Result<Value> {
    let output = check(config, &["--event", "-", "-o", "json"], event)?;
    let explained: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
    let deliveries = explained["deliveries"].as_array().context("a list")?.iter();
    Ok(deliveries.map(|one| (one["receiver"].as_str().unwrap_or_default().to_owned(), one["body"].clone())).collect())
}

#[test]
fn a_receiver_without_layout_would_be_sent_the_event_as_it_is_exported() -> Result<()> {
    let config = "
receivers:
  - {name: out, stdout: {}}
  - {name: file, file: {path: /tmp/events.json, layout: }}
  - {name: hook, webhook: {endpoint: 'http://127.0.0.1/'}}
route: {match: [{receiver: out}, {receiver: file}, {receiver: hook}]}
";
    for exported in [
        include_str!("../../../common/tests/conformance/deleted-with-owner.json"),
        include_str!("../../../common/tests/conformance/live-with-owner.json"),
        include_str!("../../../common/tests/conformance/no-owner.json"),
    ] {
        let exported = exported.trim_end();
        ensure!(bodies(config, exported)? == json!({"out": exported, "file": exported, "hook": exported}), "{exported}");
        // However the event is written down.
        let spread = format!("{:#}", serde_json::from_str::<Value>(exported)?);
        ensure!(bodies(config, &spread)? == json!({"out": exported, "file": exported, "hook": exported}), "{spread}");
    }
    Ok(())
}

#[test]
fn dots_are_replaced_in_keys_of_labels_and_annotations_for_the_receiver_that_wants_it() -> Result<()> {
    let layout = "{all: '{{ toJson .InvolvedObject.Labels }}{{ toJson .Annotations }}', name: '{{ .Name }}'}";
    let config = format!(
        "
receivers:
  - {{name: dots, stdout: {{}}}}
  - {{name: none, stdout: {{deDot: true}}}}
  - {{name: dots-layout, file: {{path: /tmp/x, layout: {layout}}}}}
  - {{name: none-layout, file: {{path: /tmp/x, deDot: true, layout: {layout}}}}}
route: {{match: [{{receiver: none}}, {{receiver: dots}}, {{receiver: none-layout}}, {{receiver: dots-layout}}]}}
"
    );
    let event = json!({
        "metadata": {"name": "a.b", "labels": {"l.m/n.o": "p.q"}, "annotations": {"r.s": "t.u"}},
        "involvedObject": {"name": "v.w", "labels": {"x.y": "z.z", "x_y": "kept"}, "annotations": {"c.d": "e.f"}},
    });
    let sent = bodies(&config, &event.to_string())?;
    let dots = sent["dots"].as_str().context("a body")?;
    let none = sent["none"].as_str().context("a body")?;
    for (with, without) in [
        (r#""labels":{"l.m/n.o":"p.q"}"#, r#""labels":{"l_m/n_o":"p.q"}"#),
        (r#""annotations":{"r.s":"t.u"}"#, r#""annotations":{"r_s":"t.u"}"#),
        (r#""labels":{"x.y":"z.z","x_y":"kept"}"#, r#""labels":{"x_y":"kept"}"#),
        (r#""annotations":{"c.d":"e.f"}"#, r#""annotations":{"c_d":"e.f"}"#),
    ] {
        ensure!(dots.contains(with) && none.contains(without), "{dots}\n{none}");
    }
    ensure!(none.contains(r#""name":"a.b""#) && none.contains(r#""name":"v.w""#), "{none}");
    ensure!(sent["dots-layout"] == r#"{"all":"{\"x.y\":\"z.z\",\"x_y\":\"kept\"}{\"r.s\":\"t.u\"}","name":"a.b"}"#, "{sent}");
    ensure!(sent["none-layout"] == r#"{"all":"{\"x_y\":\"kept\"}{\"r_s\":\"t.u\"}","name":"a.b"}"#, "{sent}");
    Ok(())
}

#[test]
fn every_recorded_decision_is_explained() -> Result<()> {
    let corpus: Value = serde_json::from_str(ROUTES)?;
    let events = corpus["events"].as_object().context("events")?;
    let input: String = events.values().map(|event| format!("{event}\n")).collect();
    let (mut explained, mut refused) = (0, 0);
    for case in corpus["cases"].as_array().context("cases")? {
        let id = case["id"].as_str().unwrap_or_default();
        let mut names: Vec<&str> = case["want"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, hits)| hits.as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let route = case["route"].as_str().unwrap_or_default();
        names.extend(
            route
                .split("receiver:")
                .skip(1)
                .filter_map(|rest| rest.trim_start().split(['\n', '}', ',', '#']).next())
                .map(|name| name.trim().trim_matches(['"', '\''])),
        );
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        let receivers: String = names.iter().map(|name| format!("  - {{name: {}, stdout: {{}}}}\n", json!(name))).collect();
        let indented: String = route.lines().map(|line| format!("  {line}\n")).collect();
        let output = check(&format!("route:\n{indented}receivers:\n{receivers}"), &["--event", "-", "-o", "json"], &input)?;
        if !case["error"].is_null() && output.stdout.is_empty() {
            ensure!(output.status.code() == Some(2), "{id}: {output:?}");
            refused += 1;
            continue;
        }
        let lines: Vec<Value> = stdout(&output).lines().map(|line| Ok(serde_json::from_str(line)?)).collect::<Result<_>>()?;
        ensure!(lines.len() == events.len(), "{id}: {output:?}");
        for (name, line) in events.keys().zip(&lines) {
            let want = &case["want"][name];
            ensure!(
                case["want"].is_null() || line["routed"] == if want.is_null() { json!([]) } else { want.clone() },
                "{id} on {name}: {} instead of {want}",
                line["routed"]
            );
            explained += 1;
        }
    }
    println!("{explained} decisions explained, {refused} configurations refused");
    ensure!(explained > 1_700, "only {explained}");
    Ok(())
}
