//! `opensearch` and a node of OpenSearch.

use anyhow::Result;
use herald_testkit::{
    servers::{
        Certificates,
        search::{OPENSEARCH, SearchServer},
    },
    tools::Tool,
};
use reqwest::Method;
use serde_json::Value;

use super::elasticsearch::{block, keys, refuse};
use crate::kind::{Kind, Refused, Wrong, not, with};

pub(crate) struct OpenSearch(SearchServer);

impl Kind for OpenSearch {
    const KIND: &'static str = "opensearch";
    const NEEDS: &'static [Tool] = &[OPENSEARCH];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Ok(Self(SearchServer::start(OPENSEARCH, None).await?))
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("OpenSearch {}", self.0.version().await?))
    }

    fn keys(&self, place: &str) -> String {
        keys(&self.0, place)
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        self.0.documents(place).await
    }

    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.0.start_again().await
    }

    async fn refuse(&mut self, place: &str) -> Result<Refused> {
        refuse(&self.0, place).await
    }

    async fn throttle(&mut self, place: &str) -> Result<()> {
        self.0.call(Method::PUT, place, None).await?;
        block(&self.0, place, true).await
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        block(&self.0, place, false).await
    }

    async fn wrong_credentials(&mut self, _: &str) -> Result<Wrong> {
        not("no security plugin of this version is published")
    }

    async fn start_tls(_: &Certificates) -> Result<Self> {
        not("no security plugin of this version is published")
    }

    fn asks_for_certificate() -> Result<()> {
        Ok(())
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        with(&keys(&self.0, place), &format!("tls: {tls}"))
    }
}
