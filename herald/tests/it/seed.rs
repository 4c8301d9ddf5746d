//! The recorded events, byte for byte, through the four binaries: an API server holds those objects in those states.

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{apiserver::ApiServer, skip_unless, tools::Tool};
use serde_json::{Value, json};

use crate::harness::{Pipeline, TO_FILE, identity};

const RECORDED: [&str; 3] = [
    include_str!("../../../common/tests/conformance/deleted-with-owner.json"),
    include_str!("../../../common/tests/conformance/live-with-owner.json"),
    include_str!("../../../common/tests/conformance/no-owner.json"),
];

/// What the API server holds so that an event comes out as recorded: the object, and the event as it was before.
fn originals(recorded: &Value) -> Result<[Value; 2]> {
    let mut event = recorded.clone();
    let fields = event.as_object_mut().context("an event")?;
    fields.remove("clusterName");
    let mut reference = fields.remove("involvedObject").context("an involved object")?;
    let object = reference.as_object_mut().context("an object")?;
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion"] {
        metadata[key] = object[key].clone();
    }
    for key in ["labels", "annotations", "ownerReferences"] {
        if let Some(value) = object.remove(key) {
            metadata[key] = value;
        }
    }
    if object.remove("deleted") == Some(json!(true)) {
        metadata["deletionTimestamp"] = json!("2023-11-17T19:37:03Z");
    }
    let about = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata});
    event["involvedObject"] = reference;
    event["apiVersion"] = json!("v1");
    event["kind"] = json!("Event");
    // What an API server adds and the exported event leaves out.
    event["metadata"]["managedFields"] = json!([{"manager": "kubelet", "operation": "Update"}]);
    Ok([about, event])
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn the_recorded_events_come_out_byte_for_byte() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let api = ApiServer::start().await?;
    let recorded: Vec<Value> = RECORDED.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?;
    let mut objects = Vec::new();
    for event in &recorded {
        objects.extend(originals(event)?);
    }
    objects.sort_by_key(version);
    for object in objects {
        api.put_exact(object)?;
    }
    let kubeconfig = api.kubeconfig()?;
    // The events are of 2023: the first list of a fresh install would find them too old.
    let config = format!("clusterName: my-super-local-cluster\nlogFormat: json\nmaxEventAgeSeconds: 1000000000\n{TO_FILE}");
    let pipeline = Pipeline::launch(&[&kubeconfig; 4], 1, &config).await?;
    let wanted: Vec<String> = recorded.iter().map(identity).collect();
    let delivered = pipeline.wait_for(&wanted).await?;
    for (identity, text) in wanted.iter().zip(RECORDED) {
        ensure!(delivered[identity].1 == text.trim_end(), "want {}\n got {}", text.trim_end(), delivered[identity].1);
    }
    ensure!(delivered.len() == 3);
    Ok(())
}
