//! The simulated API server as a process of its own, and the control of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::helper::{self, Helper};
use crate::{
    apiserver::{ApiServer, Generation},
    process::Process,
};

/// The events of a plan that is to be carried out as fast as the server can.
const AT_ONCE: f64 = 1e9;

/// Runs the simulated API server until this process ends.
pub async fn serve() -> Result<()> {
    let server = ApiServer::start().await?;
    helper::say("url", server.url())?;
    helper::say("kubeconfig", server.kubeconfig()?.display())?;
    std::future::pending().await
}

/// A simulated API server in another process.
#[derive(Debug)]
pub(super) struct Api {
    helper: Helper,
    url: String,
    kubeconfig: PathBuf,
    http: reqwest::Client,
}

/// What was asked of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    /// GETs of objects.
    pub(super) total: u64,
    /// Distinct objects among them.
    pub(super) distinct: u64,
}

impl Api {
    pub(super) async fn start() -> Result<Self> {
        let helper = Helper::start("api-server", &["api-server"])?;
        let url = helper.said("url", helper::SOON).await?;
        let kubeconfig = helper.said("kubeconfig", helper::SOON).await?.into();
        // Making events takes as long as it takes.
        let http = crate::client::builder().timeout(Duration::from_secs(3_600)).build()?;
        Ok(Self { helper, url, kubeconfig, http })
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(super) fn process(&self) -> &Process {
        self.helper.process()
    }

    /// Makes the objects that events will be about, in a namespace, and no events.
    pub(super) async fn objects(&self, namespace: &str, objects: usize) -> Result<()> {
        self.generate(&Generation { namespace: namespace.to_owned(), ..Generation::new(AT_ONCE, 0, objects) }).await.map(drop)
    }

    /// Makes events at once about objects in a namespace.
    pub(super) async fn burst(&self, namespace: &str, events: u64, objects: usize) -> Result<u64> {
        let keep = usize::try_from(events).unwrap_or(usize::MAX);
        self.generate(&Generation { namespace: namespace.to_owned(), keep, ..Generation::new(AT_ONCE, events, objects) }).await
    }

    /// Makes the events of a plan and returns how many they are.
    pub(super) async fn generate(&self, plan: &Generation) -> Result<u64> {
        let made = self.ask(self.http.post(self.path("generate")).json(plan)).await?;
        made["made"].as_u64().context("the simulated API server did not say how many events it made")
    }

    /// Delays the answer to each GET.
    pub(super) async fn delay_reads(&self, delay: Duration) -> Result<()> {
        let fault = json!({"verb": "get", "trouble": {"delay": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)}});
        self.ask(self.http.post(self.path("faults")).json(&fault)).await.map(drop)
    }

    /// The reads since the start.
    pub(super) async fn reads(&self) -> Result<Reads> {
        let counters = self.ask(self.http.get(self.path("counters"))).await?;
        let reads = counters["reads"].as_array().map(Vec::as_slice).unwrap_or_default();
        let total = reads.iter().filter_map(|read| read["reads"]["total"].as_u64()).sum();
        Ok(Reads { total, distinct: reads.len() as u64 })
    }

    /// How many watches of events were begun.
    pub(super) async fn watches(&self) -> Result<u64> {
        let counters = self.ask(self.http.get(self.path("counters"))).await?;
        let requests = counters["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(requests
            .iter()
            .filter(|request| request[0] == "watch" && request[1] == "events")
            .filter_map(|request| request[2].as_u64())
            .sum())
    }

    fn path(&self, what: &str) -> String {
        format!("{}/_sim/{what}", self.url)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = request.send().await.context("the simulated API server did not answer")?;
        answer.error_for_status()?.json().await.context("the simulated API server's answer cannot be read")
    }
}
