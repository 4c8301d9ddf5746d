//! The benchmark on small numbers: it measures what it says, of Herald and of another exporter. Nothing is said about how good the figures are.

use std::{os::unix::fs::PermissionsExt as _, process::Command, time::Duration};

use herald_testkit::{nats::NatsServer, process::Process, scratch::Scratch, skip_unless, stage, tools::Tool};
use serde_json::Value;

const BOUND: Duration = Duration::from_secs(300);

/// The median of the row that is called so.
fn median(report: &Value, section: &str, what: &str) -> Option<f64> {
    let section = report["sections"].as_array()?.iter().find(|found| found["name"] == section)?;
    section["rows"].as_array()?.iter().find(|row| row["what"] == what)?["median"].as_f64()
}

#[tokio::test]
async fn figures_of_herald_and_of_another_exporter_are_measured() {
    skip_unless!(Tool::NatsServer);
    let scratch = Scratch::new("bench").unwrap();
    // Herald in one process takes the flags of the other exporter and stands in for it; it is killed, so a nats-server of its own would be left.
    let nats = NatsServer::start().await.unwrap();
    let herald = stage::bin("herald").unwrap();
    let script = format!("#!/bin/sh\nexec {} up --nats {} --metrics-address 127.0.0.1:0 \"$@\"\n", herald.display(), nats.url());
    let peer = scratch.write("peer.sh", &script).unwrap();
    std::fs::set_permissions(&peer, std::fs::Permissions::from_mode(0o755)).unwrap();
    let json = scratch.path().join("bench.json");
    let mut command = Command::new(stage::bin("herald-bench").unwrap());
    command.args(["throughput", "latency", "start", "peer", "--runs", "1", "--events", "300", "--seconds", "1", "--peer"]);
    command.arg(&peer).arg("--json").arg(&json);

    let bench = Process::spawn("bench", &command, None).unwrap();
    let status = bench.exited(BOUND).await.unwrap();

    assert!(status.success(), "{}", bench.output().join("\n"));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    for (section, what) in [
        ("throughput", "file, 1,000 objects: Herald"),
        ("throughput", "file, 1,000 objects: bare relay"),
        ("throughput", "webhook, 100,000 objects: ratio"),
        ("throughput", "webhook, 1,000 objects: peak sinks"),
        ("latency", "100 events/s: p99"),
        ("latency", "1000 events/s: p99.9"),
        ("start", "fresh: streams are made, the event is listed"),
        ("start", "size of herald-watcher"),
        ("peer", "Herald: speed"),
        ("peer", "peer: speed"),
        ("peer", "peer: 100 events/s, p50"),
        ("peer", "peer: peak memory"),
    ] {
        assert!(median(&report, section, what).is_some_and(|figure| figure > 0.0), "{section}, {what} in {report:#}");
    }
    for who in ["Herald", "peer"] {
        assert_eq!(median(&report, "peer", &format!("{who}: 300 events at once, delivered")), Some(300.0));
        assert_eq!(median(&report, "peer", &format!("{who}: lost")), Some(0.0));
        assert_eq!(median(&report, "peer", &format!("{who}: reads of 1000 objects")), Some(1_000.0));
    }
}
