//! What happens in the demo cluster.
//!
//! In: a seed. Out: one step after the other, without end: scenes of a few steps each, chosen by chance. Pure: the same seed tells the
//! same story.

use std::collections::VecDeque;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::cluster::{About, NODES, WORKLOADS, Workload};

const PODS: usize = 3;
/// The letters Kubernetes makes names of.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How an event is written: with count and timestamps, or as `events.k8s.io` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Classic,
    Series,
}

/// An event to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Telling {
    pub(super) about: About,
    pub(super) reason: &'static str,
    pub(super) severity: &'static str,
    pub(super) message: String,
    pub(super) component: &'static str,
    pub(super) style: Style,
    /// Whether the event of this reason that there is grows instead.
    pub(super) again: bool,
}

/// One step of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Create(About),
    Delete(About),
    Tell(Telling),
    /// Nothing will happen to it any more.
    Forget(About),
}

/// The story so far: what exists, and the steps of the scene that is playing.
#[derive(Debug)]
pub(super) struct Story {
    rng: StdRng,
    /// The pods of each workload, oldest first.
    pods: Vec<VecDeque<About>>,
    steps: VecDeque<Step>,
    /// One scene of every sort is played first, so that a viewer soon sees all of them.
    scene: usize,
}

const SCENES: usize = 6;

impl Story {
    pub(super) fn new(seed: u64) -> Self {
        let mut story = Self { rng: StdRng::seed_from_u64(seed), pods: Vec::new(), steps: VecDeque::new(), scene: 0 };
        for workload in WORKLOADS {
            let pods = (0..PODS).map(|_| story.new_pod(*workload)).collect();
            story.pods.push(pods);
        }
        story
    }

    /// What exists before the story begins, owners first.
    pub(super) fn lasting(&self) -> Vec<About> {
        let workloads = WORKLOADS.iter().flat_map(|&workload| [About::Deployment(workload), About::ReplicaSet(workload)]);
        workloads.chain(self.pods.iter().flatten().cloned()).collect()
    }

    /// The next step.
    pub(super) fn step(&mut self) -> Step {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return step;
            }
            let scene = if self.scene < SCENES { self.scene } else { self.rng.random_range(0..SCENES) };
            self.scene += 1;
            let workload = self.rng.random_range(0..WORKLOADS.len());
            match scene {
                0 => self.replace_pod(workload),
                1 => self.crash(workload),
                2 => self.wait_for_room(workload),
                3 => self.scale(workload),
                4 => self.lose_node(),
                _ => self.fail_probes(workload),
            }
        }
    }

    fn new_pod(&mut self, workload: Workload) -> About {
        let letters: String = (0..5).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])).collect();
        About::Pod { workload, name: format!("{}-{letters}", workload.replica_set) }
    }

    fn some_pod(&mut self, workload: usize) -> About {
        let pods = &self.pods[workload];
        pods[self.rng.random_range(0..pods.len())].clone()
    }

    fn tell(&mut self, about: &About, reason: &'static str, message: impl Into<String>, component: &'static str) {
        let severity = match reason {
            "BackOff" | "FailedScheduling" | "NodeNotReady" | "Unhealthy" => "Warning",
            _ => "Normal",
        };
        let style = if component == "default-scheduler" { Style::Series } else { Style::Classic };
        let telling = Telling { about: about.clone(), reason, severity, message: message.into(), component, style, again: false };
        self.steps.push_back(Step::Tell(telling));
    }

    /// Lets the last event grow as often as said.
    fn again(&mut self, times: usize) {
        if let Some(Step::Tell(last)) = self.steps.back().cloned() {
            self.steps.extend(std::iter::repeat_n(Step::Tell(Telling { again: true, ..last }), times));
        }
    }

    /// A pod goes and another comes; the kubelet's word about the old one is late.
    fn replace_pod(&mut self, workload: usize) {
        let new = self.new_pod(WORKLOADS[workload]);
        if let Some(old) = self.pods[workload].pop_front() {
            let owner = About::ReplicaSet(WORKLOADS[workload]);
            self.tell(&owner, "SuccessfulDelete", format!("Deleted pod: {}", old.name()), "replicaset-controller");
            self.steps.push_back(Step::Delete(old.clone()));
            self.tell(&old, "Killing", format!("Stopping container {}", WORKLOADS[workload].name), "kubelet");
            self.steps.push_back(Step::Forget(old));
        }
        self.start_pod(workload, &new);
    }

    fn start_pod(&mut self, workload: usize, pod: &About) {
        let Workload { name, image, namespace, .. } = WORKLOADS[workload];
        let owner = About::ReplicaSet(WORKLOADS[workload]);
        let node = NODES[self.rng.random_range(0..NODES.len())];
        let took = self.rng.random_range(700..4_000);
        self.steps.push_back(Step::Create(pod.clone()));
        self.tell(&owner, "SuccessfulCreate", format!("Created pod: {}", pod.name()), "replicaset-controller");
        self.tell(pod, "Scheduled", format!("Successfully assigned {namespace}/{} to {node}", pod.name()), "default-scheduler");
        self.tell(pod, "Pulling", format!("Pulling image \"{image}\""), "kubelet");
        self.tell(pod, "Pulled", format!("Successfully pulled image \"{image}\" in {took}ms"), "kubelet");
        self.tell(pod, "Created", format!("Created container: {name}"), "kubelet");
        self.tell(pod, "Started", format!("Started container {name}"), "kubelet");
        self.pods[workload].push_back(pod.clone());
    }

    fn crash(&mut self, workload: usize) {
        let pod = self.some_pod(workload);
        let message = format!("Back-off restarting failed container {} in pod {}", WORKLOADS[workload].name, pod.name());
        self.tell(&pod, "BackOff", message, "kubelet");
        let times = self.rng.random_range(3..7);
        self.again(times);
    }

    /// A pod that finds no node at first.
    fn wait_for_room(&mut self, workload: usize) {
        let pod = self.new_pod(WORKLOADS[workload]);
        self.steps.push_back(Step::Create(pod.clone()));
        self.tell(&pod, "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "default-scheduler");
        let times = self.rng.random_range(2..4);
        self.again(times);
        self.start_pod(workload, &pod);
        if let Some(old) = self.pods[workload].pop_front() {
            self.tell(&old, "Killing", format!("Stopping container {}", WORKLOADS[workload].name), "kubelet");
            self.steps.extend([Step::Delete(old.clone()), Step::Forget(old)]);
        }
    }

    fn scale(&mut self, workload: usize) {
        let deployment = About::Deployment(WORKLOADS[workload]);
        let message = format!("Scaled up replica set {} from 3 to 4", WORKLOADS[workload].replica_set);
        self.tell(&deployment, "ScalingReplicaSet", message, "deployment-controller");
        self.replace_pod(workload);
    }

    fn lose_node(&mut self) {
        let node = NODES[self.rng.random_range(0..NODES.len())];
        let about = About::Node { name: node.to_owned() };
        self.tell(&about, "NodeNotReady", format!("Node {node} status is now: NodeNotReady"), "node-controller");
        self.tell(&about, "NodeReady", format!("Node {node} status is now: NodeReady"), "kubelet");
    }

    fn fail_probes(&mut self, workload: usize) {
        let pod = self.some_pod(workload);
        self.tell(&pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "kubelet");
        let times = self.rng.random_range(1..4);
        self.again(times);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_tells_its_own_story_and_always_the_same() {
        let steps = |seed| {
            let mut story = Story::new(seed);
            (0..200).map(|_| story.step()).collect::<Vec<_>>()
        };
        assert_eq!(steps(1), steps(1));
        assert_ne!(steps(1), steps(2));
    }

    #[test]
    fn events_are_about_pods_that_were_created_and_pods_do_not_pile_up() {
        let mut story = Story::new(3);
        let mut known: HashSet<About> = story.lasting().into_iter().collect();
        for _ in 0..5_000 {
            match story.step() {
                Step::Create(about) => _ = known.insert(about),
                Step::Forget(about) => assert!(known.remove(&about)),
                Step::Delete(about) => assert!(known.contains(&about)),
                Step::Tell(telling) => {
                    let is_known = known.contains(&telling.about) || matches!(telling.about, About::Node { .. });
                    assert!(is_known, "{telling:?}");
                }
            }
            assert!(known.len() < 40, "{}", known.len());
        }
    }
}
