//! Kinds with a server that runs here: the product itself, or what its makers or we have instead.

use std::time::Duration;

use anyhow::Result;

use super::kind::{Kind, Line, MANY, SOME};
use crate::{
    bench::receiver::Receiver,
    scratch::Port,
    servers::{
        bigquery::{self, BigQuery},
        kafka::{KAFKA, KafkaOptions, KafkaServer, Listener},
        loki::{LOKI, Loki},
        otelcol::{Asks, Collector, OTELCOL, Takes},
        pubsub::{self, PUBSUB, PubSub},
        rsyslog::{RSYSLOG, Rsyslog},
        search::{ELASTICSEARCH, OPENSEARCH, SearchServer},
    },
    tools::Tool,
};

/// Events a second that kinds for many events must reach.
const WANTED: f64 = 5_000.0;

pub(super) struct Webhook(Receiver);

impl Kind for Webhook {
    const NAME: &'static str = "webhook";
    const EVENTS: u64 = MANY;
    const WANTED: Option<f64> = Some(WANTED);

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self(Receiver::start(Duration::ZERO).await?))
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.0.url().to_owned())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("webhook: {{endpoint: \"http://{at}/{place}\"}}")
    }
}

/// Elasticsearch, or OpenSearch.
pub(super) struct Search<const OPEN: bool>(SearchServer);

impl<const OPEN: bool> Search<OPEN> {
    const PRODUCT: Tool = if OPEN { OPENSEARCH } else { ELASTICSEARCH };
}

impl<const OPEN: bool> Kind for Search<OPEN> {
    const NAME: &'static str = if OPEN { "opensearch" } else { "elasticsearch" };
    const NEEDS: Option<Tool> = Some(Self::PRODUCT);
    const EVENTS: u64 = MANY;
    const WANTED: Option<f64> = Some(WANTED);

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self(SearchServer::start(Self::PRODUCT, None).await?))
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.0.url())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("{}: {{hosts: [\"http://{at}\"], index: {place}}}", Self::NAME)
    }
}

impl Kind for Loki {
    const NAME: &'static str = "loki";
    const NEEDS: Option<Tool> = Some(LOKI);
    const EVENTS: u64 = MANY;
    const WANTED: Option<f64> = Some(WANTED);

    async fn start(_: &Port) -> Result<Self> {
        Self::start(None).await
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.url())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("loki: {{url: \"http://{at}/loki/api/v1/push\", tenantID: {place}}}")
    }
}

/// A broker tells its clients where it is: it has a listener for those that come through the proxy.
impl Kind for KafkaServer {
    const NAME: &'static str = "kafka";
    const NEEDS: Option<Tool> = Some(KAFKA);
    const EVENTS: u64 = MANY;
    const WANTED: Option<f64> = Some(WANTED);

    async fn start(far: &Port) -> Result<Self> {
        Self::start(KafkaOptions { certificates: None, creates_topics: true, far: Some(far.number()) }).await
    }

    fn url(&self, line: Line) -> Option<String> {
        Some(self.broker(if line == Line::Far { Listener::Far } else { Listener::Plain }))
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("kafka: {{topic: {place}, brokers: [\"{at}\"]}}")
    }
}

impl Kind for Rsyslog {
    const NAME: &'static str = "syslog";
    const NEEDS: Option<Tool> = Some(RSYSLOG);
    const EVENTS: u64 = MANY;

    async fn start(_: &Port) -> Result<Self> {
        Self::start(None).await
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.address())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("syslog: {{network: tcp, address: \"{at}\", tag: {place}, format: rfc5424}}")
    }
}

/// A Collector over HTTP or gRPC; it writes to a file.
pub(super) struct Otlp<const GRPC: bool>(Collector);

impl<const GRPC: bool> Kind for Otlp<GRPC> {
    const NAME: &'static str = if GRPC { "otlp over grpc" } else { "otlp over http" };
    const NEEDS: Option<Tool> = Some(OTELCOL);
    const EVENTS: u64 = MANY;

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self(Collector::start(Asks::Nothing, Takes::Usual).await?))
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(if GRPC { self.0.grpc() } else { self.0.http() })
    }

    fn keys(&self, at: &str, place: &str) -> String {
        let protocol = if GRPC { "grpc" } else { "http" };
        format!("otlp: {{endpoint: \"http://{at}\", protocol: {protocol}, resourceAttributes: {{place: {place}}}}}")
    }
}

impl Kind for PubSub {
    const NAME: &'static str = "pubsub";
    const STAND_IN: Option<&'static str> = Some("pstest");
    const NEEDS: Option<Tool> = Some(PUBSUB);
    const EVENTS: u64 = MANY;

    async fn start(_: &Port) -> Result<Self> {
        Self::start(None).await
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.url())
    }

    async fn prepare(&self, place: &str) -> Result<()> {
        self.create(place).await
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("pubsub: {{gcloud_project_id: {}, topic: {place}, endpoint: \"http://{at}\"}}", pubsub::PROJECT)
    }
}

/// Load jobs. A job that is not full waits for the kind's interval; the number of events leaves none that is not.
impl Kind for BigQuery {
    const NAME: &'static str = "bigquery";
    const STAND_IN: Option<&'static str> = Some("stand-in, full jobs");
    const EVENTS: u64 = SOME;

    async fn start(_: &Port) -> Result<Self> {
        Self::start(None).await
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.url())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        format!("bigquery: {{project: {}, dataset: events, table: {place}, endpoint: \"http://{at}\"}}", bigquery::PROJECT)
    }
}
