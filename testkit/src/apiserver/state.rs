//! What the server knows, and how it is changed so that those who wait learn of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::sync::{broadcast, watch as signal};

use super::{
    counters::Counters,
    faults::{Faults, WatchTrouble},
    kinds::{Kind, Kinds},
    object,
    owners::Owners,
    store::Store,
    write,
};

/// How many changes of each resource are remembered unless told otherwise.
const HISTORY: usize = 200_000;

/// Everything the server knows.
pub(super) struct State {
    pub(super) store: Store,
    pub(super) kinds: Kinds,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) owners: Owners,
    pub(super) open_watches: HashMap<String, usize>,
    pub(super) bookmark_every: Duration,
    pub(super) event_limit: Option<usize>,
}

/// The state, and how those who wait learn of changes.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) revisions: signal::Sender<u64>,
    pub(super) disturbances: broadcast::Sender<(String, WatchTrouble)>,
}

impl Shared {
    /// Nothing but the built-in kinds.
    pub(super) fn new() -> Self {
        let state = State {
            store: Store::new(HISTORY),
            kinds: Kinds::built_in(),
            faults: Faults::default(),
            counters: Counters::default(),
            owners: Owners::default(),
            open_watches: HashMap::new(),
            bookmark_every: Duration::from_secs(60),
            event_limit: None,
        };
        Self { state: Mutex::new(state), revisions: signal::Sender::new(1), disturbances: broadcast::Sender::new(64) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes the watches.
    pub(super) fn change<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        let (result, revision) = {
            let mut state = self.lock();
            let result = action(&mut state);
            (result, state.store.revision())
        };
        self.revisions.send_replace(revision);
        result
    }

    pub(super) fn disturb(&self, resource: &str, trouble: WatchTrouble) {
        // Nobody listens when no watch is open.
        let _ = self.disturbances.send((resource.to_owned(), trouble));
    }
}

/// Stores an object as it is; what it lacks of name, UID, version and creation time stays absent, but for the version.
pub(super) fn put_exact(state: &mut State, mut object: Value) -> Result<Value> {
    let kind = kind_of(state, &object)?;
    let key = key_of(&kind, &object)?;
    let given = object::meta(&object, "resourceVersion").to_owned();
    if let Ok(given) = given.parse::<u64>() {
        state.store.advance(given.saturating_sub(1));
    }
    let change = state.store.put(&kind.resource(), &key, |revision, out| {
        if given.is_empty() {
            object::set_meta(&mut object, "resourceVersion", &revision.to_string());
        }
        object::encode(&kind, &object, out);
    });
    Ok(object::decode(&change.object()))
}

pub(super) fn expire_events(state: &mut State, count: usize) -> usize {
    let Some(kind) = state.kinds.called("events") else { return 0 };
    let keys = state.store.oldest("events", count);
    keys.iter().filter(|key| write::remove(state, &kind, key)).count()
}

/// Expires some events when there are more than are to be kept.
pub(super) fn limit_events(state: &mut State) {
    if let Some(limit) = state.event_limit
        && state.store.len("events") > limit
    {
        // A tenth at once, as finding the oldest looks at all of them.
        expire_events(state, limit / 10 + 1);
    }
}

pub(super) fn kind_of(state: &State, object: &Value) -> Result<Arc<Kind>> {
    let (api_version, kind) = (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
    state.kinds.of(api_version, kind).with_context(|| format!("no kind {kind:?} of apiVersion {api_version:?} is registered"))
}

pub(super) fn key_of(kind: &Kind, object: &Value) -> Result<String> {
    let (namespace, name) = (object::meta(object, "namespace"), object::meta(object, "name"));
    if name.is_empty() || kind.namespaced == namespace.is_empty() {
        bail!("a {} has a name and {} namespace, this one is {namespace:?}/{name:?}", kind.kind, if kind.namespaced { "a" } else { "no" });
    }
    Ok(object::key(namespace, name))
}
