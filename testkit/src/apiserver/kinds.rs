//! The kinds of objects the simulated API server knows.
//!
//! In: registrations. Out: the kind that a path or a name means. It never knows objects.

use std::sync::Arc;

/// A kind of object and the resource it is served as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The API group, empty for core.
    pub group: String,
    /// The version, for instance `v1`.
    pub version: String,
    /// The kind, for instance `Pod`.
    pub kind: String,
    /// The resource's plural name, for instance `pods`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The abbreviations that kubectl takes.
    pub short_names: Vec<String>,
}

impl Kind {
    /// The resource as Kubernetes names it without the version: `pods`, `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The `apiVersion` of its objects: `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether `name` means this resource: `deployments.apps`, or `deployments`.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name == self.plural
            || name.strip_prefix(&self.plural).and_then(|rest| rest.strip_prefix('.')).is_some_and(|group| group == self.group)
    }

    /// The beginning of the JSON of every object of this kind.
    pub(super) fn json_start(&self) -> String {
        format!("{{\"apiVersion\":\"{}\",\"kind\":\"{}\",", self.api_version(), self.kind)
    }
}

/// Group, version, kind, plural, in namespaces, abbreviations separated by spaces.
const BUILT_IN: &[(&str, &str, &str, &str, bool, &str)] = &[
    ("", "v1", "ConfigMap", "configmaps", true, "cm"),
    ("", "v1", "Endpoints", "endpoints", true, "ep"),
    ("", "v1", "Event", "events", true, "ev"),
    ("", "v1", "Namespace", "namespaces", false, "ns"),
    ("", "v1", "Node", "nodes", false, "no"),
    ("", "v1", "PersistentVolume", "persistentvolumes", false, "pv"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, "pvc"),
    ("", "v1", "Pod", "pods", true, "po"),
    ("", "v1", "ReplicationController", "replicationcontrollers", true, "rc"),
    ("", "v1", "Secret", "secrets", true, ""),
    ("", "v1", "Service", "services", true, "svc"),
    ("", "v1", "ServiceAccount", "serviceaccounts", true, "sa"),
    ("apps", "v1", "DaemonSet", "daemonsets", true, "ds"),
    ("apps", "v1", "Deployment", "deployments", true, "deploy"),
    ("apps", "v1", "ReplicaSet", "replicasets", true, "rs"),
    ("apps", "v1", "StatefulSet", "statefulsets", true, "sts"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true, "hpa"),
    ("batch", "v1", "CronJob", "cronjobs", true, "cj"),
    ("batch", "v1", "Job", "jobs", true, ""),
    ("coordination.k8s.io", "v1", "Lease", "leases", true, ""),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", true, "ing"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true, "pdb"),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", false, "sc"),
];

/// All kinds that are served.
#[derive(Debug)]
pub(super) struct Kinds {
    kinds: Vec<Arc<Kind>>,
}

impl Kinds {
    /// The kinds of Kubernetes itself.
    pub(super) fn built_in() -> Self {
        let kinds = BUILT_IN
            .iter()
            .map(|&(group, version, kind, plural, namespaced, short)| {
                Arc::new(Kind {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    kind: kind.to_owned(),
                    plural: plural.to_owned(),
                    namespaced,
                    short_names: short.split_whitespace().map(str::to_owned).collect(),
                })
            })
            .collect();
        Self { kinds }
    }

    /// Adds a kind; one of the same group, version and plural is replaced.
    pub(super) fn register(&mut self, kind: Kind) {
        self.kinds.retain(|known| (&known.group, &known.version, &known.plural) != (&kind.group, &kind.version, &kind.plural));
        self.kinds.push(Arc::new(kind));
    }

    pub(super) fn all(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// The kind served at a path.
    pub(super) fn at(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.kinds.iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural).cloned()
    }

    /// The kind that an object says it is.
    pub(super) fn of(&self, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
        self.kinds.iter().find(|known| known.kind == kind && known.api_version() == api_version).cloned()
    }

    /// The kind of a resource's name, `pods` or `deployments.apps`.
    pub(super) fn called(&self, resource: &str) -> Option<Arc<Kind>> {
        self.kinds.iter().find(|kind| kind.is_called(resource)).cloned()
    }
}
