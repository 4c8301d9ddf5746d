//! Renders a second of messages as people write them, on one core: `cargo bench -p herald-template`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark of templates that are known to work")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use herald_template::{Functions, Host, Limits, Template, Value, go::time::Time, sprig};
use herald_template_event::EnhancedEvent;
use serde_json::json;

/// A world that stands still.
struct Still;

impl Host for Still {
    fn now(&self) -> Time {
        Time::default()
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

const TEMPLATES: [(&str, &str); 4] = [
    (
        "message",
        "*{{ .Type }}* {{ .Reason }} on {{ .InvolvedObject.Kind }} {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}: {{ .Message }} ({{ .Count }}x)",
    ),
    (
        "message with branches",
        "{{ if eq .Type \"Warning\" }}:warning:{{ else }}:ok:{{ end }} {{ .Reason }} {{ with .InvolvedObject }}{{ .Kind }}/{{ .Name }} {{ .Labels.team }}{{ end }} {{ printf \"%s-%d\" .ClusterName .Count }}",
    ),
    ("message with Sprig", "{{ .Reason | upper }} {{ .InvolvedObject.Labels.app | default \"-\" | quote }} {{ .Message | trunc 40 }}"),
    (
        "times and labels",
        "{{ .GetTimestampMs }} {{ .LastTimestamp }} {{ range $k, $v := .InvolvedObject.Labels }}{{ $k }}={{ $v }},{{ end }}",
    ),
];

fn render(criterion: &mut Criterion) {
    let event = EnhancedEvent::from_json(&json!({
        "metadata": {"name": "checkout-7d9f8c6b5-x2x4q.17c0f3a9be21d0f4", "namespace": "shop"},
        "reason": "BackOff", "message": "Back-off restarting failed container web in pod checkout-7d9f8c6b5-x2x4q_shop",
        "type": "Warning", "count": 7, "lastTimestamp": "2024-03-01T00:14:03Z", "clusterName": "prod-eu",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "checkout-7d9f8c6b5-x2x4q", "labels": {"app": "checkout", "team": "a"}},
    }));
    let functions = Functions::new().with(sprig::functions());
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(1));
    for (name, text) in TEMPLATES {
        let template = Template::parse(name, text, &functions).unwrap();
        let mut out = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                template.render(&mut out, Value::pointer_to(&event), &Still, Limits::default()).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
