//! What the manifests say, rendered as `kubectl` does: confined pods, and users for NATS.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{scratch::Scratch, skip_unless, tools::Tool};
use serde_json::{Value, json};

const K8S: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s");
const KUSTOMIZATIONS: [&str; 3] = ["base", "overlays/ha", "overlays/external-nats"];

/// Renders a kustomization of the repository.
pub(crate) fn render(folder: &str) -> Result<Vec<Value>> {
    kustomize(&Path::new(K8S).join(folder))
}

/// Renders a kustomization of the repository with the component that gives NATS users.
pub(crate) fn authorized(folder: &str) -> Result<Vec<Value>> {
    let scratch = Scratch::new("kustomization")?;
    // kustomize takes relative paths only.
    let up: PathBuf = scratch.path().canonicalize()?.ancestors().skip(1).map(|_| "..").collect();
    let k8s = up.join(Path::new(K8S).canonicalize()?.strip_prefix("/")?);
    let text = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "herald",
        "resources": [k8s.join(folder)], "components": [k8s.join("components/nats-authorization")],
    });
    scratch.write("kustomization.yaml", &text.to_string())?;
    kustomize(scratch.path())
}

fn kustomize(folder: &Path) -> Result<Vec<Value>> {
    let rendered = Command::new(Tool::Kubectl.path()?).arg("kustomize").arg(folder).output()?;
    ensure!(rendered.status.success(), "kubectl kustomize {}: {}", folder.display(), String::from_utf8_lossy(&rendered.stderr));
    String::from_utf8(rendered.stdout)?.split("\n---\n").map(|document| Ok(serde_saphyr::from_str(document)?)).collect()
}

/// The objects of a kind whose pods are described.
fn workloads(objects: &[Value]) -> Vec<(&str, &Value)> {
    let pods = objects.iter().filter_map(|object| Some((object["metadata"]["name"].as_str()?, object.pointer("/spec/template/spec")?)));
    pods.collect()
}

#[test]
fn every_pod_is_confined() -> Result<()> {
    skip_unless!(Tool::Kubectl);
    for folder in KUSTOMIZATIONS {
        let objects = render(folder)?;
        let pods = workloads(&objects);
        ensure!(pods.len() >= 4, "{folder} has no pods");
        for (name, pod) in pods {
            let context = &pod["securityContext"];
            ensure!(
                context["runAsNonRoot"] == json!(true) && context["runAsUser"].as_u64().is_some_and(|user| user > 0),
                "{folder}: {name}"
            );
            ensure!(context["seccompProfile"] == json!({"type": "RuntimeDefault"}), "{folder}: {name}");
            let reads_the_cluster = ["herald-watcher", "herald-enricher"].contains(&name);
            ensure!(pod["automountServiceAccountToken"] == json!(reads_the_cluster), "{folder}: the token of {name}");
            for key in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
                ensure!(pod[key].is_null(), "{folder}: {name} sets {key}");
            }
            ensure!(pod["initContainers"].is_null(), "{folder}: {name} has containers this test does not look at");
            for container in pod["containers"].as_array().context("containers")? {
                let confined =
                    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
                ensure!(container["securityContext"] == confined, "{folder}: {name}: {}", container["securityContext"]);
                let writable = container["volumeMounts"].as_array().into_iter().flatten().filter(|mount| mount["readOnly"] != json!(true));
                let writable: Vec<&Value> = writable.map(|mount| &mount["name"]).collect();
                let declared = if name == "herald-nats" { vec!["data"] } else { Vec::new() };
                ensure!(writable == declared, "{folder}: {name} may write to {writable:?}");
            }
            for volume in pod["volumes"].as_array().into_iter().flatten() {
                ensure!(volume["hostPath"].is_null(), "{folder}: {name} mounts a folder of its node");
            }
        }
    }
    Ok(())
}

#[test]
fn with_the_component_each_stage_logs_in_as_itself() -> Result<()> {
    skip_unless!(Tool::Kubectl, Tool::NatsServer);
    for folder in ["base", "overlays/ha"] {
        let objects = authorized(folder)?;
        let mut passwords = Vec::new();
        for (name, pod) in workloads(&objects) {
            let container = &pod["containers"][0];
            let variables = container["env"].as_array().context("variables")?;
            let secret = |variable: &Value| variable.pointer("/valueFrom/secretKeyRef/key").and_then(Value::as_str).map(str::to_owned);
            if name == "herald-nats" {
                ensure!(container["args"] == json!(["--config=/etc/nats/authorized.conf"]), "{folder}: {}", container["args"]);
                passwords =
                    variables.iter().filter_map(|variable| Some((variable["name"].as_str()?.to_owned(), secret(variable)?))).collect();
                continue;
            }
            let user = name.trim_start_matches("herald-");
            ensure!(variables[0]["name"] == "HERALD_NATS_PASSWORD" && secret(&variables[0]).as_deref() == Some(user), "{folder}: {name}");
            let address = format!("nats://{user}:$(HERALD_NATS_PASSWORD)@herald-nats:4222");
            ensure!(variables[1] == json!({"name": "HERALD_NATS", "value": address}), "{folder}: {name}: {}", variables[1]);
        }
        ensure!(passwords.len() == 7 && passwords.iter().all(|(name, user)| *name == format!("HERALD_{}_PASSWORD", user.to_uppercase())));

        // The server reads the files as they are mounted.
        let config = objects.iter().find(|object| object["data"]["authorized.conf"].is_string()).context("the ConfigMap")?;
        let scratch = Scratch::new("nats-config")?;
        for (name, text) in config["data"].as_object().context("files")? {
            scratch.write(name, text.as_str().context("a text")?)?;
        }
        let check = |set: &[(String, String)]| {
            let mut command = Command::new(Tool::NatsServer.path()?);
            command.args(["-t", "--config"]).arg(scratch.path().join("authorized.conf")).env("POD_NAME", "herald-nats-0");
            anyhow::Ok(command.envs(set.iter().map(|(name, user)| (name, format!("0123{user}")))).output()?)
        };
        let checked = check(&passwords)?;
        ensure!(checked.status.success(), "{folder}: {}", String::from_utf8_lossy(&checked.stderr));
        ensure!(!check(&passwords[1..])?.status.success(), "{folder}: a password is missing, and the file was read after all");
    }
    Ok(())
}
