//! The OpenMetrics 1.0 text format, which Prometheus asks for first and the prometheus crate does not write.
//!
//! A counter is called without `_total` in its TYPE line and with it in its samples; a counter whose name lacks the suffix is of type `unknown`, as
//! Go's client library prints it.

use std::fmt::Write as _;

use prometheus::proto::{LabelPair, MetricFamily, MetricType};

/// The format's media type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Prints families in the format. Writing to a `String` cannot fail, so the results of `write!` are not looked at.
pub(super) fn encode(families: &[MetricFamily]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    for family in families {
        let kind = family.get_field_type();
        let (title, type_name) = match (kind, family.name().strip_suffix("_total")) {
            (MetricType::COUNTER, Some(base)) => (base, "counter"),
            (MetricType::COUNTER, None) => (family.name(), "unknown"),
            (MetricType::GAUGE, _) => (family.name(), "gauge"),
            (MetricType::HISTOGRAM, _) => (family.name(), "histogram"),
            _ => (family.name(), "unknown"),
        };
        let _ = writeln!(out, "# HELP {title} {}\n# TYPE {title} {type_name}", escape(family.help()));
        for metric in family.get_metric() {
            let labels = metric.get_label();
            match kind {
                MetricType::COUNTER => sample(&mut out, family.name(), labels, None, &float(metric.get_counter().get_value())),
                MetricType::GAUGE => sample(&mut out, family.name(), labels, None, &float(metric.get_gauge().get_value())),
                MetricType::HISTOGRAM => {
                    let histogram = metric.get_histogram();
                    let bucket = format!("{title}_bucket");
                    for step in histogram.get_bucket().iter().filter(|step| step.upper_bound().is_finite()) {
                        sample(&mut out, &bucket, labels, Some(&float(step.upper_bound())), &step.cumulative_count().to_string());
                    }
                    sample(&mut out, &bucket, labels, Some("+Inf"), &histogram.get_sample_count().to_string());
                    sample(&mut out, &format!("{title}_sum"), labels, None, &float(histogram.get_sample_sum()));
                    sample(&mut out, &format!("{title}_count"), labels, None, &histogram.get_sample_count().to_string());
                }
                _ => {}
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

fn sample(out: &mut String, name: &str, labels: &[LabelPair], le: Option<&str>, value: &str) {
    out.push_str(name);
    let pairs = labels.iter().map(|label| (label.name(), label.value())).chain(le.map(|le| ("le", le)));
    for (at, (label, value)) in pairs.enumerate() {
        let _ = write!(out, "{}{label}=\"{}\"", if at == 0 { '{' } else { ',' }, escape(value));
    }
    if !labels.is_empty() || le.is_some() {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

fn float(value: f64) -> String {
    if value.is_finite() { format!("{value:?}") } else { value.to_string().replace("inf", "+Inf") }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
