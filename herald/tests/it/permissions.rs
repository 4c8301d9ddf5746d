//! The permissions that ship with Herald are enough, and no more.

use std::collections::BTreeSet;

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

/// What an account may do in a namespace beyond what every account may, one `verb resource` (with the names it is limited to) each.
async fn rights(plane: &ControlPlane, account: &str, namespace: &str) -> Result<BTreeSet<String>> {
    let client = plane.client_for(&plane.service_account("herald", account).await?)?;
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}});
    let review = client.create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &review).await?;
    ensure!(review["status"]["incomplete"] == json!(false), "{review}");
    let mut all = BTreeSet::new();
    for rule in review["status"]["resourceRules"].as_array().context("rules")? {
        let words = |key: &str| rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        let names = words("resourceNames").join(",");
        for verb in words("verbs") {
            for group in words("apiGroups") {
                for resource in words("resources") {
                    all.insert(format!("{verb} {} {names}", format!("{resource}.{group}").trim_end_matches('.')).trim_end().to_owned());
                }
            }
        }
    }
    Ok(all)
}

#[tokio::test]
async fn nobody_may_more_than_its_work_needs() -> Result<()> {
    skip_unless!(Tool::Etcd, Tool::KubeApiserver, Tool::Kubectl);
    let plane = ControlPlane::shared().await?;
    let admin = plane.admin()?;
    apply(&admin, &render("base")?).await?;
    admin.create("/api/v1/namespaces/herald/serviceaccounts", &json!({"metadata": {"name": "anybody"}})).await?;
    let secret = json!({"metadata": {"name": "kept"}});
    admin.create("/api/v1/namespaces/herald/secrets", &secret).await?;
    let anybody = rights(plane, "anybody", "herald").await?;
    let of = async |account: &str, namespace: &str| -> Result<BTreeSet<String>> {
        Ok(rights(plane, account, namespace).await?.difference(&anybody).cloned().collect())
    };
    let set = |rights: &[&str]| rights.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let events = ["list events", "watch events"];
    let lease = ["create", "get", "patch", "update"].map(|verb| match verb {
        "create" => "create leases.coordination.k8s.io".to_owned(),
        verb => format!("{verb} leases.coordination.k8s.io herald-watcher,kubernetes-event-exporter"),
    });
    let with_lease: BTreeSet<String> = set(&events).into_iter().chain(lease).collect();
    ensure!(of("herald-watcher", "herald").await? == with_lease, "watcher: {:?}", of("herald-watcher", "herald").await?);
    ensure!(of("herald-watcher", "default").await? == set(&events), "the lease is of its own namespace only");
    for namespace in ["herald", "default"] {
        let enricher = of("herald-enricher", namespace).await?;
        ensure!(enricher.len() > 20, "{enricher:?}");
        for right in &enricher {
            let resource = right.strip_prefix("get ").with_context(|| format!("the enricher may {right}"))?;
            ensure!(!["*", "secrets", "configmaps"].iter().any(|kept| resource.contains(kept)), "the enricher may {right}");
        }
        for account in ["herald-router", "herald-sinks"] {
            ensure!(of(account, namespace).await?.is_empty(), "{account} may {:?}", of(account, namespace).await?);
        }
    }
    // And as the API server answers.
    for account in ["herald-watcher", "herald-enricher", "herald-router", "herald-sinks"] {
        let client = plane.client_for(&plane.service_account("herald", account).await?)?;
        for path in [
            "/api/v1/namespaces/herald/secrets/kept",
            "/api/v1/secrets",
            "/api/v1/configmaps",
            "/api/v1/namespaces/herald/configmaps/herald",
        ] {
            ensure!(client.get(path).await.is_err_and(|error| error.code() == Some(403)), "{account} reads {path}");
        }
        let event = json!({"metadata": {"name": "forged"}, "involvedObject": {"namespace": "herald"}});
        for (path, object) in
            [("events", &event), ("secrets", &json!({"metadata": {"name": "new"}})), ("pods", &json!({"metadata": {"name": "new"}}))]
        {
            let answer = client.create(&format!("/api/v1/namespaces/herald/{path}"), object).await;
            ensure!(answer.is_err_and(|error| error.code() == Some(403)), "{account} makes {path}");
        }
        ensure!(
            client.delete("/api/v1/namespaces/herald/secrets/kept").await.is_err_and(|error| error.code() == Some(403)),
            "{account} deletes"
        );
    }
    Ok(())
}
