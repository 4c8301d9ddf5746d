//! The metrics address behind TLS and a login, and probes that need neither, as the flags of a stage say.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    certs::Authority, nats::NatsServer, process::Process, scratch::Scratch, skip_unless, stage, stage::StageOptions, tools::Tool, wait,
};
use serde_json::Value;

use crate::harness::BOUND;

/// `hunter2`, as htpasswd writes it.
const HUNTER2: &str = "$2y$04$B250.5y/4mDsjfge5cQ.JuUTLMUuo9c06pfB9XBFmTdbrgoWeJLDa";

#[tokio::test]
async fn metrics_are_guarded_and_probes_are_not() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let (nats, scratch) = (NatsServer::start().await?, Scratch::new("guard")?);
    let authority = Authority::new("own")?;
    let identity = authority.server(&["localhost"])?;
    scratch.write("tls.crt", &identity.certificate)?;
    scratch.write("tls.key", &identity.key)?;
    let web = format!("tls_server_config: {{cert_file: tls.crt, key_file: tls.key}}\nbasic_auth_users: {{prometheus: {HUNTER2}}}\n");
    let web = scratch.write("web-config.yml", &web)?;
    let conf = scratch.write("config.yaml", "logFormat: json\n")?;
    let stage = StageOptions::new("herald-router").conf(&conf).nats(&nats.url());
    // With one dash, as the old exporter's users write it.
    let stage = stage.arg("-metrics-tls-config").arg(&web).arg("-probe-address").arg("127.0.0.1:0").start()?;
    let probes = || {
        let entries = stage.process().output().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        entries
            .into_iter()
            .find(|entry| entry["message"] == "answering probes")
            .and_then(|entry| Some(entry["address"].as_str()?.to_owned()))
    };
    let probes = wait::some("the address of the probes", BOUND, || std::future::ready(probes())).await?;
    let check = |variable: &'static str, address: String| async move {
        let mut command = Command::new(stage::bin("herald")?);
        command.arg("healthcheck").env(variable, &address);
        anyhow::Ok(Process::spawn("herald healthcheck", &command, None)?.exited(BOUND).await?.success())
    };
    let ready = || async { check("HERALD_PROBE_ADDRESS", probes.clone()).await.is_ok_and(|ready| ready) };
    wait::until("readiness by the probes", BOUND, ready).await?;
    ensure!(reqwest::get(format!("http://{probes}/metrics")).await?.status() == 404, "no metrics without a login");

    let address = stage.address().context("it listens")?;
    ensure!(!check("HERALD_METRICS_ADDRESS", address.to_string()).await?, "the guarded address answers no health check");
    let trusted = reqwest::Certificate::from_pem(authority.certificate().as_bytes())?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build()?;
    let url = format!("https://localhost:{}/metrics", address.port());
    ensure!(client.get(&url).send().await?.status() == 401, "no metrics without a login");
    let answer = client.get(&url).basic_auth("prometheus", Some("hunter2")).send().await?;
    ensure!(answer.status() == 200 && answer.text().await?.contains("herald_events_received_total"), "metrics");
    Ok(())
}

#[tokio::test]
async fn a_stage_does_not_start_unguarded_when_its_guard_cannot_be_used() -> Result<()> {
    let scratch = Scratch::new("guard")?;
    let conf = scratch.write("config.yaml", "")?;
    let web = scratch.write("web-config.yml", "basic_auth_users:\n  prometheus: hunter2\n")?;
    let stage = StageOptions::new("herald-router").conf(&conf).env("HERALD_METRICS_TLS_CONFIG", &web).start()?;
    ensure!(!stage.process().exited(BOUND).await?.success());
    let output = stage.process().output().join("\n");
    let said = format!("error: {}:2:15: basic_auth_users.prometheus: the hash of \"prometheus\" is none of bcrypt", web.display());
    ensure!(output.contains(&said) && !output.contains("hunter2") && !output.contains("listening"), "{output}");
    Ok(())
}
