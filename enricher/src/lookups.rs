//! Finding out about an object: what another replica knows, else one GET within the limits that the API server is owed.
//!
//! In goes a reference; out comes an [`Outcome`]. Failures that may pass are tried a few times within seconds and then left to the caller, who puts the
//! events back. A kind that may not be read is not asked for again for some minutes and said once. Nothing here knows the order of events.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use herald_common::{
    bus::Enrichment,
    event::{ObjectMetadata, ObjectReference},
    health::Condition,
    metrics::Metrics,
    stage::Context,
};
use kube::Client;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    discovery::{Discovery, Resource},
    lookup::{self, LookupError},
    shared::{Asked, Shared},
};

/// What a lookup brought.
#[derive(Clone)]
pub(crate) enum Outcome {
    Known(Arc<ObjectMetadata>, Enrichment),
    Bare(Enrichment),
    Later(String),
}

/// Everything a lookup needs; shared by the lookups under way.
pub(crate) struct Lookups {
    client: Option<Client>,
    discovery: Mutex<Discovery>,
    limiter: DefaultDirectRateLimiter,
    shared: Shared,
    permits: Semaphore,
    forbidden: StdMutex<HashMap<String, Instant>>,
    metrics: Arc<Metrics>,
    api: Condition,
}

/// Requests under way at a time.
const CONCURRENCY: usize = 64;
/// Attempts within one lookup.
const ATTEMPTS: u32 = 3;
/// The longest pause between them.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a kind that may not be read is left alone.
const FORBIDDEN_FOR: Duration = Duration::from_secs(300);

impl Lookups {
    pub(crate) async fn new(context: &Context) -> anyhow::Result<Arc<Self>> {
        let api = context.health.condition("enricher: kube-apiserver");
        let client = if context.config.omit_lookup {
            None
        } else {
            Some(herald_cluster::connect(context.kubeconfig.as_deref(), "herald-enricher").await?)
        };
        api.met();
        let burst = NonZeroU32::new(context.config.kube_burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_secs_f64(1.0 / context.config.kube_qps))
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(burst);
        Ok(Arc::new(Self {
            client,
            discovery: Mutex::default(),
            limiter: RateLimiter::direct(quota),
            shared: Shared::new(context.bus.clone()),
            permits: Semaphore::new(CONCURRENCY),
            forbidden: StdMutex::default(),
            metrics: context.metrics.clone(),
            api,
        }))
    }

    pub(crate) fn is_needed(&self, reference: &ObjectReference) -> bool {
        self.client.is_some() && !reference.kind.is_empty() && !reference.name.is_empty()
    }

    pub(crate) async fn find(&self, reference: &ObjectReference) -> Outcome {
        let Some(client) = &self.client else { return Outcome::Bare(Enrichment::Omitted) };
        let Ok(_permit) = self.permits.acquire().await else { return Outcome::Later("stopping".into()) };
        let kind = format!("{}/{}", reference.api_version, reference.kind);
        if self.forbidden.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).is_some_and(|since| since.elapsed() < FORBIDDEN_FOR) {
            return Outcome::Bare(Enrichment::Forbidden);
        }
        let resource = match self.discovery.lock().await.find(client, &reference.api_version, &reference.kind).await {
            Ok(Some(resource)) => resource,
            Ok(None) => return Outcome::Bare(Enrichment::Unavailable),
            Err(error) => return self.later(error),
        };
        let key = (!reference.uid.is_empty() && !reference.resource_version.is_empty())
            .then(|| format!("{}/{}", reference.uid, reference.resource_version));
        let mut claimed = None;
        if let Some(key) = &key {
            match self.shared.ask(key).await {
                Asked::Found(metadata) => {
                    self.metrics.read_cache_hits.inc();
                    return Outcome::Known(Arc::new(metadata), Enrichment::Shared);
                }
                Asked::Claimed(revision) => claimed = Some((key, revision)),
                Asked::Alone => {}
            }
        }
        let path = path(reference, &resource);
        let mut attempt = 0;
        loop {
            self.limiter.until_ready().await;
            self.metrics.read_cache_misses.inc();
            match lookup::get(client, &path).await {
                Ok(found) => {
                    self.api.met();
                    let metadata = lookup::judge(reference, found);
                    if let Some((key, revision)) = claimed {
                        self.shared.fill(key, revision, &metadata).await;
                    }
                    let how = if metadata.deleted { Enrichment::Deleted } else { Enrichment::Live };
                    return Outcome::Known(Arc::new(metadata), how);
                }
                Err(LookupError::Forbidden(reason)) => {
                    if let Some((key, _)) = claimed {
                        self.shared.give_up(key).await;
                    }
                    let first =
                        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone(), Instant::now()).is_none();
                    if first {
                        tracing::warn!(kind, reason, "the API server forbids reading this kind, its events are exported as forbidden");
                    }
                    return Outcome::Bare(Enrichment::Forbidden);
                }
                Err(LookupError::Later { reason, after }) => {
                    attempt += 1;
                    if attempt >= ATTEMPTS {
                        if let Some((key, _)) = claimed {
                            self.shared.give_up(key).await;
                        }
                        return self.later(reason);
                    }
                    tokio::time::sleep(after.unwrap_or(Duration::from_millis(200 << attempt)).min(LONGEST_PAUSE)).await;
                }
            }
        }
    }
    fn later(&self, reason: String) -> Outcome {
        self.api.unmet(reason.clone());
        Outcome::Later(reason)
    }
}

fn path(reference: &ObjectReference, resource: &Resource) -> String {
    let group = crate::discovery::group_path(&reference.api_version);
    if resource.namespaced {
        format!("{group}/namespaces/{}/{}/{}", reference.namespace, resource.plural, reference.name)
    } else {
        format!("{group}/{}/{}", resource.plural, reference.name)
    }
}
