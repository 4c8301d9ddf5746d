//! Which receivers an event goes to, on one core: `cargo bench -p herald-router`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark of a configuration and an event that are known to be right")]

use std::{fmt::Write as _, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use herald_common::config::Config;
use herald_router::{route::Tree, view::View};

const EVENT: &str = r#"{"metadata":{"name":"checkout-7d9f8c6b5-x2x4q.17c0f3a9be21d0f4","namespace":"shop","uid":"3f1c2a7e-7a52-4c1c-9a8e-0d4a3c1b2f10","resourceVersion":"48211930","creationTimestamp":"2026-03-01T00:14:03Z"},"reason":"BackOff","message":"Back-off restarting failed container web in pod checkout-7d9f8c6b5-x2x4q_shop(8a4e0c8e-6a1d-4b2d-8a55-9d1f5ad7f001)","source":{"component":"kubelet","host":"node-17"},"firstTimestamp":"2026-03-01T00:10:00Z","lastTimestamp":"2026-03-01T00:14:03Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"node-17","clusterName":"prod-eu","involvedObject":{"kind":"Pod","namespace":"shop","name":"checkout-7d9f8c6b5-x2x4q","uid":"8a4e0c8e-6a1d-4b2d-8a55-9d1f5ad7f001","apiVersion":"v1","resourceVersion":"48211702","labels":{"app":"checkout","team":"payments"},"annotations":{"prometheus.io/scrape":"true"},"deleted":false}}"#;

/// Every event to one receiver.
fn one() -> Tree {
    tree("route: {routes: [{match: [{receiver: all}]}]}\nreceivers: [{name: all, stdout: {}}]\n")
}

/// Twenty teams with three rules each, most of which do not match.
fn teams() -> Tree {
    let mut text = String::from("route:\n  drop: [{type: Normal, reason: Pulled|Created|Scheduled}]\n  routes:\n");
    for team in 0..20 {
        let _ = write!(
            text,
            "  - drop: [{{namespace: 'test-{team}-.*'}}]\n    match:\n    - {{labels: {{team: 'team-{team}'}}, receiver: all}}\n    - {{namespace: '^shop$', kind: Pod|Deployment, minCount: {team}, receiver: all}}\n"
        );
    }
    tree(&(text + "receivers: [{name: all, stdout: {}}]\n"))
}

fn tree(text: &str) -> Tree {
    Tree::compile(&Config::parse("bench", text, &|_| None).unwrap().config.route)
}

fn route(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode what rules look at", |bencher| bencher.iter(|| View::read(black_box(EVENT.as_bytes()), None).unwrap()));
    let view = View::read(EVENT.as_bytes(), None).unwrap();
    let event = view.event(true);
    for (name, tree) in [("one rule", one()), ("sixty rules", teams())] {
        assert!(!tree.route(&event).receivers.is_empty(), "the event is delivered");
        group.bench_function(name, |bencher| bencher.iter(|| tree.route(black_box(&event)).receivers.len()));
    }
    group.finish();
}

criterion_group!(benches, route);
criterion_main!(benches);
