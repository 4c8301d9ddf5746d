//! A simulated Kubernetes API server over plain HTTP: for what a real one cannot be made to do, and for rates it does not reach.
//!
//! ```text
//! kinds      what resources there are         discovery   the documents that tell so
//! state      what is known, how it changes    store       objects, revisions, history
//! write, object, owners, selector   what is done with objects
//! http       paths, queries, answers          watch, table   two kinds of answers
//! faults     scripts of trouble               counters    what was asked
//! generate   events at a rate                 admin       the control over HTTP
//! ```
//!
//! In: requests of any Kubernetes client, and the control functions of [`ApiServer`]. Out: answers, events, counts. It authenticates
//! nobody, validates nothing, runs no controllers, and loses everything when it is dropped. A list at an older revision than the current
//! one with `resourceVersionMatch=Exact` is answered with 410; set-based selectors and JSON patches are refused.

mod admin;
mod counters;
mod discovery;
mod faults;
mod generate;
mod http;
mod kinds;
mod object;
mod owners;
mod selector;
mod state;
mod store;
mod table;
mod watch;
mod write;

use std::{
    collections::HashMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

use self::{
    counters::Counters,
    state::{Shared, key_of, kind_of},
};
pub use self::{
    counters::{ObjectRead, Reads, Recorded},
    faults::{Fault, Trouble, WatchTrouble},
    generate::{Generation, Identity},
    kinds::Kind,
};
use crate::{
    kubernetes::ApiClient,
    scratch::Scratch,
    serve::{Handler, Server},
};

/// A running simulated API server. It ends when it is dropped.
pub struct ApiServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Mutex<Option<Server>>,
    /// Made when a kubeconfig is asked for: a server may run where nothing can be written.
    scratch: OnceLock<Scratch>,
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ApiServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ApiServer {
    /// Starts an empty server on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts an empty server on an address.
    pub async fn start_at(address: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared::new());
        let server = Server::start(address, None, handler(&shared)).await?;
        Ok(Self { address: server.address(), shared, server: Mutex::new(Some(server)), scratch: OnceLock::new() })
    }

    /// Stops answering and closes all connections; the objects stay.
    pub async fn stop(&self) {
        let running = self.running().take();
        if let Some(server) = running {
            server.stop().await;
        }
    }

    /// Answers again on the same address after [`ApiServer::stop`].
    pub async fn start_again(&self) -> Result<()> {
        if self.running().is_none() {
            let server = Server::start(self.address, None, handler(&self.shared)).await?;
            *self.running() = Some(server);
        }
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens, running or not.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes a kubeconfig for this server and returns its path; it is removed with the server.
    pub fn kubeconfig(&self) -> Result<PathBuf> {
        self.kubeconfig_by("kubeconfig", self.address)
    }

    /// Writes a kubeconfig of that name for this server, reached by another address such as a proxy's, and returns its path.
    pub fn kubeconfig_by(&self, name: &str, address: SocketAddr) -> Result<PathBuf> {
        let url = format!("http://{address}");
        let scratch = match self.scratch.get() {
            Some(scratch) => scratch,
            None => {
                let made = Scratch::new("apiserver")?;
                self.scratch.get_or_init(|| made)
            }
        };
        scratch.write(
            name,
            &format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: simulated\nclusters:\n- name: simulated\n  cluster: {{server: \"{url}\"}}\n\
                 contexts:\n- name: simulated\n  context: {{cluster: simulated, user: simulated}}\nusers:\n- name: simulated\n  user: {{}}\n"
            ),
        )
    }

    /// A client that speaks to this server.
    pub fn client(&self) -> Result<ApiClient> {
        Ok(ApiClient::new(crate::client::builder().build()?, self.url(), None))
    }

    /// Serves another kind.
    pub fn register(&self, group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) {
        self.shared.lock().kinds.register(Kind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced,
            short_names: Vec::new(),
        });
    }

    /// Creates or replaces an object, at the next version; a UID and a creation time are added when it has none. Returns it as stored.
    ///
    /// Fails when its kind is not registered, or it has no name, or no namespace where one is needed.
    pub fn put(&self, mut object: Value) -> Result<Value> {
        self.shared.change(|state| {
            let kind = kind_of(state, &object)?;
            let key = key_of(&kind, &object)?;
            let before = state.store.get(&kind.resource(), &key).map(|before| object::decode(&before)).unwrap_or_default();
            for (field, new) in [("uid", object::new_uid()), ("creationTimestamp", object::seconds(Timestamp::now()))] {
                if object::meta(&object, field).is_empty() {
                    let kept = Some(object::meta(&before, field)).filter(|kept| !kept.is_empty()).map(str::to_owned);
                    object::set_meta(&mut object, field, &kept.unwrap_or(new));
                }
            }
            Ok(object::decode(&write::store(state, &kind, &key, object)))
        })
    }

    /// Stores an object exactly as given, with its UID, times and version; the server's own version goes up to at least that one.
    ///
    /// Objects with given versions are to be put in the order of their versions, as watches go on from what objects say. Fails as
    /// [`ApiServer::put`] does.
    pub fn put_exact(&self, object: Value) -> Result<Value> {
        self.shared.change(|state| state::put_exact(state, object))
    }

    /// Stores an object as bytes that need not be JSON, nor UTF-8, and returns its version. They are what follows `"apiVersion":…,"kind":…,`, made by `rest`
    /// for the version.
    ///
    /// Fails when the resource is not registered.
    pub fn put_bytes(&self, resource: &str, namespace: &str, name: &str, rest: impl FnOnce(u64) -> Vec<u8>) -> Result<u64> {
        self.shared.change(|state| {
            let kind = state.kinds.called(resource).with_context(|| format!("no resource {resource:?} is registered"))?;
            let change = state.store.put(&kind.resource(), &object::key(namespace, name), |revision, out| {
                out.extend_from_slice(kind.json_start().as_bytes());
                out.extend_from_slice(&rest(revision));
            });
            Ok(change.revision)
        })
    }

    /// Deletes an object at once, finalizers or not; tells whether it was there.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.shared.change(|state| match state.kinds.called(resource) {
            Some(kind) => write::remove(state, &kind, &object::key(namespace, name)),
            None => false,
        })
    }

    /// The object as it is now.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.shared.lock();
        let kind = state.kinds.called(resource)?;
        state.store.get(&kind.resource(), &object::key(namespace, name)).map(|found| object::decode(&found))
    }

    /// The number of objects of a resource.
    pub fn number_of(&self, resource: &str) -> usize {
        let state = self.shared.lock();
        state.kinds.called(resource).map_or(0, |kind| state.store.len(&kind.resource()))
    }

    /// The version of the last change.
    pub fn revision(&self) -> u64 {
        self.shared.lock().store.revision()
    }

    /// Forgets the history: lists that are not finished and watches from before now get 410, open watches go on.
    pub fn compact(&self) {
        self.shared.lock().store.compact();
    }

    /// Remembers only the last `changes` of each resource; what falls out of it is compacted, for open watches too.
    pub fn limit_history(&self, changes: usize) {
        self.shared.lock().store.set_history_limit(changes);
    }

    /// Sends bookmarks this often to watches that begin from now on and want them; at first every minute.
    pub fn bookmark_every(&self, period: Duration) {
        self.shared.lock().bookmark_every = period;
    }

    /// Deletes the events written longest ago as if their time to live were over; returns how many there were.
    pub fn expire_events(&self, count: usize) -> usize {
        self.shared.change(|state| state::expire_events(state, count))
    }

    /// Keeps at most about this many events that clients create: older ones are deleted as if their time to live were over.
    pub fn keep_events(&self, limit: usize) {
        self.shared.lock().event_limit = Some(limit);
    }

    /// Adds a fault; of several that fit a request, the first added is met.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.add(fault);
    }

    /// Forbids a verb on a resource with 403, as missing permissions do; `*` means any.
    pub fn deny(&self, verb: &str, resource: &str) {
        self.shared.lock().faults.deny(verb, resource);
    }

    /// Ends what [`ApiServer::deny`] began for the resource.
    pub fn allow(&self, resource: &str) {
        self.shared.lock().faults.allow(resource);
    }

    /// Ends all faults and denials.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Disturbs the watches that are open on a resource; `*` means any.
    pub fn disturb_watches(&self, resource: &str, trouble: WatchTrouble) {
        self.shared.disturb(resource, trouble);
    }

    /// The number of watches open on a resource.
    pub fn open_watches(&self, resource: &str) -> usize {
        let state = self.shared.lock();
        let open = state.open_watches.iter().filter(|(open, _)| faults::is_called(open, resource));
        open.map(|(_, number)| number).sum()
    }

    /// The requests since the start or the last reset, at most the last 100,000, in the order of their arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().counters.requests()
    }

    /// The number of requests of a verb on a resource, answered or not; `*` means any.
    pub fn count(&self, verb: &str, resource: &str) -> u64 {
        self.shared.lock().counters.number(verb, resource)
    }

    /// The number of discovery requests.
    pub fn discovery_requests(&self) -> u64 {
        self.count("discovery", "*")
    }

    /// How often each object was read by GET.
    pub fn reads(&self) -> HashMap<ObjectRead, Reads> {
        self.shared.lock().counters.reads()
    }

    /// Counts from 0 again.
    pub fn reset_counters(&self) {
        self.shared.lock().counters = Counters::default();
    }

    /// Makes events by the plan, and returns them in order when all are made.
    pub async fn generate(&self, plan: &Generation) -> Vec<Identity> {
        generate::run(&self.shared, plan).await
    }
}

fn handler(shared: &Arc<Shared>) -> Handler {
    let shared = shared.clone();
    Arc::new(move |request| Box::pin(http::handle(shared.clone(), request)))
}
