//! Which resource a kind is: asked of the API server by group and version, once for the life of the process.
//!
//! Only groups that events speak of are asked for, so another group that is broken does not matter. Events may speak of anything: what no group can be called is
//! not asked for, and the [`GROUPS`] used last are remembered. A kind that is not in its group's list makes the list be
//! read again, at most once in [`AGAIN_AFTER`]. Asks for one group wait for one request; a failure is remembered for [`FAILURE_LASTS`].

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use kube::Client;
use lru::LruCache;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::lookup::{self, Failure, segment};

/// A list is read again for an unknown kind at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// How long a group is not asked for again when that failed.
const FAILURE_LASTS: Duration = Duration::from_secs(2);

/// Groups and versions remembered; clusters have a few dozen.
const GROUPS: NonZeroUsize = NonZeroUsize::new(256).expect("not 0");
/// A group is a domain name, a version a label, and a slash is between them.
const LONGEST_NAME: usize = 253 + 1 + 63;

/// A resource: its name in paths, and whether its objects have namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    kind: String,
    namespaced: bool,
}

/// A list this new says enough about whether the API server answers.
const JUST_READ: Duration = Duration::from_secs(1);

/// What is known of a group.
#[derive(Default)]
struct Group {
    read: Option<Instant>,
    kinds: Option<HashMap<String, Resource>>,
    read_again: Option<Instant>,
    failed: Option<(Instant, Failure)>,
}

/// What the API server said of its groups.
pub(crate) struct Discovery {
    groups: StdMutex<LruCache<String, Arc<Mutex<Group>>>>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { groups: StdMutex::new(LruCache::new(GROUPS)) }
    }
}

/// The path of a group and version; without either it is the core group.
pub(crate) fn group_path(api_version: &str) -> String {
    match api_version.split_once('/') {
        None if api_version.is_empty() => "/api/v1".to_owned(),
        None => format!("/api/{}", segment(api_version)),
        Some((group, version)) => format!("/apis/{}/{}", segment(group), segment(version)),
    }
}

impl Discovery {
    /// Finds the resource of a kind; `None` when the API server does not know the kind.
    pub(crate) async fn find(&self, client: &Client, api_version: &str, kind: &str) -> Result<Option<Resource>, Failure> {
        if api_version.len() > LONGEST_NAME {
            return Ok(None);
        }
        let path = group_path(api_version);
        let group = self.group(&path);
        let mut group = group.lock().await;
        if let Some(kinds) = &group.kinds {
            if let Some(resource) = kinds.get(kind) {
                return Ok(Some(resource.clone()));
            }
            if group.read_again.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
                return Ok(None);
            }
            group.read_again = Some(Instant::now());
            tracing::info!(api_version, kind, "kind is unknown, reading the list of its group again");
        }
        if let Some((_, failure)) = group.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILURE_LASTS) {
            return Err(failure.clone());
        }
        match read(client, &path).await {
            Ok(kinds) => {
                let found = kinds.get(kind).cloned();
                *group = Group { read: Some(Instant::now()), kinds: Some(kinds), failed: None, ..*group };
                Ok(found)
            }
            Err(failure) => {
                // A list that could not be read is not the one allowed for this while.
                group.read_again = None;
                group.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    fn group(&self, path: &str) -> Arc<Mutex<Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(path.to_owned(), Arc::default).clone()
    }

    /// Reads the core group's list, to see whether the API server answers.
    pub(crate) async fn probe(&self, client: &Client) -> Result<(), Failure> {
        let path = group_path("");
        let group = self.group(&path);
        let mut group = group.lock().await;
        if group.read.is_none_or(|at| at.elapsed() > JUST_READ) {
            let kinds = read(client, &path).await?;
            *group = Group { read: Some(Instant::now()), kinds: Some(kinds), failed: None, ..*group };
        }
        Ok(())
    }
}

/// Reads a group's list; a group that is not there has no kinds.
async fn read(client: &Client, path: &str) -> Result<HashMap<String, Resource>, Failure> {
    let list = lookup::read::<ResourceList>(client, path, "application/json").await?;
    let resources = list.and_then(|list| list.resources).unwrap_or_default();
    // What has a slash is a part of an object: `pods/status`.
    let objects = resources.into_iter().filter(|listed| !listed.name.contains('/'));
    Ok(objects.map(|listed| (listed.kind, Resource { plural: listed.name, namespaced: listed.namespaced })).collect())
}

#[cfg(test)]
mod tests {
    use herald_testkit::apiserver::ApiServer;

    use super::*;

    #[tokio::test]
    async fn whatever_events_speak_of_little_is_remembered_and_the_long_is_not_asked_for() {
        let api = ApiServer::start().await.expect("starts");
        let kubeconfig = api.kubeconfig().expect("written");
        let client = herald_cluster::connect(Some(&kubeconfig), "test").await.expect("connects");
        let discovery = Discovery::default();
        let find = async |api_version: &str| discovery.find(&client, api_version, "Pod").await.expect("answers");
        for number in 0..GROUPS.get() + 50 {
            assert!(find(&format!("made.up.{number}/v1")).await.is_none());
        }
        assert!(find("v1").await.is_some());
        assert_eq!(discovery.groups.lock().expect("whole").len(), GROUPS.get());
        let before = api.discovery_requests();
        assert!(find(&format!("{}/v1", "x".repeat(1 << 20))).await.is_none());
        assert!(find(&format!("{}/v1", "x".repeat(253))).await.is_none());
        assert_eq!(api.discovery_requests() - before, 1, "only what can be a group is asked for");
    }
}
