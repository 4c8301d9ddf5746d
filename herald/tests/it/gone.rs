//! A watcher that was away for longer than the API server keeps its history.

use std::time::Duration;

use anyhow::{Result, ensure};
use herald_testkit::{
    kubernetes::{ControlPlane, ControlPlaneOptions},
    skip_unless,
    tools::Tool,
    wait,
};

use crate::harness::{BOUND, Pipeline, event, identity, namespace, pod};

#[tokio::test]
async fn what_happened_while_the_watcher_was_away_is_listed_after_a_410() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane =
        ControlPlane::start(ControlPlaneOptions { compaction_interval: Some(Duration::from_secs(1)), ..ControlPlaneOptions::default() })
            .await?;
    let admin = plane.admin()?;
    namespace(&admin, "gone").await?;
    let web = pod(&admin, "gone", "web").await?;
    let mut pipeline = Pipeline::start("gone", plane.kubeconfig(), 1).await?;
    let mut wanted = Vec::new();
    for number in 0..50 {
        wanted.push(identity(&event(&admin, "gone", &format!("before-{number}"), &web, "Pod").await?));
    }
    pipeline.wait_for(&wanted).await?;
    pipeline.stages[0].kill();
    let old = wanted.last().and_then(|identity| identity.rsplit('/').next()).unwrap_or_default().to_owned();
    for number in 0..600 {
        wanted.push(identity(&event(&admin, "gone", &format!("away-{number}"), &web, "Pod").await?));
    }
    let watch = format!("/api/v1/namespaces/gone/events?watch=true&timeoutSeconds=1&resourceVersion={old}");
    let is_gone =
        || async { admin.text(&watch).await.map_or_else(|error| error.code() == Some(410), |text| text.contains("\"code\":410")) };
    wait::until("the API server to forget its history", BOUND, is_gone).await?;
    pipeline.stages[0].restart()?;
    let delivered = pipeline.wait_for(&wanted).await?;
    ensure!(delivered.len() == wanted.len(), "{} delivered, {} made", delivered.len(), wanted.len());
    let twice = delivered.values().filter(|(count, _)| *count > 1).count();
    ensure!(twice == 0, "{twice} came twice");
    Ok(())
}
