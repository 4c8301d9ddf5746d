//! The authorisation file that ships with Herald: every stage and command does all its work with the rights it gives, and is never refused.
//!
//! What the rights do not allow is tested beside the bus.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use herald_common::{
    CancellationToken,
    bus::{Bus, Headers, Message, Stream, inspect::From},
    config::Nats,
    gap::{Gap, Reason},
    health::Health,
};
use herald_testkit::{
    apiserver::ApiServer,
    nats::{NatsOptions, NatsServer},
    process::Process,
    receiver::{Answer, Rule, WebhookReceiver},
    scratch::Scratch,
    skip_unless, stage,
    tools::Tool,
    wait,
};
use serde_json::{Value, json};

use crate::harness::{BOUND, Pipeline, USUAL, event, identity, namespace, pod};

const AUTHORIZATION: &str = include_str!("../../../k8s/components/nats-authorization/authorization.conf");
const USERS: [&str; 7] = ["watcher", "enricher", "router", "sinks", "operator", "reader", "observer"];

/// A server with exactly that file, and the path of its log.
async fn server(folder: &Path) -> Result<(NatsServer, PathBuf)> {
    let log = folder.join("nats.log");
    let variables = USERS.map(|user| (format!("HERALD_{}_PASSWORD", user.to_uppercase()), format!("secret-of-{user}")));
    let options =
        NatsOptions { config: AUTHORIZATION.to_owned(), variables: variables.into(), log: Some(log.clone()), ..NatsOptions::default() };
    Ok((NatsServer::start_with(options).await?, log))
}

fn url(nats: &NatsServer, user: &str) -> String {
    nats.url().replace("//", &format!("//{user}:secret-of-{user}@"))
}

async fn bus(nats: &NatsServer, user: &str) -> Result<Bus> {
    let settings = Nats { url: Some(url(nats, user)), ..Nats::default() };
    Bus::connect(&settings, "test", Health::default().condition("nats"), &CancellationToken::new()).await
}

/// Runs a command of `herald` as a user to its end and returns what it printed.
async fn herald(pipeline: &Pipeline, user: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(stage::bin("herald")?);
    command.args(arguments).arg("--conf").arg(pipeline.conf()).args(["--nats", &url(&pipeline.nats, user)]);
    let process = Process::spawn("herald", &command, None)?;
    let status = process.exited(BOUND).await?;
    let output = process.output().join("\n");
    ensure!(status.success(), "herald {arguments:?} as {user}: {status}\n{output}");
    Ok(output)
}

async fn gaps(operator: &Bus) -> Result<Vec<Gap>> {
    let mut gaps = Vec::new();
    operator
        .read_back(&Stream::Gap, Vec::new(), From::Beginning, |stored| gaps.extend(serde_json::from_slice::<Gap>(&stored.payload)))
        .await?;
    Ok(gaps)
}

#[tokio::test]
async fn each_stage_and_command_works_with_the_rights_of_its_user() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let scratch = Scratch::new("authorization")?;
    let (nats, log) = server(scratch.path()).await?;
    let api = ApiServer::start().await?;
    let (admin, kubeconfig) = (api.client()?, api.kubeconfig()?);
    let (hook, down) = (WebhookReceiver::start().await?, WebhookReceiver::start().await?);
    hook.rule(Rule::new(Answer::Status(400)).containing("event bad"));
    down.rule(Rule::new(Answer::Status(503)));
    let config = format!(
        "{USUAL}nats: {{streams: {{out: {{maxBytes: 60000}}}}}}\n\
         route: {{match: [{{receiver: out}}, {{receiver: hook}}, {{receiver: down, message: flood}}]}}\n\
         receivers: [{{name: out, file: {{path: OUT}}}}, {{name: hook, updates: false, webhook: {{endpoint: \"{}\"}}}}, {{name: down, webhook: {{endpoint: \"{}\"}}}}]\n",
        hook.url(),
        down.url()
    );
    let urls = ["watcher", "enricher", "router", "sinks"].map(|user| url(&nats, user));
    let mut pipeline = Pipeline::launch_on(nats, &urls, &[&kubeconfig; 4], 2, &config).await?;
    let operator = bus(&pipeline.nats, "operator").await?;
    namespace(&admin, "shop").await?;
    let web = pod(&admin, "shop", "web").await?;
    let mut wanted = Vec::new();
    for name in ["good", "bad"] {
        wanted.push(identity(&event(&admin, "shop", name, &web, "Pod").await?));
    }
    // A further version, which the hook does not want.
    wanted.push(identity(&admin.patch("/api/v1/namespaces/shop/events/good", &json!({"count": 2})).await?));
    let delivered = pipeline.wait_for(&wanted).await?;
    ensure!(delivered.values().all(|(_, text)| text.contains(r#""labels":{"name":"web"}"#)), "enriched");
    let kept = || async { operator.subject_counts(&Stream::Dead).await.is_ok_and(|counts| counts.get("herald.dead.hook") == Some(&1)) };
    wait::until("a dead letter of the sinks", BOUND, kept).await?;

    // What cannot be read becomes a dead letter of the stage that finds it.
    for (user, stream, subject) in
        [("watcher", Stream::Raw, "herald.raw.e2e.shop.Pod.R"), ("enricher", Stream::Enriched, "herald.enriched.e2e.Normal.shop.Pod.R")]
    {
        let message = Message { stream, subject: subject.to_owned(), id: subject.to_owned(), headers: Headers::new(), payload: "{".into() };
        bus(&pipeline.nats, user).await?.publish(message).await?;
    }
    let kept = || async {
        let counts = operator.subject_counts(&Stream::Dead).await.unwrap_or_default();
        ["herald.dead.enricher", "herald.dead.router"].iter().all(|subject| counts.contains_key(*subject))
    };
    wait::until("dead letters of enricher and router", BOUND, kept).await?;

    // A stream reaches its limit, and a watcher comes back to compacted history.
    for number in 0..300 {
        event(&admin, "shop", &format!("flood-{number}"), &web, "Pod").await?;
    }
    pipeline.stages[0].kill();
    let again = json!({"count": 9});
    wanted.push(identity(&admin.patch("/api/v1/namespaces/shop/events/good", &again).await?));
    admin.patch("/api/v1/namespaces/shop/events/good", &json!({"count": 10})).await?;
    pod(&admin, "shop", "other").await?;
    api.compact();
    pipeline.stages[0].restart()?;
    for reason in [Reason::Limits, Reason::Compacted] {
        let said = || async { gaps(&operator).await.is_ok_and(|gaps| gaps.iter().any(|gap| gap.reason == reason)) };
        wait::until(&format!("a gap marker of {reason:?}"), BOUND, said).await?;
    }

    let status = herald(&pipeline, "operator", &["status", "-o", "json"]).await?;
    let status: Value = serde_json::from_str(&status)?;
    ensure!(status["deadLetters"] == json!({"enricher": 1, "hook": 1, "router": 1}), "{status}");
    let lines = herald(&pipeline, "operator", &["tail", "--no-follow", "--from", "all", "-n", "shop"]).await?;
    ensure!(lines.lines().count() > 300, "{lines}");
    hook.clear_rules();
    herald(&pipeline, "operator", &["replay", "hook", "--dead"]).await?;
    wait::until("the dead letter to arrive", BOUND, || async {
        hook.unique().iter().any(|got| got.accepted && got.text().contains("event bad"))
    })
    .await?;
    let before = hook.number_of_requests();
    herald(&pipeline, "operator", &["replay", "hook", "--from", "1h", "-r", "Tested"]).await?;
    hook.wait_for_requests(before + 1, BOUND).await?;

    for stage in &pipeline.stages {
        stage.terminate(BOUND).await?;
    }
    let log = std::fs::read_to_string(log).context("the server's log")?;
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("Violation")).collect();
    ensure!(refused.is_empty(), "{}", refused.join("\n"));
    Ok(())
}
