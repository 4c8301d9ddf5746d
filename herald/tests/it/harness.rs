//! A whole pipeline of separate processes, and a namespace on a real API server whose events it exports into a file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use herald_testkit::{
    kubernetes::ApiClient,
    nats::NatsServer,
    scratch::Scratch,
    stage::{Stage, StageOptions, bin},
    wait,
};
use serde_json::{Value, json};

/// How long anything may take that is not a measurement.
pub(crate) const BOUND: Duration = Duration::from_secs(90);

/// What most tests configure.
pub(crate) const USUAL: &str =
    "clusterName: e2e\nlogFormat: json\nmaxEventAgeSeconds: 600\nkubeQPS: 1000\nkubeBurst: 1000\nshutdownGrace: 5s\n";
/// Everything goes to the file.
pub(crate) const TO_FILE: &str = "route: {routes: [{match: [{receiver: out}]}]}\nreceivers: [{name: out, file: {path: OUT}}]\n";

/// The stages in the order of the pipeline.
pub(crate) const STAGES: [&str; 4] = ["herald-watcher", "herald-enricher", "herald-router", "herald-sinks"];

/// NATS and the four stages, ended when dropped.
pub(crate) struct Pipeline {
    pub(crate) nats: NatsServer,
    pub(crate) stages: Vec<Stage>,
    scratch: Scratch,
}

impl Pipeline {
    /// Starts a pipeline that exports one namespace into a file, with so many enrichers.
    pub(crate) async fn start(namespace: &str, kubeconfig: &Path, enrichers: usize) -> Result<Self> {
        Self::launch(&[kubeconfig; 4], enrichers, &format!("{USUAL}namespace: {namespace}\n{TO_FILE}")).await
    }

    /// Starts a pipeline of these kubeconfigs (one a stage) and this configuration, in which `OUT` stands for the path of the file.
    pub(crate) async fn launch(kubeconfigs: &[&Path; 4], enrichers: usize, config: &str) -> Result<Self> {
        let nats = NatsServer::start().await?;
        let urls = STAGES.map(|_| nats.url());
        Self::launch_on(nats, &urls, kubeconfigs, enrichers, config).await
    }

    /// Starts a pipeline on a NATS that each stage reaches at an address of its own.
    pub(crate) async fn launch_on(
        nats: NatsServer,
        urls: &[String; 4],
        kubeconfigs: &[&Path; 4],
        enrichers: usize,
        config: &str,
    ) -> Result<Self> {
        let scratch = Scratch::new("pipeline")?;
        let config = config.replace("OUT", &scratch.path().join("out.json").display().to_string());
        let conf = scratch.write("config.yaml", &config)?;
        let mut stages = Vec::new();
        for ((name, kubeconfig), url) in STAGES.iter().zip(kubeconfigs).zip(urls) {
            for _ in 0..if *name == "herald-enricher" { enrichers } else { 1 } {
                let log = scratch.path().join(format!("{name}.log"));
                stages.push(StageOptions::new(name).conf(&conf).kubeconfig(kubeconfig).nats(url).log(&log).start()?);
            }
        }
        let pipeline = Self { nats, stages, scratch };
        for stage in &pipeline.stages {
            stage.ready().await?;
        }
        Ok(pipeline)
    }

    /// Puts another configuration file in the place of the one the stages began with.
    pub(crate) fn replace_conf(&self, config: &str) -> Result<()> {
        let config = config.replace("OUT", &self.out().display().to_string());
        let fresh = self.scratch.write("fresh.yaml", &config)?;
        Ok(std::fs::rename(fresh, self.conf())?)
    }

    /// The configuration file.
    pub(crate) fn conf(&self) -> PathBuf {
        self.scratch.path().join("config.yaml")
    }

    fn out(&self) -> PathBuf {
        self.scratch.path().join("out.json")
    }

    /// What has been delivered: how often each `uid/resourceVersion` came, with its last text.
    pub(crate) fn delivered(&self) -> BTreeMap<String, (usize, String)> {
        let mut delivered = BTreeMap::new();
        // Not there before the first event.
        for line in std::fs::read_to_string(self.out()).unwrap_or_default().lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let (count, text) = delivered.entry(identity(&event)).or_insert((0, String::new()));
            *count += 1;
            line.clone_into(text);
        }
        delivered
    }

    /// Waits until all of these are delivered, and returns what is.
    pub(crate) async fn wait_for(&self, wanted: &[String]) -> Result<BTreeMap<String, (usize, String)>> {
        let all_there = || async {
            let delivered = self.delivered();
            wanted.iter().all(|identity| delivered.contains_key(identity))
        };
        let result = wait::until("every event to be delivered", BOUND, all_there).await;
        let delivered = self.delivered();
        result.with_context(|| {
            let missing: Vec<&String> = wanted.iter().filter(|identity| !delivered.contains_key(*identity)).collect();
            let first = &missing[..missing.len().min(5)];
            format!("{} of {} events are missing, the first: {first:?}\n{}", missing.len(), wanted.len(), self.told())
        })?;
        Ok(delivered)
    }

    /// What is known of the pipeline when something did not come: its status, and what the stages printed last.
    fn told(&self) -> String {
        let status = || -> Result<String> {
            let told = Command::new(bin("herald")?).args(["status", "--nats", &self.nats.url()]).output()?;
            Ok(String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned())
        };
        let mut told = status().unwrap_or_else(|error| format!("no status: {error:#}\n"));
        for name in STAGES {
            let printed = self.printed(name);
            let lines: Vec<&str> = printed.lines().collect();
            told.push_str(&format!("{name}:\n{}\n", lines[lines.len().saturating_sub(40)..].join("\n")));
        }
        told
    }

    /// Everything that the stages of a name printed.
    pub(crate) fn printed(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.scratch.path().join(format!("{name}.log"))).unwrap_or_default()).into_owned()
    }

    /// The log of a stage, as far as it is kept.
    pub(crate) fn log(&self, name: &str) -> Vec<String> {
        let at = STAGES.iter().position(|stage| *stage == name).unwrap_or_default();
        self.stages[at].process().output()
    }
}

/// `uid/resourceVersion` of an event, raw or exported.
pub(crate) fn identity(event: &Value) -> String {
    format!("{}/{}", text(event, "/metadata/uid"), text(event, "/metadata/resourceVersion"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Makes a namespace.
pub(crate) async fn namespace(admin: &ApiClient, name: &str) -> Result<()> {
    admin.create("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await?;
    Ok(())
}

/// Makes a pod with a label that tells its name.
pub(crate) async fn pod(admin: &ApiClient, namespace: &str, name: &str) -> Result<Value> {
    let pod = json!({
        "metadata": {"name": name, "labels": {"name": name}, "annotations": {"note": "from <here> & there"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}], "automountServiceAccountToken": false}
    });
    Ok(admin.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod).await?)
}

/// Makes an event about an object.
pub(crate) async fn event(admin: &ApiClient, namespace: &str, name: &str, about: &Value, kind: &str) -> Result<Value> {
    let now = now();
    let event = json!({
        "metadata": {"name": name}, "reason": "Tested", "message": format!("event {name}"), "type": "Normal", "count": 1,
        "firstTimestamp": now, "lastTimestamp": now, "source": {"component": "e2e"}, "reportingComponent": "", "reportingInstance": "",
        "involvedObject": {
            "kind": kind, "apiVersion": "v1", "namespace": namespace, "name": text(about, "/metadata/name"),
            "uid": text(about, "/metadata/uid"), "resourceVersion": text(about, "/metadata/resourceVersion")
        }
    });
    Ok(admin.create(&format!("/api/v1/namespaces/{namespace}/events"), &event).await?)
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
