//! What is sent of an event, made on one core: `cargo bench -p herald-sinks`.
//!
//! From the enriched bytes as they come from NATS to the bytes a receiver is sent: decoding, the event's Go types, rendering.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark of a configuration that is known to work")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use herald_common::config::Config;
use herald_sinks::{registry, render::Templates};

const EVENT: &str = include_str!("../../common/tests/conformance/live-with-owner.json");

/// A document of ten fields, as people index it, and no layout.
const RECEIVERS: &str = r#"
receivers:
  - name: layout of ten fields
    stdout:
      layout:
        "@timestamp": "{{ .GetTimestampISO8601 }}"
        cluster: "{{ .ClusterName }}"
        count: "{{ .Count }}"
        kind: "{{ .InvolvedObject.Kind }}"
        labels: "{{ toJson .InvolvedObject.Labels }}"
        message: "{{ .Message }}"
        name: "{{ .InvolvedObject.Name }}"
        namespace: "{{ .InvolvedObject.Namespace }}"
        reason: "{{ .Reason }}"
        type: "{{ .Type }}"
  - name: whole event with deDot
    stdout: {deDot: true}
"#;

fn bodies(criterion: &mut Criterion) {
    let config = Config::parse("bench.yaml", RECEIVERS, &|_| None).unwrap().config;
    let event = Bytes::from(EVENT.trim_end());
    let mut group = criterion.benchmark_group("body");
    group.throughput(Throughput::Elements(1));
    for receiver in &config.receivers {
        let built = registry::build(receiver, &Templates::default()).unwrap().built;
        group.bench_function(&receiver.name.value, |bencher| bencher.iter(|| built.preview(&event).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, bodies);
criterion_main!(benches);
