//! The configuration changes while the stages run.

use anyhow::{Result, ensure};
use herald_testkit::{kubernetes::ControlPlane, skip_unless, tools::Tool, wait};

use crate::harness::{BOUND, Pipeline, USUAL, event, identity, namespace, pod};

/// What most of the test routes: the event's message decides.
fn config(space: &str, rest: &str) -> String {
    format!("{USUAL}namespace: {space}\n{rest}")
}

#[tokio::test]
async fn rules_and_receivers_follow_the_file_and_a_bad_file_changes_nothing() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    let space = "reload";
    namespace(&admin, space).await?;
    let web = pod(&admin, space, "web").await?;
    let first = config(
        space,
        "route: {match: [{message: ^event a, receiver: out}]}\nreceivers: [{name: out, file: {path: OUT}}, {name: idle, stdout: {}}]\n",
    );
    let pipeline = Pipeline::launch(&[plane.kubeconfig(); 4], 1, &first).await?;
    let deliver = async |name: &str| -> Result<String> { Ok(identity(&event(&admin, space, name, &web, "Pod").await?)) };
    let kept = deliver("b-before").await?;
    pipeline.wait_for(&[deliver("a-before").await?]).await?;

    // A receiver goes, another comes, the one that stays is not touched; the file is replaced as a whole, as editors and kubelet do.
    let second = config(
        space,
        "route: {match: [{message: ^event b, receiver: more}]}\n\
         receivers: [{name: more, file: {path: OUT}}, {name: out, file: {path: OUT}}]\n",
    );
    pipeline.replace_conf(&second)?;
    for stage in &pipeline.stages[2..] {
        let taken = || async { stage.metric("herald_config_reloads_total", &["result=\"success\""]).await.is_ok_and(|count| count >= 1.0) };
        wait::until("the new file to be taken", BOUND, taken).await?;
    }
    let ignored = deliver("a-after").await?;
    pipeline.wait_for(&[deliver("b-after").await?]).await?;
    let delivered = pipeline.delivered();
    ensure!(!delivered.contains_key(&ignored) && !delivered.contains_key(&kept), "what no rule names goes nowhere");

    // Read again on SIGHUP too, and refused again.
    pipeline.replace_conf(&config(space, "route: {match: [{receiver: nobody}]}\n"))?;
    for (stage, name) in [(&pipeline.stages[2], "herald-router"), (&pipeline.stages[3], "herald-sinks")] {
        let refused = async |least: f64| {
            let enough =
                || async { stage.metric("herald_config_reloads_total", &["result=\"failure\""]).await.is_ok_and(|count| count >= least) };
            wait::until("the bad file to be refused", BOUND, enough).await
        };
        refused(1.0).await?;
        stage.process().hang_up()?;
        refused(2.0).await?;
        ensure!(stage.metric("herald_config_last_reload_successful", &[]).await? < 1.0, "the metric says so");
        ensure!(
            pipeline.log(name).iter().any(|line| line.contains(r#"no receiver is called \"nobody\""#)),
            "and the log of {name}: {:?}",
            pipeline.log(name).last()
        );
    }
    pipeline.wait_for(&[deliver("b-last").await?]).await?;
    Ok(())
}
