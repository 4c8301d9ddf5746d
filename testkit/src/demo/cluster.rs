//! The objects of the demo workload.
//!
//! In: which object. Out: its path, its JSON, references to it. Pure.

use serde_json::{Value, json};

/// The namespaces of the workloads.
pub(super) const NAMESPACES: &[&str] = &["shop", "payments", "logistics"];
/// The nodes.
pub(super) const NODES: &[&str] = &["node-a", "node-b", "node-c"];

/// A deployment and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Workload {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) team: &'static str,
    pub(super) image: &'static str,
    /// The hash of its pod template.
    pub(super) hash: &'static str,
    pub(super) replica_set: &'static str,
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        namespace: "shop",
        name: "checkout",
        team: "storefront",
        image: "registry.example.com/shop/checkout:2.8.1",
        hash: "7d9f8c6b5",
        replica_set: "checkout-7d9f8c6b5",
    },
    Workload {
        namespace: "shop",
        name: "catalog",
        team: "storefront",
        image: "registry.example.com/shop/catalog:5.0.3",
        hash: "6c8b9d7f4",
        replica_set: "catalog-6c8b9d7f4",
    },
    Workload {
        namespace: "payments",
        name: "ledger",
        team: "money",
        image: "registry.example.com/payments/ledger:1.14.0",
        hash: "5f6d8b9c7",
        replica_set: "ledger-5f6d8b9c7",
    },
    Workload {
        namespace: "payments",
        name: "gateway",
        team: "money",
        image: "registry.example.com/payments/gateway:3.2.9",
        hash: "84c7d5f9b",
        replica_set: "gateway-84c7d5f9b",
    },
    Workload {
        namespace: "logistics",
        name: "tracker",
        team: "delivery",
        image: "registry.example.com/logistics/tracker:0.9.4",
        hash: "9b5c7f6d8",
        replica_set: "tracker-9b5c7f6d8",
    },
];

/// What an event can be about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum About {
    Deployment(Workload),
    ReplicaSet(Workload),
    Pod { workload: Workload, name: String },
    Node { name: String },
}

impl About {
    /// The path of the collection it is in.
    pub(super) fn collection(&self) -> String {
        match self {
            Self::Deployment(workload) => format!("/apis/apps/v1/namespaces/{}/deployments", workload.namespace),
            Self::ReplicaSet(workload) => format!("/apis/apps/v1/namespaces/{}/replicasets", workload.namespace),
            Self::Pod { workload, .. } => format!("/api/v1/namespaces/{}/pods", workload.namespace),
            Self::Node { .. } => "/api/v1/nodes".to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Deployment(workload) => workload.name,
            Self::ReplicaSet(workload) => workload.replica_set,
            Self::Pod { name, .. } | Self::Node { name } => name,
        }
    }

    /// The namespace of events about it: `default` for what is in none.
    pub(super) fn event_namespace(&self) -> &'static str {
        match self {
            Self::Deployment(workload) | Self::ReplicaSet(workload) | Self::Pod { workload, .. } => workload.namespace,
            Self::Node { .. } => "default",
        }
    }

    /// What owns it.
    pub(super) fn owner(&self) -> Option<Self> {
        match self {
            Self::ReplicaSet(workload) => Some(Self::Deployment(*workload)),
            Self::Pod { workload, .. } => Some(Self::ReplicaSet(*workload)),
            Self::Deployment(_) | Self::Node { .. } => None,
        }
    }

    fn api_version(&self) -> &'static str {
        match self {
            Self::Deployment(_) | Self::ReplicaSet(_) => "apps/v1",
            Self::Pod { .. } | Self::Node { .. } => "v1",
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Deployment(_) => "Deployment",
            Self::ReplicaSet(_) => "ReplicaSet",
            Self::Pod { .. } => "Pod",
            Self::Node { .. } => "Node",
        }
    }
}

/// The object to be created.
pub(super) fn object(about: &About, owner: Option<Value>) -> Value {
    let mut object = json!({"apiVersion": about.api_version(), "kind": about.kind(), "metadata": {"name": about.name()}});
    let metadata = &mut object["metadata"];
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([owner]);
    }
    match about {
        About::Node { name } => metadata["labels"] = json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": "zone-1"}),
        About::Deployment(workload) | About::ReplicaSet(workload) | About::Pod { workload, .. } => {
            metadata["namespace"] = json!(workload.namespace);
            metadata["labels"] = json!({"app": workload.name, "team": workload.team});
            metadata["annotations"] = json!({"example.com/runbook": format!("https://runbooks.example.com/{}", workload.name)});
        }
    }
    match about {
        About::Deployment(workload) => {
            metadata["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
            object["spec"] = scaled(workload, &json!({"app": workload.name}));
        }
        About::ReplicaSet(workload) => {
            let labels = json!({"app": workload.name, "pod-template-hash": workload.hash});
            metadata["labels"]["pod-template-hash"] = json!(workload.hash);
            metadata["annotations"]["deployment.kubernetes.io/desired-replicas"] = json!("3");
            object["spec"] = scaled(workload, &labels);
        }
        About::Pod { workload, .. } => {
            metadata["labels"]["pod-template-hash"] = json!(workload.hash);
            object["spec"] = pod_spec(workload);
            object["status"] = json!({"phase": "Running"});
        }
        About::Node { .. } => {}
    }
    object
}

fn scaled(workload: &Workload, labels: &Value) -> Value {
    json!({"replicas": 3, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod_spec(workload)}})
}

fn pod_spec(workload: &Workload) -> Value {
    json!({"containers": [{"name": workload.name, "image": workload.image}]})
}

/// The reference by which an object says who owns it.
pub(super) fn owner_reference(owner: &About, stored: &Value) -> Value {
    json!({"apiVersion": owner.api_version(), "kind": owner.kind(), "name": owner.name(), "uid": stored["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true})
}

/// The reference to an object in an event about it.
pub(super) fn reference(about: &About, stored: Option<&Value>) -> Value {
    if let About::Node { name } = about {
        // Kubelets use the name of their node as its UID.
        return json!({"kind": "Node", "name": name, "uid": name});
    }
    let mut reference =
        json!({"apiVersion": about.api_version(), "kind": about.kind(), "name": about.name(), "namespace": about.event_namespace()});
    if let Some(stored) = stored {
        reference["uid"] = stored["metadata"]["uid"].clone();
        reference["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
    }
    if let About::Pod { workload, .. } = about {
        reference["fieldPath"] = json!(format!("spec.containers{{{}}}", workload.name));
    }
    reference
}
