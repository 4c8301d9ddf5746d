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
mod syntax;
mod values;
mod variables;

use std::{path::Path, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::{
    document::{Kind as NodeKind, Node},
    nats::{Encoding, Encodings, Limits, Nats, Storage, Streams, Tls as NatsTls},
    problem::{ConfigError, Findings, Problem, nearest},
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
    #[schemars(extend("default" = 5))]
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
    #[serde(deserialize_with = "receiver::apart")]
    #[schemars(skip)]
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
    let mut problems = Vec::new();
    document::parse(text, lookup, &mut problems).filter(|_| problems.is_empty()).ok_or(problems)
}

/// Takes what a file holds as text.
///
/// # Errors
/// When it is not UTF-8, with the place.
pub fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let last = good.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        Problem {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            ..Problem::general("this is not UTF-8, save the file in that encoding".to_owned())
        }
    })
}

/// A configuration with what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is not as meant, see [`Findings`].
    pub mistakes: Vec<Problem>,
    /// What works, but may surprise.
    pub warnings: Vec<Problem>,
    /// What is worth knowing.
    pub notes: Vec<Problem>,
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
        let fail = |problem| ConfigError::new(&file, vec![problem]);
        let bytes = std::fs::read(path)
            .map_err(|error| fail(Problem::general(format!("cannot read the file: {error}; name it with --conf or HERALD_CONF"))))?;
        let text = text(bytes).map_err(fail)?;
        let mut loaded = Self::parse(&file, &text, &|name| crate::env::var(name))?;
        loaded.config.nats.file = Some(path.to_owned());
        Ok(loaded)
    }

    /// Reads a text; `file` is its name in messages and `lookup` knows the variables.
    ///
    /// # Errors
    /// Every problem found; the text cannot be used.
    pub fn parse(file: &str, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
        let (config, Findings { errors, mistakes, warnings, notes }) = Self::examine(text, lookup);
        if errors.is_empty() { Ok(Loaded { config, mistakes, warnings, notes }) } else { Err(ConfigError::new(file, errors)) }
    }

    /// Reads a text as far as it can be read, and says everything that is wrong with it. What could not be read has its default in the configuration, which
    /// must not be used then.
    pub fn examine(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> (Self, Findings) {
        let mut findings = Findings::default();
        let Some(root) = document::parse(text, lookup, &mut findings.errors) else { return (Self::default(), findings) };
        let mut config: Self = root.read(&mut findings).unwrap_or_default();
        if let Some(list) = root.get("receivers") {
            config.receivers = receiver::read(list, &mut findings);
        }
        config.check(&root, &mut findings);
        (config, findings)
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

    fn check(&self, root: &Node, findings: &mut Findings) {
        let at = |path: &str, message: &str| root.problem_at(path, message.to_owned());
        if self.throttle_period.is_some() {
            if self.max_event_age_seconds.is_some() {
                findings.errors.push(at("throttlePeriod", "throttlePeriod and maxEventAgeSeconds are both set, keep maxEventAgeSeconds"));
            } else {
                findings.warnings.push(at("throttlePeriod", "throttlePeriod is the old name, call it maxEventAgeSeconds"));
            }
        }
        self.check_namespaces(root, findings);
        if self.leader_election.enabled && !is_object_name(&self.leader_election.id) {
            let message = "must be a name that Kubernetes takes for a Lease: lower-case letters, digits, - and .";
            findings.errors.push(root.unfit("leaderElection.leaderElectionID", message));
        }
        match (self.metrics_name_prefix.as_str(), root.get("metricsNamePrefix")) {
            ("", None) => findings.notes.push(Problem { path: "metricsNamePrefix".to_owned(), ..Problem::general(NO_PREFIX.to_owned()) }),
            ("", Some(_)) => findings.warnings.push(at("metricsNamePrefix", NO_PREFIX)),
            (prefix, _) if !is_metric_prefix(prefix) => {
                let message = "must match ^[a-zA-Z][a-zA-Z0-9_:]*_$, for example event_exporter_";
                findings.errors.push(root.unfit("metricsNamePrefix", message));
            }
            _ => {}
        }
        let mut require = |holds: bool, path: &str, message: &str| {
            if !holds {
                findings.errors.push(root.unfit(path, message));
            }
        };
        require(self.kube_qps > 0.0, "kubeQPS", "must be above 0");
        require(self.kube_burst > 0, "kubeBurst", "must be above 0");
        require(self.cache_size > 0, "cacheSize", "must be above 0; omitLookup: true switches lookups off");
        require(self.cache_size <= MOST_OBJECTS, "cacheSize", &format!("must be at most {MOST_OBJECTS}"));
        require(!self.shutdown_grace.0.is_zero(), "shutdownGrace", "must be above 0, or what is in flight could never be finished");
        self.nats.check(root, findings);
        receiver::check_names(&self.receivers, &mut findings.errors);
        self.route.check(receiver::names(root.get("receivers")).as_deref(), findings);
    }

    fn check_namespaces(&self, root: &Node, findings: &mut Findings) {
        let Self { namespace, namespaces, exclude_namespaces: excluded, .. } = self;
        if !namespace.is_empty() && !namespaces.is_empty() {
            findings
                .warnings
                .push(root.problem_at("namespace", "namespace and namespaces are both set, all of them are watched".to_owned()));
        }
        let lists = ["namespaces", "excludeNamespaces"].into_iter().filter_map(|key| root.get(key));
        let listed = lists.flat_map(|list| match &list.kind {
            NodeKind::Seq(items) => items.as_slice(),
            _ => &[],
        });
        let single = root.get("namespace").filter(|_| !namespace.is_empty());
        for node in listed.chain(single) {
            let NodeKind::Scalar { text, .. } = &node.kind else { continue };
            if !is_label_name(text) {
                findings.errors.push(node.problem(format!("found {}, {NO_NAMESPACE}", node.found())));
            }
        }
        let watched = self.watched_namespaces();
        if !watched.is_empty() && watched.iter().all(|name| excluded.contains(name)) {
            let message = "every namespace that is watched is left out, so nothing is exported; name others".to_owned();
            findings.errors.push(root.problem_at("excludeNamespaces", message));
        }
    }
}

/// More objects than a cache can be meant to hold.
const MOST_OBJECTS: usize = 10_000_000;

const NO_PREFIX: &str = "not set, so names such as events_sent stand alone among other programs' metrics; event_exporter_ is recommended";

/// What is wrong with a text that is no name of a namespace.
const NO_NAMESPACE: &str =
    "expected the name of a namespace: lower-case letters, digits and -, at most 63; patterns belong into the namespace of a rule";

/// Tells whether Kubernetes could have a namespace of this name.
fn is_label_name(name: &str) -> bool {
    name.len() <= 63 && is_object_name(name) && !name.contains('.')
}

/// Tells whether Kubernetes could have an object of this name.
fn is_object_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !name.is_empty() && name.len() <= 253 && name.chars().all(inside) && !name.starts_with(['-', '.']) && !name.ends_with(['-', '.'])
}

fn is_metric_prefix(prefix: &str) -> bool {
    prefix.starts_with(|c: char| c.is_ascii_alphabetic())
        && prefix.ends_with('_')
        && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests;
