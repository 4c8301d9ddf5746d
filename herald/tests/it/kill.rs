//! Killing everything, again and again, while events flow.

use std::time::Duration;

use anyhow::{Result, ensure};
use herald_testkit::{kubernetes::ControlPlane, skip_unless, tools::Tool, wait};
use tokio_util::sync::CancellationToken;

use crate::harness::{Pipeline, event, identity, namespace, pod};

/// How often each process is killed.
const KILLS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_every_stage_and_nats_are_killed_ten_times() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    namespace(&admin, "kill").await?;
    let mut pods = Vec::new();
    for number in 0..20 {
        pods.push(pod(&admin, "kill", &format!("pod-{number}")).await?);
    }
    let mut pipeline = Pipeline::start("kill", plane.kubeconfig(), 1).await?;
    let stop = CancellationToken::new();
    let flow = tokio::spawn({
        let (stop, admin) = (stop.clone(), plane.admin()?);
        async move {
            let mut made = Vec::new();
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            while !stop.is_cancelled() {
                tick.tick().await;
                let number = made.len();
                made.push(identity(&event(&admin, "kill", &format!("e-{number}"), &pods[number % pods.len()], "Pod").await?));
            }
            anyhow::Ok(made)
        }
    });
    // A fixed seed: the same order of kills every time.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut kills = [0; 5];
    while let Some(victim) = next_victim(&mut random, &kills) {
        let seen = pipeline.delivered().len();
        kills[victim] += 1;
        if victim == 4 {
            pipeline.nats.restart().await?;
        } else {
            pipeline.stages[victim].restart()?;
            pipeline.stages[victim].ready().await?;
        }
        // Something must flow again before the next kill, or the test would prove only that queues are kept.
        wait::until("events to flow again", Duration::from_secs(60), || async { pipeline.delivered().len() > seen }).await?;
    }
    stop.cancel();
    let wanted = flow.await??;
    let delivered = pipeline.wait_for(&wanted).await?;
    ensure!(delivered.len() == wanted.len(), "{} delivered, {} made", delivered.len(), wanted.len());
    ensure!(kills == [KILLS; 5], "{kills:?}");
    let repeats: usize = delivered.values().map(|(count, _)| count - 1).sum();
    // A file has no idempotency key: what was written and not acknowledged when the sinks were killed comes again, as itself.
    ensure!(repeats <= KILLS * 1_000, "{repeats} repeats");
    Ok(())
}

/// Picks one that has kills left, by xorshift.
fn next_victim(random: &mut u64, kills: &[usize; 5]) -> Option<usize> {
    let left: Vec<usize> = (0..5).filter(|victim| kills[*victim] < KILLS).collect();
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (!left.is_empty()).then(|| left[usize::try_from(*random % left.len() as u64).unwrap_or(0)])
}
