//! The permissions that ship with Herald are enough, and no more.

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    kubernetes::{ApiClient, ControlPlane},
    skip_unless,
    tools::Tool,
};
use serde_json::{Value, json};

use crate::{
    harness::{Pipeline, USUAL, event, identity, namespace, pod},
    manifests::{authorized, render},
};

/// The path an object is created at.
fn path_of(object: &Value) -> Result<String> {
    let field = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (api, kind) = (field("/apiVersion").context("no apiVersion")?, field("/kind").context("no kind")?);
    let name = field("/metadata/name").context("no name")?;
    let plural = match kind {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    let root = if api == "v1" { "/api/v1".to_owned() } else { format!("/apis/{api}") };
    let space = field("/metadata/namespace").map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    Ok(format!("{root}{space}/{plural}/{name}"))
}

async fn apply(admin: &ApiClient, objects: &[Value]) -> Result<usize> {
    // A namespace comes before what is in it.
    let (first, rest): (Vec<&Value>, Vec<&Value>) = objects.iter().partition(|object| object["kind"] == "Namespace");
    for object in first.into_iter().chain(rest) {
        let path = path_of(object)?;
        admin.apply(&path, object).await.with_context(|| format!("the API server refuses {path}"))?;
    }
    Ok(objects.len())
}

#[tokio::test]
async fn the_manifests_are_accepted_and_their_permissions_are_enough() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver, Tool::Kubectl);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    for manifests in [render("overlays/external-nats")?, authorized("overlays/ha")?, render("overlays/ha")?, render("base")?] {
        ensure!(apply(&admin, &manifests).await? > 20, "next to nothing");
    }
    namespace(&admin, "permissions").await?;
    let web = pod(&admin, "permissions", "web").await?;
    let secret =
        admin.create("/api/v1/namespaces/permissions/secrets", &json!({"metadata": {"name": "s", "labels": {"name": "s"}}})).await?;
    let watcher = plane.kubeconfig_for(&plane.service_account("herald", "herald-watcher").await?)?;
    let enricher = plane.kubeconfig_for(&plane.service_account("herald", "herald-enricher").await?)?;
    // The watcher lists every namespace, as it ships; the rule keeps to the test's.
    let config = format!(
        "{USUAL}route: {{routes: [{{match: [{{namespace: ^permissions$, receiver: out}}]}}]}}\nreceivers: [{{name: out, file: {{path: OUT}}}}]\n"
    );
    let pipeline = Pipeline::launch(&[&watcher, &enricher, &enricher, &enricher], 1, &config).await?;
    let mut wanted = Vec::new();
    for number in 0..3 {
        wanted.push(identity(&event(&admin, "permissions", &format!("p-{number}"), &web, "Pod").await?));
        wanted.push(identity(&event(&admin, "permissions", &format!("s-{number}"), &secret, "Secret").await?));
    }
    let delivered = pipeline.wait_for(&wanted).await?;
    for identity in &wanted {
        let event: Value = serde_json::from_str(&delivered[identity].1)?;
        let object = &event["involvedObject"];
        let readable = object["kind"] == "Pod";
        ensure!(object["labels"].is_object() == readable, "labels of a {}: {}", object["kind"], object["labels"]);
    }
    let said = pipeline.log("herald-enricher").iter().filter(|line| line.contains("forbid") && line.contains("Secret")).count();
    ensure!(said == 1, "said {said} times that secrets may not be read");
    Ok(())
}

#[tokio::test]
async fn a_role_in_each_namespace_is_enough_for_a_watcher_of_namespaces() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    let spaces = ["narrow-a", "narrow-b"];
    for space in spaces {
        namespace(&admin, space).await?;
    }
    admin.create("/api/v1/namespaces/narrow-a/serviceaccounts", &json!({"metadata": {"name": "watcher"}})).await?;
    for space in spaces {
        let rights = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{space}");
        let role = json!({
            "metadata": {"name": "events"},
            "rules": [{"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]}],
        });
        admin.create(&format!("{rights}/roles"), &role).await?;
        let binding = json!({
            "metadata": {"name": "events"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "events"},
            "subjects": [{"kind": "ServiceAccount", "name": "watcher", "namespace": "narrow-a"}],
        });
        admin.create(&format!("{rights}/rolebindings"), &binding).await?;
    }
    let watcher = plane.kubeconfig_for(&plane.service_account("narrow-a", "watcher").await?)?;
    let config = format!(
        "{USUAL}omitLookup: true\nnamespaces: [narrow-a, narrow-b]\nroute: {{match: [{{receiver: out}}]}}\n\
         receivers: [{{name: out, file: {{path: OUT}}}}]\n"
    );
    let pipeline = Pipeline::launch(&[&watcher; 4], 1, &config).await?;
    let mut wanted = Vec::new();
    for space in spaces {
        let web = pod(&admin, space, "web").await?;
        wanted.push(identity(&event(&admin, space, "e", &web, "Pod").await?));
    }
    pipeline.wait_for(&wanted).await?;
    Ok(())
}
