//! Every metric Herald exposes; each name is written once, here.
//!
//! The names of the exporter Herald replaces are kept, with `metricsNamePrefix` in front; Herald's own follow with labels `stage` and, for sinks, `receiver`.
//! All series of a stage exist from its start, at zero, so that an alert can be written before the first failure.

mod open_metrics;

use std::sync::Arc;

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};

pub use self::open_metrics::CONTENT_TYPE as OPEN_METRICS_CONTENT_TYPE;

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    /// Events processed: published by the watcher.
    pub events_sent: IntCounter,
    /// Events the first list found and `maxEventAgeSeconds` left out.
    pub events_discarded: IntCounter,
    /// Watches and lists that ended in an error.
    pub watch_errors: IntCounter,
    /// Attempts to deliver that failed.
    pub send_event_errors: IntCounter,
    /// Object lookups answered by this replica's cache or the shared one.
    pub read_cache_hits: IntCounter,
    /// Object lookups that went to the API server.
    pub read_cache_misses: IntCounter,
    /// Events dropped by a rule, by the rule's name or path.
    pub dropped: IntCounterVec,
    /// Events a rule sent to its receiver, by the rule's name or path.
    pub matched: IntCounterVec,
    /// Attempts to load a changed configuration, by `result`: `success` or `failure`.
    pub config_reloads: IntCounterVec,
    /// Whether the configuration in use is the file's: 0 after a file that could not be used.
    pub config_current: IntGauge,
    /// Gap markers published, by reason.
    pub gaps: IntCounterVec,
    received: IntCounterVec,
    published: IntCounterVec,
    acked: IntCounterVec,
    retried: IntCounterVec,
    dead_lettered: IntCounterVec,
    lost: IntCounterVec,
    in_flight: IntGaugeVec,
    pending: IntGaugeVec,
    ack_pending: IntGaugeVec,
    delivery_seconds: HistogramVec,
}

/// The metrics of one stage, or of one receiver of the sinks; cheap to clone.
#[derive(Clone)]
pub struct StageMetrics {
    /// Messages or events taken in.
    pub received: IntCounter,
    /// Messages published, or events a receiver accepted.
    pub published: IntCounter,
    /// Messages acknowledged upstream.
    pub acked: IntCounter,
    /// Attempts repeated.
    pub retried: IntCounter,
    /// Messages given up and kept as dead letters.
    pub dead_lettered: IntCounter,
    /// Messages a stream's limits dropped before they were read.
    pub lost: IntCounter,
    /// Messages being worked on.
    pub in_flight: IntGauge,
    /// Messages waiting in the stream: the lag.
    pub pending: IntGauge,
    /// Messages handed out and not acknowledged, over all replicas.
    pub ack_pending: IntGauge,
    /// Seconds from the watcher's getting an event to its delivery.
    pub delivery_seconds: Histogram,
}

/// From 1 ms to about an hour.
const LATENCY_BUCKETS: [f64; 15] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3600.0];

impl Metrics {
    /// Counts a changed configuration that cannot be used.
    pub fn config_refused(&self) {
        self.config_reloads.with_label_values(&["failure"]).inc();
        self.config_current.set(0);
    }

    /// Makes the metrics of a process, every name with `prefix` in front.
    ///
    /// # Errors
    /// When `prefix` does not make valid names.
    pub fn new(prefix: &str) -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let family = Family { registry: &registry, prefix };
        let stage = ["stage", "receiver"];
        let metrics = Self {
            events_sent: family.counter("events_sent", "The total number of events processed")?,
            events_discarded: family.counter(
                "events_discarded",
                "The total number of events discarded because of being older than the maxEventAgeSeconds specified",
            )?,
            watch_errors: family.counter("watch_errors", "The total number of errors received from the watch")?,
            send_event_errors: family.counter("send_event_errors", "The total number of send event errors")?,
            read_cache_hits: family.counter(
                "kube_api_read_cache_hits",
                "The total number of read requests served from cache when looking up object metadata",
            )?,
            read_cache_misses: family.counter(
                "kube_api_read_cache_misses",
                "The total number of read requests served from kube-apiserver when looking up object metadata",
            )?,
            dropped: family.counters("herald_events_dropped_total", "Events that a rule or option kept from receivers", &["rule"])?,
            config_reloads: family.counters("herald_config_reloads_total", "Attempts to load a changed configuration", &["result"])?,
            config_current: family.register(IntGauge::new(
                family.name("herald_config_last_reload_successful"),
                "Whether the configuration in use is the file's",
            )?)?,
            gaps: family.counters("herald_gaps_total", "Gap markers published: places where events may be missing", &["reason"])?,
            received: family.counters("herald_events_received_total", "Events taken in", &stage)?,
            published: family.counters(
                "herald_events_published_total",
                "Events published downstream, or accepted by a receiver",
                &stage,
            )?,
            acked: family.counters("herald_events_acked_total", "Events acknowledged upstream", &stage)?,
            retried: family.counters("herald_events_retried_total", "Attempts that were repeated", &stage)?,
            dead_lettered: family.counters("herald_events_dead_lettered_total", "Events given up and kept as dead letters", &stage)?,
            matched: family.counters("herald_events_matched_total", "Events that a rule sent to its receiver", &["rule"])?,
            lost: family.counters("herald_events_lost_total", "Messages that a stream's limits dropped before they were read", &stage)?,
            in_flight: family.gauges("herald_events_in_flight", "Events being worked on", &stage)?,
            pending: family.gauges("herald_events_pending", "Events waiting in the stage's stream", &stage)?,
            ack_pending: family.gauges("herald_events_ack_pending", "Events handed out to all replicas and not acknowledged", &stage)?,
            delivery_seconds: family.register(HistogramVec::new(
                HistogramOpts::new(family.name("herald_delivery_seconds"), "Seconds from the watcher's getting an event to its delivery")
                    .buckets(LATENCY_BUCKETS.to_vec()),
                &stage,
            )?)?,
            registry: registry.clone(),
        };
        let build = family.gauges(
            "build_info",
            "A metric with a constant '1' value labeled by version and revision from which Herald was built",
            &["version", "revision"],
        )?;
        build.with_label_values(&[crate::VERSION, crate::REVISION]).set(1);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Arc::new(metrics))
    }

    /// Returns the metrics of a stage, all at zero.
    #[must_use]
    pub fn stage(&self, stage: &str) -> StageMetrics {
        self.receiver(stage, "")
    }

    /// Returns the metrics of one receiver of a stage, all at zero.
    #[must_use]
    pub fn receiver(&self, stage: &str, receiver: &str) -> StageMetrics {
        let labels = &[stage, receiver];
        StageMetrics {
            received: self.received.with_label_values(labels),
            published: self.published.with_label_values(labels),
            acked: self.acked.with_label_values(labels),
            retried: self.retried.with_label_values(labels),
            dead_lettered: self.dead_lettered.with_label_values(labels),
            lost: self.lost.with_label_values(labels),
            in_flight: self.in_flight.with_label_values(labels),
            pending: self.pending.with_label_values(labels),
            ack_pending: self.ack_pending.with_label_values(labels),
            delivery_seconds: self.delivery_seconds.with_label_values(labels),
        }
    }

    /// Prints all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// When a collector produces an invalid family.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }

    /// Prints all metrics in the OpenMetrics text format.
    #[must_use]
    pub fn open_metrics(&self) -> String {
        open_metrics::encode(&self.registry.gather())
    }
}

/// Makes and registers metrics with a prefix.
struct Family<'a> {
    registry: &'a Registry,
    prefix: &'a str,
}

impl Family<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::new(self.name(name), help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(self.name(name), help), labels)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(self.name(name), help), labels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_people_know_are_there_from_the_start() {
        let metrics = Metrics::new("event_exporter_").expect("valid prefix");
        let text = String::from_utf8(metrics.text().expect("encodes")).expect("text");
        for name in [
            "events_sent",
            "events_discarded",
            "watch_errors",
            "send_event_errors",
            "kube_api_read_cache_hits",
            "kube_api_read_cache_misses",
        ] {
            assert!(text.contains(&format!("# TYPE event_exporter_{name} counter\nevent_exporter_{name} 0\n")), "{name} in\n{text}");
        }
        assert!(text.contains("event_exporter_build_info{"));
        assert!(text.contains("process_resident_memory_bytes"));
    }

    #[test]
    fn open_metrics_follows_its_naming_rules() {
        let metrics = Metrics::new("").expect("valid prefix");
        metrics.stage("router").received.inc_by(3);
        metrics.receiver("sinks", "a\"b\\").delivery_seconds.observe(0.003);
        let text = metrics.open_metrics();
        assert!(text.contains("# TYPE events_sent unknown\nevents_sent 0.0\n"), "{text}");
        assert!(text.contains("# TYPE herald_events_received counter\n"), "{text}");
        assert!(text.contains("herald_events_received_total{receiver=\"\",stage=\"router\"} 3.0\n"), "{text}");
        assert!(text.contains("herald_delivery_seconds_bucket{receiver=\"a\\\"b\\\\\",stage=\"sinks\",le=\"0.005\"} 1\n"), "{text}");
        assert!(text.contains("le=\"+Inf\"} 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
