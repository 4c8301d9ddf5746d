//! Finding out about an object: what another replica found, else a GET within the limits the API server is owed.
//!
//! In goes a reference; out comes an [`Outcome`]. A failure that may pass is repeated for [`TRY_FOR`] and then left to the caller. A kind that may not be read
//! is said once, and left alone for some minutes. Nothing here knows of events or their order; nobody waits for another's lookup but for the same key.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use herald_common::{
    CancellationToken,
    bus::Enrichment,
    event::{ObjectMeta, ObjectMetadata, ObjectReference},
    metrics::Metrics,
    stage::Context,
    subjects::name_part,
};
use kube::Client;
use rand::RngExt as _;
use tokio::sync::Semaphore;

use crate::{
    cache,
    discovery::Discovery,
    enrich,
    lookup::{self, Failure},
    reach::Reach,
    shared::{Claim, Known, Shared},
};

/// Requests under way at a time.
const CONCURRENCY: usize = 64;
/// No attempt begins later than this after the first; the claim of a key outlives it.
const TRY_FOR: Duration = Duration::from_secs(8);
/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long a kind that may not be read in a namespace is left alone there.
const FORBIDDEN_FOR: Duration = Duration::from_secs(300);

/// What a lookup brought.
pub(crate) enum Outcome {
    /// The object's metadata, and where it came from.
    Known(Arc<ObjectMetadata>, Enrichment),
    /// Nothing, for good: the event goes on without.
    Bare(Enrichment),
    /// Nothing for now, and when to ask again if the API server said so.
    Later { reason: String, after: Option<Duration> },
}

/// Everything a lookup needs; shared by the lookups under way.
pub(crate) struct Lookups {
    client: Client,
    /// In front of shared keys: clusters that share a NATS do not share objects.
    cluster: String,
    discovery: Discovery,
    limiter: DefaultDirectRateLimiter,
    permits: Semaphore,
    shared: Shared,
    reach: Reach,
    forbidden: Mutex<Forbidden>,
    metrics: Arc<Metrics>,
}

/// What may not be read.
#[derive(Default)]
struct Forbidden {
    /// Since when, by kind and namespace.
    since: HashMap<String, Instant>,
    /// Kinds it was said of.
    said: HashSet<String>,
}

impl Lookups {
    /// Prepares lookups; the API server is not waited for.
    ///
    /// # Errors
    /// When there is no way to reach an API server: the kubeconfig cannot be used.
    pub(crate) async fn new(context: &Context) -> anyhow::Result<Arc<Self>> {
        let config = &context.config;
        let burst = NonZeroU32::new(config.kube_burst).unwrap_or(NonZeroU32::MIN);
        let quota = Duration::try_from_secs_f64(1.0 / config.kube_qps).ok().and_then(Quota::with_period);
        Ok(Arc::new(Self {
            client: herald_cluster::connect(context.kubeconfig.as_deref(), "herald-enricher").await?,
            cluster: name_part(&config.cluster_name),
            discovery: Discovery::default(),
            limiter: RateLimiter::direct(quota.unwrap_or(Quota::per_second(NonZeroU32::MAX)).allow_burst(burst)),
            permits: Semaphore::new(CONCURRENCY),
            shared: Shared::new(context.bus.clone()),
            reach: Reach::new(context.health.condition("enricher: kube-apiserver")),
            forbidden: Mutex::default(),
            metrics: context.metrics.clone(),
        }))
    }

    /// Watches over the connection to the API server until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        // The core group's list is needed anyway.
        let probe = || async {
            let answer = self.discovery.probe(&self.client).await;
            self.note(&answer);
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.reach.watch(probe) => {}
        }
    }

    /// Tells whether the API server is known to be away.
    pub(crate) fn is_down(&self) -> bool {
        self.reach.is_down()
    }

    /// Finds out about an object.
    pub(crate) async fn find(&self, reference: &ObjectReference) -> Outcome {
        match self.try_find(reference).await {
            Ok(outcome) => outcome,
            Err(Failure::Forbidden(reason)) => {
                self.forbid(reference, &reason);
                Outcome::Bare(Enrichment::Forbidden)
            }
            Err(Failure::Never(reason)) => {
                tracing::debug!(reason, kind = reference.kind, name = reference.name, "object cannot be looked up");
                Outcome::Bare(Enrichment::Unavailable)
            }
            Err(Failure::Later { reason, after }) => Outcome::Later { reason, after },
            Err(Failure::Unreachable(reason)) => Outcome::Later { reason, after: None },
        }
    }

    async fn try_find(&self, reference: &ObjectReference) -> Result<Outcome, Failure> {
        if self.is_forbidden(reference) {
            return Ok(Outcome::Bare(Enrichment::Forbidden));
        }
        let key = cache::key(reference).map(|key| format!("{}/{key}", self.cluster));
        loop {
            let abandoned = match &key {
                Some(key) => match self.shared.look(key).await {
                    Known::Found(metadata) => {
                        self.metrics.read_cache_hits.inc();
                        return Ok(Outcome::Known(Arc::new(metadata), Enrichment::Shared));
                    }
                    Known::Free(abandoned) => Some((key, abandoned)),
                    Known::Alone => None,
                },
                None => None,
            };
            let Some(path) = self.path(reference).await? else { return Ok(Outcome::Bare(Enrichment::Unavailable)) };
            // A claim is made when the request can leave at once, so that it is filled long before it counts as abandoned.
            let turn = self.turn().await?;
            let claim = match abandoned {
                Some((key, abandoned)) => self.shared.claim(key, abandoned).await,
                None => Claim::Alone,
            };
            if matches!(claim, Claim::Lost) {
                continue;
            }
            let found = self.get(&path, turn).await;
            let found = match (found, &key, claim) {
                (Ok(found), Some(key), Claim::Mine(revision)) => {
                    let metadata = enrich::judge(reference, found);
                    self.shared.fill(key, revision, metadata.clone()).await;
                    metadata
                }
                (Err(failure), Some(key), Claim::Mine(_)) => {
                    self.shared.give_up(key).await;
                    return Err(failure);
                }
                (found, ..) => enrich::judge(reference, found?),
            };
            return Ok(Outcome::Known(Arc::new(found), Enrichment::Live));
        }
    }

    /// The path of the object; `None` when there can be none.
    async fn path(&self, reference: &ObjectReference) -> Result<Option<String>, Failure> {
        let resource = self.retry(None, || self.discovery.find(&self.client, &reference.api_version, &reference.kind)).await?;
        Ok(resource.and_then(|resource| lookup::path(reference, &resource)))
    }

    async fn get(&self, path: &str, turn: Turn<'_>) -> Result<Option<ObjectMeta>, Failure> {
        self.retry(Some(turn), || {
            self.metrics.read_cache_misses.inc();
            async {
                let answer = lookup::object(&self.client, path).await;
                self.note(&answer);
                answer
            }
        })
        .await
    }

    /// Waits until a request may leave.
    async fn turn(&self) -> Result<Turn<'_>, Failure> {
        let permit = self.permits.acquire().await.map_err(|_| Failure::Unreachable("stopping".to_owned()))?;
        if self.is_down() {
            return Err(down());
        }
        self.limiter.until_ready().await;
        Ok(Turn { _permit: permit })
    }

    /// Repeats what may succeed later, for a while. With a turn, each attempt takes one.
    async fn retry<T, F>(&self, turn: Option<Turn<'_>>, attempt: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let limited = turn.is_some();
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut turn = turn;
        loop {
            if self.is_down() {
                return Err(down());
            }
            let answer = attempt().await;
            drop(turn.take());
            let after = match &answer {
                Err(Failure::Later { after, .. }) => *after,
                Err(Failure::Unreachable(_)) => None,
                _ => return answer,
            };
            let jitter = rand::rng().random_range(0.5..1.0);
            let wait = after.unwrap_or_default().max(pause.mul_f64(jitter));
            if begun.elapsed() + wait > TRY_FOR {
                return answer;
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
            if limited {
                turn = Some(self.turn().await?);
            }
        }
    }

    fn note<T>(&self, answer: &Result<T, Failure>) {
        match answer {
            Err(Failure::Unreachable(reason)) => self.reach.failed(reason),
            _ => self.reach.answered(),
        }
    }

    fn is_forbidden(&self, reference: &ObjectReference) -> bool {
        let forbidden = self.forbidden();
        !forbidden.since.is_empty() && forbidden.since.get(&place(reference)).is_some_and(|since| since.elapsed() < FORBIDDEN_FOR)
    }

    fn forbid(&self, reference: &ObjectReference, reason: &str) {
        let mut forbidden = self.forbidden();
        forbidden.since.retain(|_, since| since.elapsed() < FORBIDDEN_FOR);
        forbidden.since.insert(place(reference), Instant::now());
        if forbidden.said.insert(format!("{}/{}", reference.api_version, reference.kind)) {
            let (kind, api_version) = (&reference.kind, &reference.api_version);
            tracing::warn!(
                api_version,
                kind,
                reason,
                "kube-apiserver forbids reading this kind, its events go on without; grant get on it"
            );
        }
    }

    fn forbidden(&self) -> MutexGuard<'_, Forbidden> {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to send one request.
struct Turn<'a> {
    _permit: tokio::sync::SemaphorePermit<'a>,
}

fn down() -> Failure {
    Failure::Later { reason: "kube-apiserver is away".to_owned(), after: None }
}

/// What permissions may differ by.
fn place(reference: &ObjectReference) -> String {
    format!("{}/{}/{}", reference.api_version, reference.kind, reference.namespace)
}
