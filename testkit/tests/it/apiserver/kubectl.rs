//! kubectl, unchanged, works against the simulated API server.

use std::process::Command;

use herald_testkit::{apiserver::ApiServer, process::Process, skip_unless, tools::Tool};
use serde_json::json;

use super::{BOUND, pod};

/// Starts kubectl with the arguments, separated by spaces.
fn kubectl(server: &ApiServer, arguments: &str) -> Process {
    let mut command = Command::new(Tool::Kubectl.path().unwrap());
    command.arg("--kubeconfig").arg(server.kubeconfig().unwrap()).args(arguments.split(' '));
    Process::spawn("kubectl", &command, None).unwrap()
}

/// Runs kubectl to its end and returns what it printed, with single spaces.
async fn run(server: &ApiServer, arguments: &str) -> Vec<String> {
    let kubectl = kubectl(server, arguments);
    let status = kubectl.exited(BOUND).await.unwrap();
    let lines: Vec<String> = kubectl.output().iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(status.success(), "{lines:?}");
    lines
}

#[tokio::test]
async fn it_prints_events_and_pods() {
    skip_unless!(Tool::Kubectl);
    let server = ApiServer::start().await.unwrap();
    for number in 0..3 {
        server.put(pod("shop", &format!("web-{number}"))).unwrap();
    }
    server
        .put(json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": "web-0.1"}, "type": "Warning",
            "reason": "BackOff", "message": "Back-off restarting", "involvedObject": {"kind": "Pod", "name": "web-0", "namespace": "shop"}}))
        .unwrap();
    let events = run(&server, "get events -A").await;
    assert_eq!(events[0], "NAMESPACE LAST SEEN TYPE REASON OBJECT MESSAGE");
    assert!(events[1].starts_with("shop ") && events[1].ends_with("Warning BackOff pod/web-0 Back-off restarting"), "{events:?}");
    let pods = run(&server, "get pods -n shop --chunk-size=2").await;
    assert_eq!((pods.len(), pods[0].as_str()), (4, "NAME READY STATUS RESTARTS AGE"));
    assert!(pods[3].starts_with("web-2 0/1 Running 0 "), "{pods:?}");
    assert_eq!(run(&server, "get po -n shop web-1 -o jsonpath={.metadata.labels.app}").await, ["web-1"]);
    assert_eq!(run(&server, "delete pod -n shop web-1 --wait=false").await, ["pod \"web-1\" deleted"]);
    assert_eq!(run(&server, "get pods -n shop -o name").await, ["pod/web-0", "pod/web-2"]);
}

#[tokio::test]
async fn it_follows_pods() {
    skip_unless!(Tool::Kubectl);
    let server = ApiServer::start().await.unwrap();
    server.put(pod("shop", "first")).unwrap();
    let kubectl = kubectl(&server, "get pods -n shop -w");
    let says = |wanted: &'static str| {
        let kubectl = &kubectl;
        kubectl.wait_for(wanted, BOUND, move || {
            let found = kubectl.output().iter().any(|line| line.contains(wanted));
            std::future::ready(found.then_some(()))
        })
    };
    says("first").await.unwrap();
    server.put(pod("shop", "second")).unwrap();
    says("second").await.unwrap();
    kubectl.terminate().unwrap();
}
