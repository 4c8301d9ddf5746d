//! The one configuration file of all stages, and what is wrong with it.
//!
//! In goes the text of a `config.yaml`, as users of kubernetes-event-exporter have it; out comes a [`Config`] with warnings, or every problem found, each
//! with line, column and path. The steps: [`variables`] puts `${NAME}` where it stands, [`mod@document`] reads the YAML into a tree that knows its places,
//! [`decode`] turns a node into a type, this module checks what types cannot. A stage reads the parts it needs; a receiver's own keys stay a node, which
//! the sinks decode.
//!
//! Never: a value that came from a variable or belongs to a secret in a message.

mod decode;
mod document;
mod nats;
mod problem;
mod receiver;
mod route;
mod values;
mod variables;

use std::{path::Path, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::{
    document::{Kind as NodeKind, Node},
    nats::{Encoding, Encodings, Limits, Nats, Storage, Streams, Tls as NatsTls},
    problem::{ConfigError, Problem},
    receiver::{KINDS, Receiver, ReceiverOptions},
    route::{Patterns, Route, Rule},
    values::{Located, LogFormat, LogLevel, Period, Rate, Secret, Several},
};

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Least severe log level printed.
    pub log_level: LogLevel,
    /// Form of the log lines.
    pub log_format: LogFormat,
    /// Old name of `maxEventAgeSeconds`.
    pub throttle_period: Option<u64>,
    /// Oldest event, in seconds, that the first list of a fresh install exports.
    pub max_event_age_seconds: Option<u64>,
    /// Copied into every event; names the cluster in subjects.
    pub cluster_name: String,
    /// The one namespace to watch; empty for all.
    pub namespace: String,
    /// Several namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// Namespaces whose events are left out.
    pub exclude_namespaces: Vec<String>,
    /// Taking turns between several watchers.
    pub leader_election: LeaderElection,
    /// Requests a second to the API server, averaged.
    #[serde(rename = "kubeQPS")]
    pub kube_qps: f64,
    /// Requests to the API server that may come at once.
    pub kube_burst: u32,
    /// Put in front of every metric's name.
    pub metrics_name_prefix: String,
    /// Whether objects are not looked up at all.
    pub omit_lookup: bool,
    /// Objects whose metadata is kept in memory.
    pub cache_size: usize,
    /// How long an event waits for a lookup that fails before it is exported without.
    pub lookup_patience: Period,
    /// How long a stage may take to stop.
    pub shutdown_grace: Period,
    /// Whether rules look at `series.count`, `reportingComponent` and `reportingInstance` where an event has no `count`, `component` and `host`.
    pub match_reporting_fields: bool,
    /// Which event goes to which receiver.
    pub route: Route,
    /// What templates may see beside the event.
    pub templates: Templates,
    /// NATS.
    pub nats: Nats,
    /// Where events go.
    #[serde(skip)]
    pub receivers: Vec<Receiver>,
}

/// What templates may see beside the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Templates {
    /// Whether `env` and `expandenv` read the environment of the sinks.
    pub env: bool,
    /// Whether `getHostByName` asks the network; a template that calls it waits for the answer.
    pub network: bool,
}

/// Taking turns by a `coordination.k8s.io` Lease.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaderElection {
    /// Whether watchers take turns; otherwise all of them watch, and duplicates are dropped by their identity.
    pub enabled: bool,
    /// Name of the Lease.
    #[serde(rename = "leaderElectionID")]
    pub id: String,
}

impl Default for LeaderElection {
    fn default() -> Self {
        Self { enabled: false, id: "kubernetes-event-exporter".to_owned() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_level: LogLevel::default(),
            log_format: LogFormat::default(),
            throttle_period: None,
            max_event_age_seconds: None,
            cluster_name: String::new(),
            namespace: String::new(),
            namespaces: Vec::new(),
            exclude_namespaces: Vec::new(),
            leader_election: LeaderElection::default(),
            kube_qps: 50.0,
            kube_burst: 100,
            metrics_name_prefix: String::new(),
            omit_lookup: false,
            cache_size: 1_024,
            lookup_patience: Period(Duration::from_secs(300)),
            shutdown_grace: Period(Duration::from_secs(25)),
            match_reporting_fields: false,
            route: Route::default(),
            templates: Templates::default(),
            nats: Nats::default(),
            receivers: Vec::new(),
        }
    }
}

/// Reads a text as a tree of nodes that know their places, variables put in.
///
/// # Errors
/// What is wrong with the text as YAML, or with its variables.
pub fn document(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Node, Vec<Problem>> {
    document::parse(text, lookup)
}

/// A configuration with what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is not as meant: unknown keys, patterns that never match. Herald runs with them as the exporter before it did; `herald check` takes them for errors.
    pub mistakes: Vec<Problem>,
    /// What works, but may surprise.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// Logs what is not as meant and what may surprise.
    pub fn warn(&self, file: &Path) {
        for problem in self.mistakes.iter().chain(&self.warnings) {
            tracing::warn!("{}:{problem}", file.display());
        }
    }
}

impl Config {
    /// Reads a file, with variables from the process's environment.
    ///
    /// # Errors
    /// Every problem found; the file cannot be used.
    pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::new(&file, vec![Problem::general(format!("cannot read the file: {error}; name it with --conf or HERALD_CONF"))])
        })?;
        let mut loaded = Self::parse(&file, &text, &|name| crate::env::var(name))?;
        loaded.config.nats.file = Some(path.to_owned());
        Ok(loaded)
    }

    /// Reads a text; `file` is its name in messages and `lookup` knows the variables.
    ///
    /// # Errors
    /// Every problem found; the text cannot be used.
    pub fn parse(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
        let fail = |problems| ConfigError::new(file, problems);
        let root = document::parse(text, lookup).map_err(fail)?;
        let (mut errors, mut mistakes, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        let (own, receiver_nodes) = root.split("receivers");
        let mut config: Self = match decode::decode(&own) {
            Ok((config, unknown)) => {
                mistakes.extend(unknown);
                config
            }
            Err(problem) => {
                errors.push(problem);
                Self::default()
            }
        };
        if let Some(node) = receiver_nodes {
            config.receivers = receiver::read(&node, &mut errors, &mut mistakes);
        }
        config.check(&own, &mut errors, &mut mistakes, &mut warnings);
        if errors.is_empty() { Ok(Loaded { config, mistakes, warnings }) } else { Err(fail(errors)) }
    }

    /// Returns the namespaces to watch, empty for all.
    #[must_use]
    pub fn watched_namespaces(&self) -> Vec<String> {
        let mut all: Vec<String> = self.namespaces.iter().chain((!self.namespace.is_empty()).then_some(&self.namespace)).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Returns the oldest age an event found by the first list of a fresh install may have.
    #[must_use]
    pub fn max_event_age(&self) -> Duration {
        Duration::from_secs(self.max_event_age_seconds.or(self.throttle_period).unwrap_or(5))
    }

    fn check(&self, root: &Node, errors: &mut Vec<Problem>, mistakes: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
        let at = |path: &str, message: String| root.problem_at(path, message);
        if self.throttle_period.is_some() {
            if self.max_event_age_seconds.is_some() {
                errors.push(at("throttlePeriod", "throttlePeriod and maxEventAgeSeconds are both set, keep maxEventAgeSeconds".to_owned()));
            } else {
                warnings.push(at("throttlePeriod", "throttlePeriod is the old name, call it maxEventAgeSeconds".to_owned()));
            }
        }
        if !self.namespace.is_empty() && !self.namespaces.is_empty() {
            warnings.push(at("namespace", "namespace and namespaces are both set, all of them are watched".to_owned()));
        }
        if !self.metrics_name_prefix.is_empty() && !is_metric_prefix(&self.metrics_name_prefix) {
            errors.push(at(
                "metricsNamePrefix",
                format!("found {:?}, must match ^[a-zA-Z][a-zA-Z0-9_:]*_$, for example event_exporter_", self.metrics_name_prefix),
            ));
        }
        if !(self.kube_qps.is_finite() && self.kube_qps > 0.0) {
            errors.push(at("kubeQPS", format!("found {}, must be above 0", self.kube_qps)));
        }
        if self.kube_burst == 0 {
            errors.push(at("kubeBurst", "found 0, must be above 0".to_owned()));
        }
        if self.cache_size == 0 {
            errors.push(at("cacheSize", "found 0, must be above 0; omitLookup: true switches lookups off".to_owned()));
        }
        for (key, message) in self.nats.problems() {
            errors.push(at(&format!("nats.{key}"), message));
        }
        receiver::check_names(&self.receivers, errors);
        let names: Vec<&str> = self.receivers.iter().map(|receiver| receiver.name.value.as_str()).collect();
        self.route.check(&names, errors, mistakes, warnings);
    }
}

fn is_metric_prefix(prefix: &str) -> bool {
    prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && prefix.ends_with('_')
        && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests;
