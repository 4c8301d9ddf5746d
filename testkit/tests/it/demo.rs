//! The demo workload makes, on the simulated API server and on a real one, the events it promises.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use herald_testkit::{
    apiserver::ApiServer,
    demo::{self, DemoOptions},
    kubernetes::{ApiClient, ControlPlane},
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const BOUND: Duration = Duration::from_secs(60);
/// Everything that is seen within the first scenes.
const REASONS: &[&str] = &[
    "BackOff",
    "Created",
    "FailedScheduling",
    "Killing",
    "NodeNotReady",
    "Pulled",
    "Pulling",
    "ScalingReplicaSet",
    "Scheduled",
    "Started",
    "SuccessfulCreate",
    "Unhealthy",
];

#[tokio::test]
async fn on_the_simulated_api_server() {
    let server = ApiServer::start().await.unwrap();
    plays_on(&server.client().unwrap()).await;
}

#[tokio::test]
async fn on_a_real_api_server() {
    skip_unless!(Tool::Etcd, Tool::KubeApiserver);
    let control_plane = ControlPlane::shared().await.unwrap();
    plays_on(&control_plane.admin().unwrap()).await;
}

async fn plays_on(api: &ApiClient) {
    let cancel = CancellationToken::new();
    let running = tokio::spawn({
        let (api, cancel) = (api.clone(), cancel.clone());
        async move { demo::run(&api, DemoOptions { seed: 1, rate: 50.0 }, &cancel).await }
    });
    let events = wait::some("every kind of event", BOUND, || async {
        let events = items(api, "/api/v1/events").await;
        let reasons: HashSet<&str> = events.iter().filter_map(|event| event["reason"].as_str()).collect();
        REASONS.iter().all(|reason| reasons.contains(reason)).then_some(events)
    });
    let events = events.await.unwrap();
    cancel.cancel();
    tokio::time::timeout(BOUND, running).await.unwrap().unwrap();

    assert!(events.iter().any(|event| event["count"].as_u64() > Some(2)), "a count grows");
    assert!(events.iter().any(|event| event["series"]["count"].as_u64() > Some(1) && event["eventTime"].is_string()), "a series grows");
    let pods = items(api, "/api/v1/pods").await;
    let uids: HashSet<&str> = pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str()).collect();
    let about_pods = || events.iter().filter(|event| event["involvedObject"]["kind"] == "Pod");
    let exists = |event: &Value| event["involvedObject"]["uid"].as_str().is_some_and(|uid| uids.contains(uid));
    assert!(about_pods().any(exists), "some pods exist");
    assert!(about_pods().any(|event| !exists(event)), "some pods are deleted");
    let node = events.iter().find(|event| event["reason"] == "NodeNotReady").unwrap();
    assert_eq!((node["metadata"]["namespace"].as_str(), &node["involvedObject"]["namespace"]), (Some("default"), &Value::Null));

    let owners: BTreeSet<String> =
        pods.iter().filter_map(|pod| pod["metadata"]["ownerReferences"][0]["name"].as_str()).map(str::to_owned).collect();
    assert!(owners.contains("checkout-7d9f8c6b5"), "{owners:?}");
    let replica_set = api.get("/apis/apps/v1/namespaces/shop/replicasets/checkout-7d9f8c6b5").await.unwrap();
    assert_eq!(replica_set["metadata"]["ownerReferences"][0]["name"], "checkout");
}

async fn items(api: &ApiClient, path: &str) -> Vec<Value> {
    api.get(path).await.map(|list| list["items"].as_array().cloned().unwrap_or_default()).unwrap_or_default()
}
