//! `otlp` over HTTP as a server reads it: records and resources, headers, and what answers mean. What a Collector makes of them, over gRPC too, is in `servers`.

use std::collections::BTreeMap;

use herald_common::bus::header;
use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
};
use prost::Message as _;
use serde_json::json;

use crate::fixture::{Fixture, event, identity};

async fn start(keys: &str) -> (WebhookReceiver, Fixture) {
    let receiver = WebhookReceiver::start().await.expect("starts");
    let fixture = Fixture::prepare(&config(&receiver, keys)).await;
    (receiver, fixture)
}

fn config(receiver: &WebhookReceiver, keys: &str) -> String {
    format!("receivers:\n- {{name: r, otlp: {{endpoint: \"{}{keys}}}}}\n", receiver.url())
}

fn map(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

/// The records of all requests with what each is about.
fn records(receiver: &WebhookReceiver) -> Vec<(BTreeMap<String, String>, LogRecord)> {
    let mut all = Vec::new();
    for request in receiver.received() {
        let export = ExportLogsServiceRequest::decode(request.body).expect("an export");
        for logs in export.resource_logs {
            let resource = map(&logs.resource.unwrap_or_default().attributes);
            all.extend(logs.scope_logs.into_iter().flat_map(|scope| scope.log_records).map(|record| (resource.clone(), record)));
        }
    }
    all
}

/// An event about a container of a pod.
fn about(name: &str, type_: &str) -> Vec<u8> {
    json!({
        "metadata": {"name": format!("{name}.1"), "namespace": "shop", "uid": "e", "resourceVersion": "7"}, "reason": "BackOff", "message": "said",
        "source": {"component": "kubelet", "host": "node-1"}, "type": type_, "count": 3, "clusterName": "c",
        "firstTimestamp": "2024-03-01T00:00:00Z", "lastTimestamp": "2024-03-01T00:14:03Z",
        "involvedObject": {
            "kind": "Pod", "namespace": "shop", "name": name, "uid": "u", "apiVersion": "v1", "fieldPath": "spec.containers{web}", "deleted": false,
            "labels": {"app": "x"}, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "o"}]
        }
    })
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn a_record_is_the_event_and_its_resource_what_it_is_about() {
    skip_unless!(Tool::NatsServer);
    let (receiver, mut fixture) =
        start("\", compression: none, resourceAttributes: {team: '{{ .Namespace }}'}, attributes: {copy: '{{ .Reason }}'}").await;
    let types = [("Normal", 9), ("Warning", 13), ("Odd", 0)];
    for number in 0..12 {
        let name = format!("p-{number}");
        fixture.publish_payload("r", &name, about(&name, types[number % 3].0), "application/json").await;
    }
    fixture.run().await;
    fixture.settled("r").await;
    let mut records = records(&receiver);
    assert_eq!(records.len(), 12);
    records.sort_by_key(|(resource, _)| resource["k8s.pod.name"][2..].parse::<usize>().expect("a number"));
    for (number, (resource, record)) in records.into_iter().enumerate() {
        let (name, (type_, severity)) = (format!("p-{number}"), types[number % 3]);
        let wanted = json!({
            "k8s.cluster.name": "c", "k8s.namespace.name": "shop", "k8s.node.name": "node-1", "k8s.replicaset.name": "rs", "k8s.replicaset.uid": "o",
            "k8s.pod.name": name, "k8s.pod.uid": "u", "k8s.object.kind": "Pod", "k8s.object.name": name, "k8s.object.uid": "u",
            "k8s.object.api_version": "v1", "k8s.container.name": "web", "k8s.pod.label.app": "x", "team": "shop",
        });
        assert_eq!(json!(resource), wanted);
        assert_eq!((record.severity_number, record.severity_text.as_str()), (severity, type_));
        assert_eq!((record.time_unix_nano, record.event_name.as_str()), (1_709_252_043_000_000_000, "k8s.event"));
        assert!(record.observed_time_unix_nano > record.time_unix_nano);
        assert_eq!(record.body.and_then(|body| body.value), Some(Value::StringValue("said".to_owned())));
        let attributes = map(&record.attributes);
        for (key, value) in [
            ("log.record.uid", identity(&name).as_str()),
            ("k8s.event.reason", "BackOff"),
            ("k8s.event.start_time", "2024-03-01T00:00:00Z"),
            ("copy", "BackOff"),
        ] {
            assert_eq!(attributes[key], value, "{key}");
        }
    }
}

#[tokio::test]
async fn a_path_headers_and_a_layout_are_the_configurations() {
    skip_unless!(Tool::NatsServer);
    for (path, wanted) in [("", "/v1/logs"), ("/otlp/logs", "/otlp/logs")] {
        let (receiver, mut fixture) =
            start(&format!("{path}\", headers: {{X-Token: 't-{{{{ .Name }}}}'}}, layout: {{n: [1, '{{{{ .Name }}}}']}}")).await;
        fixture.run().await;
        fixture.publish("r", &["a"]).await;
        fixture.settled("r").await;
        let request = &receiver.received()[0];
        assert_eq!(
            (request.path.as_str(), &request.headers["x-token"], &request.headers["content-type"]),
            (wanted, &"t-a".parse().expect("a value"), &"application/x-protobuf".parse().expect("a value"))
        );
        let Some(Value::KvlistValue(list)) = records(&receiver).remove(0).1.body.and_then(|body| body.value) else { panic!("no map") };
        let Some(Value::ArrayValue(array)) = list.values[0].value.clone().and_then(|value| value.value) else { panic!("no list") };
        let values: Vec<_> = array.values.into_iter().filter_map(|value| value.value).collect();
        assert_eq!((list.values[0].key.as_str(), values), ("n", vec![Value::IntValue(1), Value::StringValue("a".to_owned())]));
    }
}

#[tokio::test]
async fn a_pause_is_kept_and_rejected_records_are_dead_letters() {
    skip_unless!(Tool::NatsServer);
    let (receiver, mut fixture) = start("\", compression: none").await;
    let partial = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "too old".to_owned() };
    let partial = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let partial = String::from_utf8(partial).expect("text").leak();
    receiver.rule(Rule::new(Answer::RetryAfter(503, 2)).containing("pause").times(1));
    receiver.rule(Rule::new(Answer::Says(200, partial)).containing("rejected"));
    fixture.run().await;
    fixture.publish("r", &["pause"]).await;
    fixture.settled("r").await;
    let times: Vec<_> = receiver.received().iter().filter(|request| !request.body.is_empty()).map(|request| request.at).collect();
    let pause = times[1].duration_since(times[0]);
    assert!(pause.as_millis() >= 1_990, "came again after {pause:?}");
    for name in ["good", "rejected", "other"] {
        fixture.publish_payload("r", name, event(name).into_bytes(), "application/json").await;
    }
    fixture.settled("r").await;
    let letters = fixture.dead("r").await;
    let of = |name| letters[0].headers.get(name).unwrap_or_default();
    assert_eq!((letters.len(), of(header::IDENTITY)), (1, identity("rejected").as_str()));
    assert!(of(header::DEAD_REASON).ends_with("/v1/logs rejected 1 of 1 records: too old"), "{}", of(header::DEAD_REASON));
}
