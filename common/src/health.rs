//! What `/-/ready` and `/-/healthy` say.
//!
//! *Ready* means the stage can do its work now: every [`Condition`] is met. *Healthy* means it makes progress: every [`Pulse`] was felt lately. Both are
//! plain shared state; nothing here waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The health of a process; cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    draining: bool,
    conditions: BTreeMap<String, Option<String>>,
    pulses: BTreeMap<String, (Instant, Duration)>,
}

/// Something that must hold for the process to be ready.
#[derive(Clone)]
pub struct Condition {
    health: Health,
    name: String,
}

/// A sign of life of one loop.
#[derive(Clone)]
pub struct Pulse {
    health: Health,
    name: String,
    silence: Duration,
}

impl Health {
    /// Adds a condition, unmet so far.
    #[must_use]
    pub fn condition(&self, name: &str) -> Condition {
        let condition = Condition { health: self.clone(), name: name.to_owned() };
        condition.unmet("not there yet".to_owned());
        condition
    }

    /// Adds a pulse; the process is unhealthy when it is not felt for `silence`.
    #[must_use]
    pub fn pulse(&self, name: &str, silence: Duration) -> Pulse {
        let pulse = Pulse { health: self.clone(), name: name.to_owned(), silence };
        pulse.beat();
        pulse
    }

    /// Says that the process is stopping and wants no more work.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// Returns what keeps the process from being ready, empty when it is.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        let state = self.lock();
        let draining = state.draining.then(|| "stopping".to_owned());
        let unmet = state.conditions.iter().filter_map(|(name, reason)| reason.as_ref().map(|reason| format!("{name}: {reason}")));
        draining.into_iter().chain(unmet).collect()
    }

    /// Returns the loops that stand still, empty when there are none.
    #[must_use]
    pub fn stalled(&self) -> Vec<String> {
        let state = self.lock();
        let silent = state.pulses.iter().filter(|(_, (last, silence))| last.elapsed() > *silence);
        silent.map(|(name, (last, _))| format!("{name}: no progress for {} s", last.elapsed().as_secs())).collect()
    }

    /// The state is plain data, so that of a thread that panicked is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    /// Says that the condition holds.
    pub fn met(&self) {
        self.health.lock().conditions.insert(self.name.clone(), None);
    }

    /// Says that it does not hold, and why.
    pub fn unmet(&self, reason: String) {
        self.health.lock().conditions.insert(self.name.clone(), Some(reason));
    }
}

impl Pulse {
    /// Says that the loop is alive.
    pub fn beat(&self) {
        self.health.lock().pulses.insert(self.name.clone(), (Instant::now(), self.silence));
    }

    /// Takes the pulse back: the loop has ended as it should.
    pub fn end(&self) {
        self.health.lock().pulses.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_needs_every_condition_and_ends_with_draining() {
        let health = Health::default();
        assert!(health.unready().is_empty());
        let (nats, api) = (health.condition("nats"), health.condition("kube-apiserver"));
        nats.met();
        api.unmet("connection refused".to_owned());
        assert_eq!(health.unready(), ["kube-apiserver: connection refused"]);
        api.met();
        assert!(health.unready().is_empty());
        health.drain();
        assert_eq!(health.unready(), ["stopping"]);
    }

    #[test]
    fn a_silent_loop_is_named() {
        let health = Health::default();
        let pulse = health.pulse("watch", Duration::ZERO);
        let _alive = health.pulse("deliver", Duration::from_secs(3_600));
        assert!(health.stalled()[0].starts_with("watch: "));
        assert_eq!(health.stalled().len(), 1);
        pulse.end();
        assert!(health.stalled().is_empty());
    }
}
