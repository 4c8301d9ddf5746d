//! The control plane.

use std::time::Duration;

use herald_testkit::{
    kubernetes::{ApiClient, AuditRecord, ControlPlane, ControlPlaneOptions},
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::{Value, json};

const BOUND: Duration = Duration::from_secs(60);

async fn create_namespace(api: &ApiClient, name: &str) {
    api.create("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await.unwrap();
}

fn event(namespace: &str, name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "pod"},
        "reason": "Started", "message": "started", "type": "Normal", "count": 1,
    })
}

/// Waits for the record of a request: the log may be a moment behind the answer.
async fn logged(plane: &ControlPlane, wanted: impl Fn(&AuditRecord) -> bool) -> AuditRecord {
    let found = || std::future::ready(plane.audit().unwrap().into_iter().find(&wanted));
    wait::some("a record of the audit log", BOUND, found).await.unwrap()
}

#[tokio::test]
async fn an_event_is_stored_and_every_request_is_in_the_audit_log() {
    skip_unless!(Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await.unwrap();
    let api = plane.admin().unwrap();
    create_namespace(&api, "audited").await;
    let stored = api.create("/api/v1/namespaces/audited/events", &event("audited", "first")).await.unwrap();
    assert_eq!(stored["involvedObject"]["name"], "pod");
    assert!(!stored["metadata"]["resourceVersion"].as_str().unwrap().is_empty());
    let changed = api.patch("/api/v1/namespaces/audited/events/first", &json!({"count": 2})).await.unwrap();
    assert_eq!(changed["count"], 2);
    assert_eq!(api.get("/api/v1/namespaces/audited/events/first").await.unwrap()["count"], 2);
    api.delete("/api/v1/namespaces/audited/events/first").await.unwrap();
    assert_eq!(api.get("/api/v1/namespaces/audited/events/first").await.unwrap_err().code(), Some(404));

    let record = logged(plane, |record| record.verb == "get" && record.namespace == "audited" && record.code == 404).await;
    assert_eq!((record.user.as_str(), record.resource.as_str(), record.name.as_str()), ("admin", "events", "first"));
    assert_eq!(record.request_uri, "/api/v1/namespaces/audited/events/first");
    let records = plane.audit().unwrap();
    let verbs: Vec<&str> =
        records.iter().filter(|record| record.resource == "events" && record.namespace == "audited").map(|r| r.verb.as_str()).collect();
    assert_eq!(verbs, ["create", "patch", "get", "delete", "get"]);
    let read = records.iter().find(|record| record.verb == "get" && record.namespace == "audited" && record.code == 200).unwrap();
    assert_eq!(read.answer_kind, "Event");

    api.get_metadata("/api/v1/namespaces/audited").await.unwrap();
    logged(plane, |record| record.name == "audited" && record.answer_kind == "PartialObjectMetadata").await;
}

#[tokio::test]
async fn users_and_service_accounts_may_do_what_they_are_allowed_to_and_no_more() {
    skip_unless!(Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await.unwrap();
    let api = plane.admin().unwrap();
    create_namespace(&api, "guarded").await;
    api.create("/api/v1/namespaces/guarded/serviceaccounts", &json!({"metadata": {"name": "reader"}})).await.unwrap();
    let role = json!({
        "metadata": {"name": "event-reader"},
        "rules": [{"apiGroups": [""], "resources": ["events"], "verbs": ["list"]}],
    });
    api.create("/apis/rbac.authorization.k8s.io/v1/namespaces/guarded/roles", &role).await.unwrap();
    let binding = json!({
        "metadata": {"name": "event-readers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "event-reader"},
        "subjects": [
            {"kind": "ServiceAccount", "namespace": "guarded", "name": "reader"},
            {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "readers"},
        ],
    });
    api.create("/apis/rbac.authorization.k8s.io/v1/namespaces/guarded/rolebindings", &binding).await.unwrap();

    let account = plane.service_account("guarded", "reader").await.unwrap();
    let member = plane.user("anna", &["others", "readers"]).unwrap();
    let stranger = plane.user("bob", &["others"]).unwrap();
    let (events, pods) = ("/api/v1/namespaces/guarded/events", "/api/v1/namespaces/guarded/pods");
    for user in [&account, &member] {
        let api = plane.client_for(user).unwrap();
        // The API server learns of a binding by a watch of its own.
        wait::until("the permission", BOUND, || async { api.get(events).await.is_ok() }).await.unwrap();
        assert_eq!(api.get(pods).await.unwrap_err().code(), Some(403));
    }
    let refused = plane.client_for(&stranger).unwrap().get(events).await.unwrap_err();
    assert_eq!(refused.code(), Some(403));
    assert!(refused.to_string().contains(r#"User "bob" cannot list resource "events""#), "{refused}");
    logged(plane, |record| record.user == "bob" && record.code == 403 && record.groups.contains(&"others".to_owned())).await;
    logged(plane, |record| record.user == "system:serviceaccount:guarded:reader" && record.code == 200).await;
}

#[tokio::test]
async fn kubectl_takes_the_kubeconfigs() {
    skip_unless!(Tool::Etcd, Tool::KubeApiserver, Tool::Kubectl);
    let plane = ControlPlane::shared().await.unwrap();
    let kubectl = |kubeconfig: &std::path::Path| {
        let mut command = std::process::Command::new(Tool::Kubectl.path().unwrap());
        command.arg("--kubeconfig").arg(kubeconfig).args(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(kubectl(plane.kubeconfig()), "admin");
    assert_eq!(kubectl(&plane.kubeconfig_for(&plane.user("carl", &[]).unwrap()).unwrap()), "carl");
    plane.admin().unwrap().create("/api/v1/namespaces/default/serviceaccounts", &json!({"metadata": {"name": "robot"}})).await.unwrap();
    let robot = plane.service_account("default", "robot").await.unwrap();
    assert_eq!(kubectl(&plane.kubeconfig_for(&robot).unwrap()), "system:serviceaccount:default:robot");
}

#[tokio::test]
async fn a_killed_api_server_comes_back_and_forgets_what_its_options_say() {
    skip_unless!(Tool::Etcd, Tool::KubeApiserver);
    let options = ControlPlaneOptions {
        event_ttl: Some(Duration::from_secs(2)),
        compaction_interval: Some(Duration::from_secs(1)),
        ..ControlPlaneOptions::default()
    };
    let mut plane = ControlPlane::start(options).await.unwrap();
    let api = plane.admin().unwrap();
    let events = "/api/v1/namespaces/default/events";
    let stored = api.create(events, &event("default", "old")).await.unwrap();
    let url = plane.url();

    plane.kill_apiserver();
    assert_eq!(api.get(events).await.unwrap_err().code(), None);
    plane.restart_apiserver().await.unwrap();
    assert_eq!(plane.url(), url);

    // The event ends with its time to live, and a watch from its version is refused once the history is cut.
    wait::until("the end of the event", BOUND, || async {
        api.get(&format!("{events}/old")).await.is_err_and(|error| error.code() == Some(404))
    })
    .await
    .unwrap();
    let version = stored["metadata"]["resourceVersion"].as_str().unwrap();
    let watch = format!("{events}?watch=true&timeoutSeconds=1&resourceVersion={version}");
    wait::until("410", BOUND, || async {
        match api.text(&watch).await {
            Ok(stream) => stream.contains("\"code\":410"),
            Err(error) => error.code() == Some(410),
        }
    })
    .await
    .unwrap();
}
