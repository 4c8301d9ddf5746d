//! `elasticsearch` and a node of Elasticsearch; what OpenSearch has in common with it.

use anyhow::{Result, ensure};
use herald_testkit::{
    servers::{
        Certificates, PASSWORD, USER,
        search::{ELASTICSEARCH, SearchServer},
    },
    tools::Tool,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    check::deliver,
    events::event,
    kind::{Kind, Refused, SECRET, Wrong, client_tls, with},
};

pub(crate) struct Elasticsearch {
    node: SearchServer,
    /// One that asks for a login.
    secure: Option<(SearchServer, Certificates)>,
}

impl Kind for Elasticsearch {
    const KIND: &'static str = "elasticsearch";
    const NEEDS: &'static [Tool] = &[ELASTICSEARCH];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Ok(Self { node: SearchServer::start(ELASTICSEARCH, None).await?, secure: None })
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("Elasticsearch {}", self.node.version().await?))
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
        let certificates = Certificates::new()?;
        let node = SearchServer::start(ELASTICSEARCH, Some(&certificates)).await?;
        let keys = with(&login(&node.url(), place, SECRET), &format!("tls: {}", client_tls(&certificates)));
        self.secure = Some((node, certificates));
        Ok(Wrong { keys, said: "answered 401 Unauthorized" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self { node: SearchServer::start(ELASTICSEARCH, Some(certificates)).await?, secure: None })
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        with(&login(&self.node.url(), place, PASSWORD), &format!("tls: {tls}"))
    }

    async fn besides(&mut self) -> Result<()> {
        keeps_the_newest(self, &self.node).await?;
        fills_a_data_stream(self, &self.node).await
    }
}

pub(super) fn keys(url: &str, place: &str) -> String {
    format!("{{hosts: [\"{url}\"], index: {place}}}")
}

/// The keys of a receiver that logs in.
pub(super) fn login(url: &str, place: &str, password: &str) -> String {
    with(&keys(url, place), &format!("username: {USER}, password: {password}"))
}

/// A mapping that one of the event's fields does not fit.
pub(super) async fn refuse(node: &SearchServer, place: &str) -> Result<Refused> {
    let mapping =
        json!({"mappings": {"properties": {"metadata": {"properties": {"labels": {"properties": {"poison": {"type": "integer"}}}}}}}});
    node.call(Method::PUT, place, Some(mapping)).await?;
    let mut event = event("poison");
    event["metadata"]["labels"] = json!({"poison": "arsenic"});
    Ok(Refused { event, reason: "failed to parse field [metadata.labels.poison] of type [integer]".to_owned() })
}

/// What a node does of itself when its disk is full.
pub(super) async fn block(node: &SearchServer, place: &str, is_blocked: bool) -> Result<()> {
    let value = if is_blocked { json!(true) } else { Value::Null };
    node.call(Method::PUT, &format!("{place}/_settings"), Some(json!({"index.blocks.read_only_allow_delete": value}))).await?;
    Ok(())
}

/// `useEventID`: an older version of an event never overwrites a newer one.
pub(super) async fn keeps_the_newest<K: Kind>(kind: &K, node: &SearchServer) -> Result<()> {
    let version = |name: &str, version: &str| {
        let mut event = event(name);
        event["metadata"]["uid"] = "recurring".into();
        event["metadata"]["resourceVersion"] = version.into();
        event
    };
    let events = [version("first", "8"), version("third", "10"), version("second", "9")];
    let keys = with(&kind.keys("newest"), "useEventID: true");
    for event in &events {
        deliver::<K>(&keys, std::slice::from_ref(event)).await?;
    }
    let documents = node.documents("newest").await?;
    ensure!(documents == events[1..2], "not the third version alone: {documents:?}");
    Ok(())
}

/// `dataStream`: documents of a data stream, with `@timestamp`, none twice.
pub(super) async fn fills_a_data_stream<K: Kind>(kind: &K, node: &SearchServer) -> Result<()> {
    let template = json!({"index_patterns": ["stream*"], "data_stream": {}, "template": {"settings": {"number_of_replicas": 0}}});
    node.call(Method::PUT, "_index_template/stream", Some(template)).await?;
    let mut event = event("streamed");
    for _ in 0..2 {
        deliver::<K>(&with(&kind.keys("stream"), "dataStream: true"), std::slice::from_ref(&event)).await?;
    }
    let documents = node.documents("stream").await?;
    let at = documents.first().map(|document| document["@timestamp"].clone()).unwrap_or_default();
    let time = |text: &Value| text.as_str().unwrap_or_default().parse::<jiff::Timestamp>().ok();
    ensure!(time(&at).is_some() && time(&at) == time(&event["lastTimestamp"]), "its time is {at}");
    event["@timestamp"] = at;
    ensure!(documents == [event], "not the event alone: {documents:?}");
    Ok(())
}
