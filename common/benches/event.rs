//! An event on its way through the stages, on one core: `cargo bench -p herald-common`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark of an event that is known to be one")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use herald_common::{
    config::Encoding,
    event::{self, EnrichedEvent, Event, ObjectMetadata},
    subjects::{Subjects, identity},
};

/// As kubelet and the API server write it.
const EVENT: &str = r#"{"kind":"Event","apiVersion":"v1","metadata":{"name":"checkout-7d9f8c6b5-x2x4q.17c0f3a9be21d0f4","namespace":"shop","uid":"3f1c2a7e-7a52-4c1c-9a8e-0d4a3c1b2f10","resourceVersion":"48211930","creationTimestamp":"2026-03-01T00:14:03Z","managedFields":[{"manager":"kubelet","operation":"Update","apiVersion":"v1","time":"2026-03-01T00:14:03Z","fieldsType":"FieldsV1","fieldsV1":{"f:count":{},"f:firstTimestamp":{},"f:involvedObject":{},"f:lastTimestamp":{},"f:message":{},"f:reason":{},"f:source":{"f:component":{},"f:host":{}},"f:type":{}}}]},"involvedObject":{"kind":"Pod","namespace":"shop","name":"checkout-7d9f8c6b5-x2x4q","uid":"8a4e0c8e-6a1d-4b2d-8a55-9d1f5ad7f001","apiVersion":"v1","resourceVersion":"48211702","fieldPath":"spec.containers{web}"},"reason":"BackOff","message":"Back-off restarting failed container web in pod checkout-7d9f8c6b5-x2x4q_shop(8a4e0c8e-6a1d-4b2d-8a55-9d1f5ad7f001)","source":{"component":"kubelet","host":"node-17"},"firstTimestamp":"2026-03-01T00:10:00Z","lastTimestamp":"2026-03-01T00:14:03Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"node-17"}"#;

fn enriched() -> EnrichedEvent {
    let object: ObjectMetadata = serde_json::from_str(
        r#"{"labels":{"app":"checkout","pod-template-hash":"7d9f8c6b5","team":"payments"},"annotations":{"prometheus.io/scrape":"true"},
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"checkout-7d9f8c6b5","uid":"u","controller":true}]}"#,
    )
    .unwrap_or_default();
    EnrichedEvent { cluster_name: "prod-eu".to_owned(), event: serde_json::from_str(EVENT).unwrap(), object }
}

fn decode(criterion: &mut Criterion) {
    let raw: Event = serde_json::from_str(EVENT).unwrap();
    let raw = rmp_serde::to_vec_named(&raw).unwrap();
    let exported = event::to_go_json(&enriched()).unwrap();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("watch line", |bencher| bencher.iter(|| serde_json::from_str::<Box<Event>>(black_box(EVENT)).unwrap()));
    let packed = Some(Encoding::MessagePack.content_type());
    group.bench_function("raw", |bencher| bencher.iter(|| event::decode_raw(black_box(&raw), packed).unwrap()));
    group.bench_function("enriched", |bencher| bencher.iter(|| event::decode_enriched(black_box(&exported), None).unwrap()));
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let enriched = enriched();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("raw", |bencher| bencher.iter(|| rmp_serde::to_vec_named(black_box(&enriched.event)).unwrap()));
    group.bench_function("enriched", |bencher| bencher.iter(|| event::to_go_json(black_box(&enriched)).unwrap()));
    group.finish();
}

fn names(criterion: &mut Criterion) {
    let subjects = Subjects::new("herald");
    let mut group = criterion.benchmark_group("names");
    group.throughput(Throughput::Elements(1));
    group.bench_function("subject", |bencher| {
        bencher.iter(|| {
            subjects.enriched(black_box("prod-eu"), black_box("Warning"), black_box("shop"), black_box("Pod"), black_box("BackOff"))
        });
    });
    group.bench_function("identity", |bencher| {
        bencher.iter(|| identity(black_box("prod-eu"), black_box("3f1c2a7e-7a52-4c1c-9a8e-0d4a3c1b2f10"), black_box("48211930")));
    });
    group.finish();
}

criterion_group!(benches, decode, encode, names);
criterion_main!(benches);
