//! A receiver that is down, and one that refuses.

use std::{process::Command, time::Duration};

use anyhow::{Result, ensure};
use herald_testkit::{
    kubernetes::ControlPlane,
    process::Process,
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless, stage,
    tools::Tool,
};
use serde_json::Value;

use crate::harness::{BOUND, Pipeline, USUAL, event, identity, namespace, pod};

/// A pipeline that delivers a namespace to the file and to a webhook.
async fn with_hook(plane: &ControlPlane, space: &str, hook: &WebhookReceiver) -> Result<Pipeline> {
    let config = format!(
        "{USUAL}namespace: {space}\nroute: {{routes: [{{match: [{{receiver: out}}, {{receiver: hook}}]}}]}}\n\
         receivers: [{{name: out, file: {{path: OUT}}}}, {{name: hook, webhook: {{endpoint: \"{}/\"}}}}]\n",
        hook.url()
    );
    let kubeconfig = plane.kubeconfig();
    Pipeline::launch(&[kubeconfig; 4], 1, &config).await
}

/// What the hook accepted, as `uid/resourceVersion`.
fn accepted(hook: &WebhookReceiver) -> Result<Vec<String>> {
    hook.unique()
        .iter()
        .filter(|received| received.accepted)
        .map(|received| Ok(identity(&serde_json::from_slice::<Value>(&received.body)?)))
        .collect()
}

#[tokio::test]
async fn a_dead_receiver_delays_only_itself_and_gets_everything_when_it_is_back() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    namespace(&admin, "outage").await?;
    let web = pod(&admin, "outage", "web").await?;
    let mut hook = WebhookReceiver::start().await?;
    let pipeline = with_hook(plane, "outage", &hook).await?;
    let mut wanted = vec![identity(&event(&admin, "outage", "before", &web, "Pod").await?)];
    hook.wait_for(1, BOUND).await?;
    hook.stop().await;
    for number in 0..100 {
        wanted.push(identity(&event(&admin, "outage", &format!("e-{number}"), &web, "Pod").await?));
    }
    // The hook stays down until the file has everything: it did not wait for it.
    pipeline.wait_for(&wanted).await?;
    ensure!(hook.number_of_unique() == 1, "the hook was down");
    hook.start_again().await?;
    hook.wait_for(wanted.len() as u64, BOUND).await?;
    let mut got = accepted(&hook)?;
    got.sort();
    wanted.sort();
    ensure!(got == wanted, "the hook got {} of {}", got.len(), wanted.len());
    let dead = pipeline.stages[3].metric("herald_events_dead_lettered_total", &["receiver=\"hook\""]).await?;
    ensure!(dead < 1.0, "an outage makes no dead letters, found {dead}");
    Ok(())
}

#[tokio::test]
async fn what_a_receiver_refuses_is_kept_and_replayed() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    namespace(&admin, "refusal").await?;
    let web = pod(&admin, "refusal", "web").await?;
    let hook = WebhookReceiver::start().await?;
    hook.rule(Rule::new(Answer::Status(400)).containing("event bad"));
    let pipeline = with_hook(plane, "refusal", &hook).await?;
    let mut wanted = Vec::new();
    for name in ["bad-1", "good-1", "bad-2", "good-2"] {
        wanted.push(identity(&event(&admin, "refusal", name, &web, "Pod").await?));
    }
    let sinks = &pipeline.stages[3];
    let dead = || async { sinks.metric("herald_events_dead_lettered_total", &["receiver=\"hook\""]).await.is_ok_and(|dead| dead >= 2.0) };
    herald_testkit::wait::until("the refused to be kept", BOUND, dead).await?;
    ensure!(accepted(&hook)?.len() == 2, "the others passed");
    hook.clear_rules();
    let mut replay = Command::new(stage::bin("herald")?);
    replay.args(["replay", "hook", "--dead", "--conf"]).arg(pipeline.conf()).args(["--nats", &pipeline.nats.url()]);
    let process = Process::spawn("herald replay", &replay, None)?;
    let status = process.exited(Duration::from_secs(60)).await?;
    ensure!(
        status.success() && process.output().iter().any(|line| line == "2 dead letters wait for hook again"),
        "{status}: {:?}",
        process.output()
    );
    herald_testkit::wait::until("the replayed to arrive", BOUND, || async { accepted(&hook).is_ok_and(|accepted| accepted.len() == 4) })
        .await?;
    let mut got = accepted(&hook)?;
    got.sort();
    wanted.sort();
    ensure!(got == wanted, "{got:?}");
    Ok(())
}
