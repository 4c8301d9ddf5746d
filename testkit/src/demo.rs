//! A small workload that makes a demo cluster look alive: deployments, pods that come and go, and the events about them.
//!
//! ```text
//! cluster   the objects, as JSON          story   what happens, decided by a seed
//! ```
//!
//! In: a client of an API server, real or simulated, without controllers. Out: objects and about two events a second until it is
//! cancelled. An API server that is away is waited for; nothing else is touched than the objects named here.

mod cluster;
mod story;

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use self::{
    cluster::About,
    story::{Step, Story, Style, Telling},
};
use crate::kubernetes::{ApiClient, ApiError};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How many events are remembered for being repeated.
const REMEMBERED: usize = 1_000;

/// How the demo goes.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// Decides what happens: the same seed, the same story.
    pub seed: u64,
    /// Events per second, more than 0.
    pub rate: f64,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { seed: 1, rate: 2.0 }
    }
}

/// Sets the workload up and tells its story until it is cancelled.
///
/// Refusals and failures of the API server are logged; the demo goes on.
pub async fn run(api: &ApiClient, options: DemoOptions, cancel: &CancellationToken) {
    let mut demo = Demo { api: api.clone(), objects: HashMap::new(), told: HashMap::new(), events: 0, run: rand::random() };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = demo.tell(options) => {}
    }
}

/// An event that was told.
struct Told {
    path: String,
    count: u64,
}

struct Demo {
    api: ApiClient,
    /// The objects as the server stored them, by what they are.
    objects: HashMap<About, Value>,
    told: HashMap<(About, &'static str), Told>,
    events: u64,
    /// Keeps the events of several runs apart.
    run: u32,
}

impl Demo {
    async fn tell(&mut self, options: DemoOptions) {
        let mut story = Story::new(options.seed);
        while let Err(error) = self.set_up(&story).await {
            tracing::warn!(error = %error, "could not set up the demo workload, trying again");
            sleep(PAUSE_AFTER_FAILURE).await;
        }
        let mut ticks = interval(Duration::from_secs_f64(1.0 / options.rate.max(0.001)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = story.step();
            if matches!(step, Step::Tell(_)) {
                ticks.tick().await;
            }
            if let Err(error) = self.take(&step).await {
                tracing::warn!(error = %error, "a step of the demo failed");
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn set_up(&mut self, story: &Story) -> Result<(), ApiError> {
        for namespace in cluster::NAMESPACES {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            ensure(&self.api, "/api/v1/namespaces", namespace, &object).await?;
        }
        for node in cluster::NODES {
            self.ensure(&About::Node { name: (*node).to_owned() }).await?;
        }
        for about in story.lasting() {
            self.ensure(&about).await?;
        }
        Ok(())
    }

    async fn ensure(&mut self, about: &About) -> Result<(), ApiError> {
        let owner = about.owner().and_then(|owner| Some((self.objects.get(&owner)?, owner)));
        let object = cluster::object(about, owner.map(|(stored, owner)| cluster::owner_reference(&owner, stored)));
        let mut stored = ensure(&self.api, &about.collection(), about.name(), &object).await?;
        if let Some(status) = object.get("status") {
            // The API server drops the status of what is created.
            stored = self.api.patch(&format!("{}/{}/status", about.collection(), about.name()), &json!({"status": status})).await?;
        }
        self.objects.insert(about.clone(), stored);
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> Result<(), ApiError> {
        match step {
            Step::Create(about) => self.ensure(about).await,
            Step::Delete(about) => match self.api.delete(&format!("{}/{}", about.collection(), about.name())).await {
                Err(error) if error.code() == Some(404) => Ok(()),
                result => result,
            },
            Step::Tell(telling) => self.event(telling).await,
            Step::Forget(about) => {
                self.objects.remove(about);
                self.told.retain(|(told, _), _| told != about);
                Ok(())
            }
        }
    }

    /// Creates the event, or lets its count grow when it was told before and is to be repeated.
    async fn event(&mut self, telling: &Telling) -> Result<(), ApiError> {
        let key = (telling.about.clone(), telling.reason);
        if telling.again
            && let Some(told) = self.told.get_mut(&key)
        {
            let count = told.count + 1;
            match self.api.patch(&told.path, &repetition(telling.style, count)).await {
                Ok(_) => {
                    told.count = count;
                    return Ok(());
                }
                // It was kept for its time to live; a new one begins.
                Err(error) if error.code() == Some(404) => {}
                Err(error) => return Err(error),
            }
        }
        self.events += 1;
        let name = format!("{}.{:08x}{:08x}", telling.about.name(), self.run, self.events);
        let event = event(telling, &name, self.objects.get(&telling.about));
        let collection = format!("/api/v1/namespaces/{}/events", telling.about.event_namespace());
        self.api.create(&collection, &event).await?;
        if self.told.len() >= REMEMBERED {
            self.told.clear();
        }
        self.told.insert(key, Told { path: format!("{collection}/{name}"), count: 1 });
        Ok(())
    }
}

/// Creates the object unless there is one of the name, and returns what is stored.
async fn ensure(api: &ApiClient, collection: &str, name: &str, object: &Value) -> Result<Value, ApiError> {
    match api.create(collection, object).await {
        Err(error) if error.code() == Some(409) => api.get(&format!("{collection}/{name}")).await,
        result => result,
    }
}

/// What changes when an event is seen for the `count`th time.
fn repetition(style: Style, count: u64) -> Value {
    match style {
        Style::Classic => json!({"count": count, "lastTimestamp": seconds()}),
        Style::Series => json!({"series": {"count": count, "lastObservedTime": microseconds()}}),
    }
}

fn event(telling: &Telling, name: &str, stored: Option<&Value>) -> Value {
    let Telling { about, reason, severity, message, component, .. } = telling;
    let mut event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": about.event_namespace()},
        "involvedObject": cluster::reference(about, stored),
        "reason": reason, "message": message, "type": severity,
    });
    let more = match telling.style {
        Style::Classic => json!({"source": {"component": component, "host": cluster::NODES[0]}, "count": 1,
            "firstTimestamp": seconds(), "lastTimestamp": seconds(), "reportingComponent": component, "reportingInstance": ""}),
        Style::Series => json!({"eventTime": microseconds(), "reportingComponent": component,
            "reportingInstance": format!("{component}-demo"), "action": "Scheduling"}),
    };
    for (name, value) in more.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}

fn seconds() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn microseconds() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
