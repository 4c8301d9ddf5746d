//! Events at a steady rate, written down in the book before anyone can see them.
//!
//! A fifth of them are later versions of events made before. The oldest are deleted as if their time to live were over, so that what the API server keeps is
//! bounded. While an [`Oddity`] is set, some of the events are odd.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::{
    book::Book,
    oddities::{self, About, Oddity},
};
use crate::apiserver::ApiServer;

const NAMESPACE: &str = "chaos";
/// Pods that events are about.
const PODS: usize = 40;
/// Events that the API server keeps.
const KEPT: usize = 4_000;
/// Recent events that may be seen again.
const RECENT: usize = 300;
/// Changes that the API server remembers.
const HISTORY: usize = 20_000;

/// A source of events.
pub(super) struct Flow {
    odd: Arc<Mutex<Option<Oddity>>>,
    burst: Arc<AtomicU32>,
    task: AbortOnDropHandle<Result<()>>,
}

impl Flow {
    /// Begins to make `rate` events a second.
    pub(super) fn start(api: Arc<ApiServer>, book: Arc<Book>, campaign: u32, seed: u64, rate: f64) -> Result<Self> {
        let (odd, burst) = (Arc::default(), Arc::default());
        api.limit_history(HISTORY);
        let source = Source {
            pods: (0..PODS).map(|number| make_pod(&api, number)).collect::<Result<_>>()?,
            random: StdRng::seed_from_u64(seed),
            odd: Arc::clone(&odd),
            burst: Arc::clone(&burst),
            api,
            book,
            campaign,
            number: 0,
            recent: VecDeque::new(),
            kept: VecDeque::new(),
        };
        Ok(Self { odd, burst, task: AbortOnDropHandle::new(tokio::spawn(source.run(rate))) })
    }

    /// Makes some of the events odd from now on, or none.
    pub(super) fn set_odd(&self, oddity: Option<Oddity>) {
        *self.odd.lock().unwrap_or_else(PoisonError::into_inner) = oddity;
    }

    /// Makes so many events at once, beside the steady ones.
    pub(super) fn burst(&self, number: u32) {
        self.burst.fetch_add(number, Ordering::SeqCst);
    }

    /// Makes no more events.
    ///
    /// # Errors
    /// When it had stopped by itself because of an error.
    pub(super) async fn stop(self) -> Result<()> {
        if self.task.is_finished() {
            return self.task.await.context("the event source panicked")?;
        }
        Ok(())
    }
}

/// An event that exists.
struct Made {
    number: u64,
    count: u32,
    pod: usize,
    identity: String,
}

struct Source {
    api: Arc<ApiServer>,
    book: Arc<Book>,
    campaign: u32,
    random: StdRng,
    odd: Arc<Mutex<Option<Oddity>>>,
    burst: Arc<AtomicU32>,
    number: u64,
    pods: Vec<About>,
    /// The latest events, for later versions of them.
    recent: VecDeque<Made>,
    /// The others that the API server still has: number and identity.
    kept: VecDeque<(u64, String)>,
}

impl Source {
    async fn run(mut self, rate: f64) -> Result<()> {
        let mut tick = interval(Duration::from_secs_f64(1.0 / rate));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            for _ in 0..self.burst.swap(0, Ordering::SeqCst) {
                self.new_event()?;
            }
            if self.random.random_bool(0.2) && self.recent.len() > 10 {
                self.again()?;
            } else {
                self.new_event()?;
            }
        }
    }

    fn new_event(&mut self) -> Result<()> {
        let set = *self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        // Huge ones are few, since a second has only so many bytes.
        let odd = set.filter(|odd| self.number.is_multiple_of(if *odd == Oddity::Huge { 25 } else { 3 }));
        let mut made = Made { number: self.number, count: 1, pod: self.random.random_range(0..PODS), identity: String::new() };
        self.number += 1;
        if self.random.random_bool(0.1) {
            // A new version of the pod has to be looked up anew.
            self.pods[made.pod] = put_pod(&self.api, &self.pods[made.pod])?;
        }
        made.identity = self.write(&made, odd)?;
        if odd == Some(Oddity::Recreated) {
            self.api.delete("pods", NAMESPACE, &self.pods[made.pod].name);
            self.pods[made.pod] = make_pod(&self.api, made.pod)?;
        }
        self.recent.push_back(made);
        if self.recent.len() > RECENT
            && let Some(made) = self.recent.pop_front()
        {
            self.kept.push_back((made.number, made.identity));
        }
        if self.kept.len() > KEPT
            && let Some((number, identity)) = self.kept.pop_front()
        {
            self.book.ledger(|ledger| ledger.replaced(&identity));
            self.api.delete("events", NAMESPACE, &format!("e-{number}"));
        }
        Ok(())
    }

    /// A later version of an event made before.
    fn again(&mut self) -> Result<()> {
        let at = self.random.random_range(0..self.recent.len());
        let Some(mut made) = self.recent.remove(at) else { return Ok(()) };
        made.count += 1;
        self.book.ledger(|ledger| ledger.replaced(&made.identity));
        made.identity = self.write(&made, None)?;
        self.recent.push_back(made);
        Ok(())
    }

    fn write(&self, made: &Made, odd: Option<Oddity>) -> Result<String> {
        let about = &self.pods[made.pod];
        let event = oddities::event(self.campaign, made.number, made.count, about, NAMESPACE, Timestamp::now(), odd);
        let uid = oddities::uid(self.campaign, made.number);
        let mut identity = String::new();
        self.api.put_bytes("events", NAMESPACE, &format!("e-{}", made.number), |version| {
            identity = self.book.made(&uid, version);
            oddities::bytes(&event, version, odd)
        })?;
        Ok(identity)
    }
}

/// Makes a pod, or makes it anew, with a UID of its own.
fn make_pod(api: &ApiServer, number: usize) -> Result<About> {
    let bits = rand::random::<u64>();
    let uid = format!("00000000-0000-4000-b{:03x}-{:012x}", bits >> 52, bits & 0xFFFF_FFFF_FFFF);
    put_pod(api, &About { name: format!("web-{number}"), uid, version: String::new() })
}

/// Writes a pod, so that it has a new version.
fn put_pod(api: &ApiServer, About { name, uid, .. }: &About) -> Result<About> {
    let pod = api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid,
        "labels": {"of": uid, "app": "web"}, "annotations": {"example.com/team": "shop"}}}))?;
    let version = pod["metadata"]["resourceVersion"].as_str().map(str::to_owned).unwrap_or_default();
    Ok(About { name: name.clone(), uid: uid.clone(), version })
}

/// What stands for a raw event of the usual kind, made by whoever stands in for a watcher of another version.
pub(super) fn stand_in(campaign: u32, number: u64) -> Value {
    let about = About { name: "web-0".to_owned(), uid: String::new(), version: String::new() };
    oddities::event(campaign, number, 1, &about, NAMESPACE, Timestamp::now(), None)
}
