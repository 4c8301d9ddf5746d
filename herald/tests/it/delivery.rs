//! Every event once, with its object's metadata, for one metadata-only GET an object.

use anyhow::{Result, ensure};
use herald_testkit::{
    kubernetes::{ApiClient, AuditRecord, ControlPlane},
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::{Value, json};

use crate::harness::{BOUND, Pipeline, event, identity, namespace, pod};

const PODS: usize = 300;
const EVENTS_EACH: usize = 10;

/// Makes the pods of a namespace, several at a time.
async fn pods(admin: &ApiClient, namespace: &str) -> Result<Vec<Value>> {
    let mut made = Vec::new();
    for tens in 0..PODS / 10 {
        let names: Vec<String> = (0..10).map(|one| format!("pod-{tens}-{one}")).collect();
        made.extend(futures_util::future::try_join_all(names.iter().map(|name| pod(admin, namespace, name))).await?);
    }
    Ok(made)
}

/// The reads of pods by a user, from the audit log.
fn reads(audit: &[AuditRecord], user: &str) -> Vec<AuditRecord> {
    audit.iter().filter(|record| record.user == user && record.verb == "get" && record.resource == "pods").cloned().collect()
}

/// A user's requests that ask which kinds there are.
fn discoveries(audit: &[AuditRecord], user: &str) -> usize {
    let is_discovery =
        |uri: &str| uri == "/api" || uri == "/apis" || uri == "/api/v1" || (uri.starts_with("/apis/") && uri.matches('/').count() <= 3);
    audit.iter().filter(|record| record.user == user && is_discovery(record.request_uri.split('?').next().unwrap_or_default())).count()
}

async fn exactly_once(enrichers: usize) -> Result<()> {
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    let space = format!("delivery-{enrichers}");
    namespace(&admin, &space).await?;
    let pods = pods(&admin, &space).await?;
    // A user of its own, so that the audit log tells this pipeline's requests from those of other tests.
    let kubeconfig = plane.kubeconfig_for(&plane.user(&space, &["system:masters"])?)?;
    let pipeline = Pipeline::start(&space, &kubeconfig, enrichers).await?;
    let mut wanted = Vec::new();
    let mut discoveries_warm = 0;
    for round in 0..EVENTS_EACH {
        for (tens, batch) in pods.chunks(20).enumerate() {
            let names: Vec<String> = (0..batch.len()).map(|one| format!("e-{round}-{tens}-{one}")).collect();
            let created =
                futures_util::future::try_join_all(batch.iter().zip(&names).map(|(pod, name)| event(&admin, &space, name, pod, "Pod")))
                    .await?;
            wanted.extend(created.iter().map(identity));
        }
        if round == 0 {
            pipeline.wait_for(&wanted).await?;
            discoveries_warm = discoveries(&plane.audit()?, &space);
        }
    }
    let delivered = pipeline.wait_for(&wanted).await?;
    ensure!(wanted.len() == PODS * EVENTS_EACH);
    ensure!(delivered.len() == wanted.len(), "{} delivered, {} made", delivered.len(), wanted.len());
    let twice: Vec<_> = delivered.iter().filter(|(_, (count, _))| *count != 1).collect();
    ensure!(twice.is_empty(), "delivered more than once: {twice:?}");
    for (text, _) in delivered.values().map(|(_, text)| (text, ())) {
        let event: Value = serde_json::from_str(text)?;
        let object = &event["involvedObject"];
        ensure!(object["labels"]["name"] == object["name"] && object["deleted"] == json!(false), "not enriched: {text}");
        ensure!(text.contains(r#""note":"from \u003chere\u003e \u0026 there""#), "not escaped as Go does: {text}");
    }
    // The log may lag the answers by a moment.
    wait::until("the audit log to hold every read", BOUND, || async {
        plane.audit().is_ok_and(|audit| reads(&audit, &space).len() >= PODS)
    })
    .await?;
    let audit = plane.audit()?;
    let reads = reads(&audit, &space);
    ensure!(reads.len() == PODS, "{} reads for {PODS} pods", reads.len());
    let whole: Vec<_> = reads.iter().filter(|read| read.answer_kind != "PartialObjectMetadata").collect();
    ensure!(whole.is_empty(), "reads of more than metadata: {whole:?}");
    ensure!(
        discoveries(&audit, &space) == discoveries_warm,
        "discovery in the steady state: {} then {}",
        discoveries_warm,
        discoveries(&audit, &space)
    );
    Ok(())
}

#[tokio::test]
async fn each_event_once_and_one_metadata_read_an_object() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    exactly_once(1).await
}

#[tokio::test]
async fn three_enrichers_share_their_reads() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    exactly_once(3).await
}

#[tokio::test]
async fn a_repeated_event_comes_as_further_versions() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    namespace(&admin, "versions").await?;
    let pod = pod(&admin, "versions", "web").await?;
    let pipeline = Pipeline::start("versions", plane.kubeconfig(), 1).await?;
    let mut wanted = vec![identity(&event(&admin, "versions", "backoff", &pod, "Pod").await?)];
    for count in 2..6 {
        let patched = admin.patch("/api/v1/namespaces/versions/events/backoff", &json!({"count": count})).await?;
        wanted.push(identity(&patched));
    }
    let delivered = pipeline.wait_for(&wanted).await?;
    let counts: Vec<u64> = wanted
        .iter()
        .map(|identity| serde_json::from_str::<Value>(&delivered[identity].1).map_or(0, |event| event["count"].as_u64().unwrap_or(0)))
        .collect();
    ensure!(counts == [1, 2, 3, 4, 5], "{counts:?}");
    Ok(())
}
