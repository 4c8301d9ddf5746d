//! Which resource a kind is: asked of the API server once for each group and version, and again when a kind is unknown.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kube::Client;
use serde::Deserialize;

/// A group is asked again for an unknown kind at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// A resource: its name in paths, and whether its objects have namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<Listed>,
}
#[derive(Deserialize)]
struct Listed {
    name: String,
    kind: String,
    namespaced: bool,
}

/// What the API server said of its groups, kept for the process's life.
#[derive(Default)]
pub(crate) struct Discovery {
    groups: HashMap<String, (Instant, HashMap<String, Resource>)>,
}

/// The path of a group and version: `v1` or empty is the core group.
pub(crate) fn group_path(api_version: &str) -> String {
    let api_version = if api_version.is_empty() { "v1" } else { api_version };
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

impl Discovery {
    pub(crate) async fn find(&mut self, client: &Client, api_version: &str, kind: &str) -> Result<Option<Resource>, String> {
        let path = group_path(api_version);
        if let Some((asked, kinds)) = self.groups.get(&path) {
            if let Some(resource) = kinds.get(kind) {
                return Ok(Some(resource.clone()));
            }
            if asked.elapsed() < AGAIN_AFTER {
                return Ok(None);
            }
        }
        let request = http::Request::get(&path).body(Vec::new()).map_err(|error| error.to_string())?;
        let list = match client.request::<ResourceList>(request).await {
            Ok(list) => list,
            Err(kube::Error::Api(status)) if status.code == 404 => ResourceList { resources: Vec::new() },
            Err(error) => return Err(error.to_string()),
        };
        let kinds: HashMap<_, _> = list
            .resources
            .into_iter()
            .filter(|listed| !listed.name.contains('/'))
            .map(|listed| (listed.kind, Resource { plural: listed.name, namespaced: listed.namespaced }))
            .collect();
        let found = kinds.get(kind).cloned();
        self.groups.insert(path, (Instant::now(), kinds));
        Ok(found)
    }
}
