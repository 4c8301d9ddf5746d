//! What the enricher remembers of objects, on one core: `cargo bench -p herald-enricher`.

#![allow(missing_docs, reason = "a benchmark")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use herald_common::event::{ObjectMetadata, ObjectReference};
use herald_enricher::cache::Cache;

const SIZE: usize = 1_024;

fn references(count: usize) -> Vec<ObjectReference> {
    let reference = |number: usize| ObjectReference {
        uid: format!("8a4e0c8e-6a1d-4b2d-8a55-{number:012x}"),
        resource_version: (48_211_702 + number).to_string(),
        ..ObjectReference::default()
    };
    (0..count).map(reference).collect()
}

fn cache(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache");
    group.throughput(Throughput::Elements(1));
    let metadata = Arc::new(ObjectMetadata::default());
    let known = references(SIZE);
    let mut full = Cache::new(SIZE);
    for reference in &known {
        full.put(reference, metadata.clone());
    }
    let mut at = 0;
    group.bench_function("hit", |bencher| {
        bencher.iter(|| {
            at = (at + 7) % SIZE;
            full.get(black_box(&known[at]))
        });
    });
    let many = references(SIZE * 16);
    let mut at = 0;
    group.bench_function("miss and replace", |bencher| {
        bencher.iter(|| {
            at = (at + 1) % many.len();
            if full.get(black_box(&many[at])).is_none() {
                full.put(&many[at], metadata.clone());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, cache);
criterion_main!(benches);
