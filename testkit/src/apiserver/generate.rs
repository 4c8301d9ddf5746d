//! Events at a steady rate, about a given number of pods.
//!
//! In: a plan. Out: events in the store, and which ones. Made for benchmarks: an event is encoded once, from text, and whoever watches
//! shares the bytes.

use std::{collections::VecDeque, io::Write as _, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    kinds::Kind,
    object,
    state::{Shared, State},
    write,
};

const TICK: Duration = Duration::from_millis(5);
/// How many events are written while the store is locked.
const BATCH: u64 = 256;
/// How many recent events can be repeated.
const REPEATABLE: usize = 1_000;
const REASONS: [(&str, &str, &str); 4] = [
    ("Normal", "Scheduled", "Successfully assigned the pod to node-1"),
    ("Normal", "Pulled", "Container image \\\"registry.example.com/web:1.4.2\\\" already present on machine"),
    ("Normal", "Started", "Started container web"),
    ("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
];

/// What events to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generation {
    /// Events per second, updates included.
    pub rate: f64,
    /// How many events, updates included.
    pub total: u64,
    /// Over how many pods.
    pub objects: usize,
    /// In which namespace.
    #[serde(default = "Generation::default_namespace")]
    pub namespace: String,
    /// What part of them are updates of an earlier event, from 0 to 1.
    #[serde(default)]
    pub repeats: f64,
    /// How many of the events are kept; older ones are deleted as if their time to live were over.
    #[serde(default = "Generation::default_keep")]
    pub keep: usize,
    /// Whether `eventTime` says, to the microsecond, when the version was made; else it is absent.
    #[serde(default)]
    pub stamped: bool,
}

impl Generation {
    /// Events about pods in the namespace `load`, without updates, of which the last 100,000 are kept.
    pub fn new(rate: f64, total: u64, objects: usize) -> Self {
        Self { rate, total, objects, namespace: Self::default_namespace(), repeats: 0.0, keep: Self::default_keep(), stamped: false }
    }

    /// The plan for a duration instead of a number of events.
    pub fn lasting(rate: f64, duration: Duration, objects: usize) -> Self {
        Self::new(rate, (rate * duration.as_secs_f64()).round().max(0.0) as u64, objects)
    }

    fn default_namespace() -> String {
        "load".to_owned()
    }

    fn default_keep() -> usize {
        100_000
    }
}

/// One version of a generated event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The event's UID.
    pub uid: String,
    /// The event's resourceVersion.
    pub resource_version: u64,
}

/// The pods that events are about.
struct Pods {
    namespace: String,
    /// Name, UID, resourceVersion.
    pods: Vec<(String, String, String)>,
}

/// An event that may be repeated.
struct Made {
    /// Counts new events from 0.
    sequence: u64,
    uid: String,
    name: String,
    pod: usize,
    first: String,
    count: u64,
}

/// Makes the events of a plan and returns them in order.
pub(super) async fn run(shared: &Arc<Shared>, plan: &Generation) -> Vec<Identity> {
    let Some((pod_kind, event_kind)) = ({
        let kinds = &shared.lock().kinds;
        kinds.called("pods").zip(kinds.called("events"))
    }) else {
        return Vec::new();
    };
    let pods = shared.change(|state| make_pods(state, &pod_kind, plan));
    let mut generator = Generator {
        run: rand::random(),
        pods,
        kind: event_kind,
        recent: VecDeque::new(),
        kept: VecDeque::new(),
        made: 0,
        sequence: 0,
        expired: 0,
        repeated: 0.0,
        identities: Vec::with_capacity(usize::try_from(plan.total).unwrap_or(0).min(1_000_000)),
    };
    let start = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while generator.made < plan.total {
        ticks.tick().await;
        let due = (start.elapsed().as_secs_f64() * plan.rate) as u64 + 1;
        let now = object::seconds(Timestamp::now());
        while generator.made < due.min(plan.total) {
            let batch = BATCH.min(due.min(plan.total) - generator.made);
            shared.change(|state| (0..batch).for_each(|_| generator.one(state, plan, &now)));
            tokio::task::yield_now().await;
        }
    }
    generator.identities
}

/// Pods with labels, annotations and an owner; those that exist are used as they are.
fn make_pods(state: &mut State, kind: &Kind, plan: &Generation) -> Pods {
    let pods = (0..plan.objects.max(1))
        .map(|number| {
            let (owner, name) = (format!("web-{}", number / 10), format!("web-{}-{number}", number / 10));
            let key = object::key(&plan.namespace, &name);
            let encoded = state.store.get(&kind.resource(), &key).unwrap_or_else(|| {
                let pod = json!({
                    "metadata": {"name": name, "namespace": plan.namespace, "uid": object::new_uid(),
                        "creationTimestamp": object::seconds(Timestamp::now()),
                        "labels": {"app": "web", "pod-template-hash": owner, "tier": "frontend"},
                        "annotations": {"example.com/team": "shop", "example.com/revision": "3"},
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner,
                            "uid": object::uid_from(number as u128 / 10), "controller": true, "blockOwnerDeletion": true}]},
                    "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1.4.2"}]},
                    "status": {"phase": "Running"}});
                write::store(state, kind, &key, pod)
            });
            let pod: Value = object::decode(&encoded);
            (name, object::meta(&pod, "uid").to_owned(), object::meta(&pod, "resourceVersion").to_owned())
        })
        .collect();
    Pods { namespace: plan.namespace.clone(), pods }
}

struct Generator {
    /// Keeps the names and UIDs of several runs apart.
    run: u32,
    pods: Pods,
    kind: Arc<Kind>,
    recent: VecDeque<Made>,
    /// The keys of the events that exist, oldest first.
    kept: VecDeque<String>,
    made: u64,
    /// The number of new events.
    sequence: u64,
    /// The number of events that exist no more.
    expired: u64,
    repeated: f64,
    identities: Vec<Identity>,
}

impl Generator {
    fn one(&mut self, state: &mut State, plan: &Generation, now: &str) {
        self.repeated += plan.repeats;
        while self.recent.front().is_some_and(|oldest| oldest.sequence < self.expired || self.recent.len() > REPEATABLE) {
            self.recent.pop_front();
        }
        let earlier = if self.repeated >= 1.0 { self.recent.pop_front() } else { None };
        let mut event = match earlier {
            Some(earlier) => {
                self.repeated -= 1.0;
                earlier
            }
            None => self.new_event(now),
        };
        event.count += 1;
        let key = object::key(&self.pods.namespace, &event.name);
        let (kind, pods) = (&self.kind, &self.pods);
        // Writing to a vector cannot fail.
        let change = state.store.put("events", &key, |revision, out| _ = write_event(out, kind, pods, &event, revision, now, plan.stamped));
        self.identities.push(Identity { uid: event.uid.clone(), resource_version: change.revision });
        if event.count == 1 {
            self.kept.push_back(key);
            while self.kept.len() > plan.keep.max(1)
                && let Some(key) = self.kept.pop_front()
            {
                self.expired += 1;
                write::remove(state, &self.kind, &key);
            }
        }
        self.recent.push_back(event);
        self.made += 1;
    }

    fn new_event(&mut self, now: &str) -> Made {
        let sequence = self.sequence;
        self.sequence += 1;
        let pod = usize::try_from(sequence).unwrap_or(0) % self.pods.pods.len();
        Made {
            sequence,
            uid: object::uid_from(u128::from(self.run) << 96 | u128::from(sequence)),
            name: format!("{}.{:08x}{:08x}", self.pods.pods[pod].0, self.run, sequence),
            pod,
            first: now.to_owned(),
            count: 0,
        }
    }
}

fn write_event(out: &mut Vec<u8>, kind: &Kind, pods: &Pods, event: &Made, revision: u64, now: &str, stamped: bool) -> std::io::Result<()> {
    let Made { sequence, uid, name, pod, first, count } = event;
    let namespace = &pods.namespace;
    let (pod, pod_uid, pod_version) = &pods.pods[*pod];
    let (severity, reason, message) = REASONS[usize::try_from(sequence % 4).unwrap_or(0)];
    out.extend_from_slice(kind.json_start().as_bytes());
    write!(
        out,
        r#""metadata":{{"name":"{name}","namespace":"{namespace}","uid":"{uid}","resourceVersion":"{revision}","creationTimestamp":"{first}"}},"#
    )?;
    write!(
        out,
        r#""involvedObject":{{"kind":"Pod","namespace":"{namespace}","name":"{pod}","uid":"{pod_uid}","apiVersion":"v1","resourceVersion":"{pod_version}"}},"#
    )?;
    write!(out, r#""reason":"{reason}","message":"{message} ({sequence})","source":{{"component":"kubelet","host":"node-1"}},"#)?;
    write!(out, r#""firstTimestamp":"{first}","lastTimestamp":"{now}","count":{count},"type":"{severity}","#)?;
    if stamped {
        write!(out, r#""eventTime":"{:.6}","#, Timestamp::now())?;
    } else {
        write!(out, r#""eventTime":null,"#)?;
    }
    write!(out, r#""reportingComponent":"kubelet","reportingInstance":"node-1"}}"#)
}
