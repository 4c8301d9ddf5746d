//! `opensearch` and a node of OpenSearch.

use anyhow::Result;
use herald_testkit::{
    servers::{
        Certificates, PASSWORD,
        front::Front,
        search::{OPENSEARCH, SearchServer},
    },
    tools::Tool,
};
use reqwest::Method;
use serde_json::Value;

use super::elasticsearch::{block, fills_a_data_stream, keeps_the_newest, keys, login, refuse};
use crate::kind::{Kind, Refused, SECRET, Wrong, with};

/// The security plugin of this version is not published, so login and TLS are those of a proxy.
pub(crate) struct OpenSearch {
    node: SearchServer,
    front: Option<Front>,
}

impl Kind for OpenSearch {
    const KIND: &'static str = "opensearch";
    const NEEDS: &'static [Tool] = &[OPENSEARCH];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Ok(Self { node: SearchServer::start(OPENSEARCH, None).await?, front: None })
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("OpenSearch {}; TLS and login by a proxy", self.node.version().await?))
    }

    fn keys(&self, place: &str) -> String {
        keys(&self.node.url(), place)
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        self.node.documents(place).await
    }

    async fn stop(&mut self) -> Result<()> {
        self.node.stop().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.node.start_again().await
    }

    async fn refuse(&mut self, place: &str) -> Result<Refused> {
        refuse(&self.node, place).await
    }

    async fn throttle(&mut self, place: &str) -> Result<()> {
        self.node.call(Method::PUT, place, None).await?;
        block(&self.node, place, true).await
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        block(&self.node, place, false).await
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let front = self.front.insert(Front::start(&self.node.url(), None).await?);
        Ok(Wrong { keys: login(&front.url(), place, SECRET), said: "answered 401 Unauthorized: no such user" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        let node = SearchServer::start(OPENSEARCH, None).await?;
        let front = Some(Front::start(&node.url(), Some(certificates)).await?);
        Ok(Self { node, front })
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        let url = self.front.as_ref().map(Front::url).unwrap_or_default();
        with(&login(&url, place, PASSWORD), &format!("tls: {tls}"))
    }

    async fn besides(&mut self) -> Result<()> {
        keeps_the_newest(self, &self.node).await?;
        fills_a_data_stream(self, &self.node).await
    }
}
