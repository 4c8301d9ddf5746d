//! `herald check`: findings, exit codes, and what it says of every recorded decision.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{scratch::Scratch, stage};
use serde_json::{Value, json};

const ROUTES: &str = include_str!("../../../router/tests/conformance/routes.json");

/// Runs `herald check FILE` with the configuration and what else is asked.
fn check(config: &str, arguments: &[&str], input: &str) -> Result<Output> {
    let scratch = Scratch::new("check")?;
    let file = scratch.write("config.yaml", config)?;
    let mut child = Command::new(stage::bin("herald")?)
        .arg("check")
        .arg(&file)
        .args(arguments)
        .env_remove("HERALD_CONF")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("piped")?.write_all(input.as_bytes())?;
    let mut output = child.wait_with_output()?;
    let name = file.display().to_string();
    output.stdout = String::from_utf8(output.stdout)?.replace(&name, "FILE").into_bytes();
    output.stderr = String::from_utf8(output.stderr)?.replace(&name, "FILE").into_bytes();
    Ok(output)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn findings_are_told_with_their_places_and_decide_the_exit_code() -> Result<()> {
    let good = check("receivers: [{name: a, stdout: {}}]\nroute: {match: [{receiver: a}]}\n", &[], "")?;
    ensure!(stdout(&good) == "FILE: good, 1 receiver\n" && good.status.code() == Some(0), "{good:?}");

    let old = "throttlePeriod: 5\n";
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
    let said =
        "FILE:1:43: error: receivers[0].webhook.endpoint: this is no address: relative URL without a base\nFILE: 1 error, 0 warnings\n";
    ensure!(stdout(&broken) == said && broken.status.code() == Some(2), "{broken:?}");
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
