//! `otlp` over HTTP and over gRPC, and an OpenTelemetry Collector; a place is an attribute of the resource.

use anyhow::{Result, ensure};
use herald_testkit::{
    servers::{
        Certificates,
        otelcol::{Asks, Collector, LARGEST, LARGEST_GRPC, OTELCOL, Takes},
    },
    tools::Tool,
    wait,
};
use serde_json::{Map, Value, json};

use crate::{
    check::deliver,
    events::{event, events},
    fixture::{BOUND, identity},
    kind::{Kind, Refused, SECRET, Wrong, with},
};

pub(crate) struct Otlp<const GRPC: bool> {
    collector: Collector,
    /// One that asks for a token.
    guarded: Option<Collector>,
}

impl<const GRPC: bool> Otlp<GRPC> {
    async fn with(asks: Asks<'_>) -> Result<Self> {
        Ok(Self { collector: Collector::start(asks, Takes::Little).await?, guarded: None })
    }

    fn keys_for(collector: &Collector, place: &str) -> String {
        let (protocol, address) = if GRPC { ("grpc", collector.grpc()) } else { ("http", collector.http()) };
        format!(
            "{{endpoint: \"{address}\", protocol: {protocol}, compression: none, resourceAttributes: {{place: {place}}}, attributes: {{copy: \"{{{{ .Message }}}}\"}}}}"
        )
    }

    /// What a Collector has written of a place.
    fn read(collector: &Collector, place: &str) -> Result<Vec<Value>> {
        let mut arrived = Vec::new();
        for record in collector.records()? {
            let mut resource = map(&record["resource"]["attributes"]);
            if resource.as_object_mut().and_then(|resource| resource.remove("place")) != Some(place.into()) {
                continue;
            }
            let observed = record["observedTimeUnixNano"].as_str().and_then(|text| text.parse::<u64>().ok());
            ensure!(observed.is_some_and(|observed| observed > 0), "observed at {}", record["observedTimeUnixNano"]);
            arrived.push(json!({
                "resource": resource, "attributes": map(&record["attributes"]), "body": record["body"]["stringValue"],
                "severity": [record["severityNumber"], record["severityText"]], "time": record["timeUnixNano"], "name": record["eventName"],
            }));
        }
        Ok(arrived)
    }
}

/// A list of keys and values as a map.
fn map(list: &Value) -> Value {
    let pairs = list.as_array().into_iter().flatten().map(|pair| {
        let value = pair["value"].as_object().and_then(|value| value.values().next()).cloned().unwrap_or_default();
        (pair["key"].as_str().unwrap_or_default().to_owned(), value)
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

impl<const GRPC: bool> Kind for Otlp<GRPC> {
    const KIND: &'static str = "otlp";
    const NEEDS: &'static [Tool] = &[OTELCOL];
    const EXACTLY_ONCE: bool = false;

    async fn start() -> Result<Self> {
        Self::with(Asks::Nothing).await
    }

    async fn product(&self) -> Result<String> {
        let over = if GRPC { "gRPC" } else { "HTTP" };
        Ok(format!("OpenTelemetry Collector {} over {over}", OTELCOL.pinned().unwrap_or_default()))
    }

    fn keys(&self, place: &str) -> String {
        Self::keys_for(&self.collector, place)
    }

    fn shown(event: &Value) -> Value {
        let name = event["metadata"]["name"].as_str().unwrap_or_default();
        let at: jiff::Timestamp = event["lastTimestamp"].as_str().unwrap_or_default().parse().unwrap_or_default();
        json!({
            "resource": {
                "k8s.cluster.name": "c", "k8s.namespace.name": "shop", "k8s.pod.name": name, "k8s.pod.uid": "u", "k8s.object.kind": "Pod",
                "k8s.object.name": name, "k8s.object.uid": "u", "k8s.object.api_version": "v1", "k8s.pod.label.app": "x",
            },
            "attributes": {
                "log.record.uid": identity(name), "k8s.event.name": name, "k8s.event.uid": name, "k8s.event.reason": "BackOff",
                "k8s.event.source": "kubelet", "k8s.event.start_time": at.to_string(), "k8s.event.count": "3",
                "copy": event["message"],
            },
            "body": event["message"], "severity": [13, "Warning"], "time": at.as_nanosecond().to_string(), "name": "k8s.event",
        })
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        Self::read(&self.collector, place)
    }

    /// It promises what it has written, and writes when it is asked to end.
    async fn stop(&mut self) -> Result<()> {
        self.collector.end().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.collector.start_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        let mut event = event("poison");
        // Its message is in the record twice.
        event["message"] = "x".repeat(if GRPC { LARGEST_GRPC / 2 } else { LARGEST / 2 }).into();
        let reason = if GRPC {
            "answered ResourceExhausted: grpc: received message larger than max"
        } else {
            "answered 400 Bad Request: http: request body too large"
        };
        Ok(Refused { event, reason: reason.to_owned() })
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        self.collector.limit_memory(true).await
    }

    async fn relieve(&mut self, _: &str) -> Result<()> {
        self.collector.limit_memory(false).await
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let guarded = self.guarded.insert(Collector::start(Asks::Token("right"), Takes::Little).await?);
        let keys = with(&Self::keys_for(guarded, place), &format!("headers: {{Authorization: Bearer {SECRET}}}"));
        let said = if GRPC { "answered Unauthenticated" } else { "answered 401 Unauthorized" };
        Ok(Wrong { keys, said })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Self::with(Asks::Certificate(certificates)).await
    }

    /// Headers, which may be a login, are sent; a body is compressed; each type has its severity.
    async fn besides(&mut self) -> Result<()> {
        let guarded = self.guarded.insert(Collector::start(Asks::Token("right"), Takes::Little).await?);
        let keys = Self::keys_for(guarded, "besides").replace("compression: none", "compression: gzip");
        let keys = with(&keys, "headers: {Authorization: \"Bearer {{ print `right` }}\"}");
        let mut events = events("besides", 20);
        events[7]["type"] = "Normal".into();
        deliver::<Self>(&keys, &events).await?;
        let all_there = || async { Self::read(guarded, "besides").is_ok_and(|arrived| arrived.len() >= events.len()) };
        wait::until("all to be written", BOUND, all_there).await?;
        let mut arrived = Self::read(guarded, "besides")?;
        arrived.sort_by_key(|record| record["resource"]["k8s.pod.name"].as_str().and_then(|name| name[8..].parse::<usize>().ok()));
        let wanted = events.iter().map(|event| {
            let mut shown = Self::shown(event);
            if event["type"] == "Normal" {
                shown["severity"] = json!([9, "Normal"]);
            }
            shown
        });
        let wanted: Vec<Value> = wanted.collect();
        ensure!(arrived == wanted, "{arrived:?} instead of {wanted:?}");
        Ok(())
    }
}
