//! The loop: takes raw events, keeps those about one object in order, and publishes them when their object is known.
//!
//! At most [`IN_HAND`] events wait for lookups at a time; when that many do, no more are asked for. A raw message is acknowledged when its enriched one has its
//! PubAck, and is kept from being handed out again while it waits here. What cannot be finished when the stage stops is put back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use herald_common::{
    bus::{ConsumerSpec, DeadLetter, Delivery, Enrichment, Outbox, header},
    event::{self, Event, ObjectMetadata, ObjectReference},
    gap::{Gap, Reason},
    health::Pulse,
    stage::{Context, Stage as _},
};
use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use crate::{
    Enricher,
    cache::Cache,
    enrich,
    lanes::{Away, Lanes},
    lookups::{Lookups, Outcome},
};

/// Events that may wait for lookups.
const IN_HAND: usize = 256;
/// Messages whose PubAck may be awaited.
const WINDOW: usize = 256;
/// How long events stay away at least when a lookup failed.
const BACK_FOR: Duration = Duration::from_secs(15);
/// How long they stay away at most, whatever the API server asks for.
const BACK_FOR_AT_MOST: Duration = Duration::from_secs(60);
/// How often is looked after what waits.
const TICK: Duration = Duration::from_secs(2);
/// How long lookups may go on when the stage stops.
const LAST_LOOKUPS: Duration = Duration::from_secs(5);
/// The loop is stuck when it does not turn for so long.
const SILENCE: Duration = Duration::from_secs(60);

/// An event whose object is being looked up.
struct Held {
    delivery: Delivery,
    event: Event,
    /// When the server was last told that it is being worked on.
    claimed: Instant,
}

/// The stage at work.
pub(crate) struct Pipeline {
    context: Context,
    /// None when nothing is to be looked up.
    lookups: Option<Arc<Lookups>>,
    cache: Cache,
    lanes: Lanes<Held>,
    away: Away,
    running: FuturesUnordered<BoxFuture<'static, (String, Outcome)>>,
    outbox: Outbox<Delivery>,
    pulse: Pulse,
}

impl Pipeline {
    pub(crate) fn new(context: Context, lookups: Option<Arc<Lookups>>) -> Self {
        Self {
            cache: Cache::new(context.config.cache_size),
            lanes: Lanes::default(),
            away: Away::default(),
            running: FuturesUnordered::new(),
            outbox: Outbox::new(context.bus.clone(), WINDOW),
            pulse: context.health.pulse(Enricher::NAME, SILENCE),
            lookups,
            context,
        }
    }

    /// Works until the stage is stopped and nothing is in hand.
    pub(crate) async fn run(mut self, spec: ConsumerSpec) {
        let mut consumer = self.context.bus.consume(spec);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.context.stop.clone();
        let mut drained = false;
        let mut lookups_end = None;
        while !(drained && self.outbox.is_empty() && self.lanes.len() == 0) {
            let has_room = !self.outbox.is_full();
            tokio::select! {
                biased;
                _ = tick.tick() => {
                    self.pulse.beat();
                    self.look_after().await;
                }
                () = stop.cancelled(), if lookups_end.is_none() => {
                    consumer.stop();
                    lookups_end = Some(tokio::time::Instant::now() + LAST_LOOKUPS);
                }
                () = until(lookups_end), if self.lanes.len() > 0 => self.abandon().await,
                Some((delivery, _)) = self.outbox.next(), if !self.outbox.is_empty() => self.published(&delivery).await,
                Some((lane, outcome)) = self.running.next(), if has_room && !self.running.is_empty() => self.resolve(&lane, outcome).await,
                delivery = consumer.next(), if has_room && !drained && self.lanes.len() < IN_HAND => match delivery {
                    None => drained = true,
                    Some(delivery) if lookups_end.is_some() => delivery.put_back(Duration::ZERO).await,
                    Some(delivery) => self.take(delivery).await,
                },
            }
        }
        self.pulse.end();
    }

    /// Takes an event in: publishes it at once if nothing has to be asked or waited for.
    async fn take(&mut self, delivery: Delivery) {
        self.context.stage_metrics.received.inc();
        self.context.stage_metrics.in_flight.inc();
        let event = match event::decode_raw(&delivery.payload, delivery.headers.get(header::CONTENT_TYPE)) {
            Ok(event) => event,
            Err(error) => return self.give_up(delivery, &error).await,
        };
        let reference = &event.involved_object;
        if self.lookups.is_none() || !enrich::names_an_object(reference) {
            return self.send(delivery, event, &ObjectMetadata::default(), Enrichment::Omitted).await;
        }
        let lane = enrich::lane(reference);
        if let Some(left) = self.away.come(&lane, delivery.sequence, Instant::now()) {
            return self.put_back_of(&lane, delivery, left).await;
        }
        if !self.lanes.is_busy(&lane) {
            if let Some(metadata) = self.cache.get(reference) {
                self.context.metrics.read_cache_hits.inc();
                return self.send(delivery, event, &metadata, Enrichment::Cached).await;
            }
            self.ask(lane.clone().into_owned(), reference.clone());
        }
        let lane = lane.into_owned();
        self.lanes.push(&lane, Held { delivery, event, claimed: Instant::now() });
    }

    fn ask(&self, lane: String, reference: ObjectReference) {
        let Some(lookups) = self.lookups.clone() else { return };
        self.running.push(async move { (lane, lookups.find(&reference).await) }.boxed());
    }

    /// Goes on with a lane whose first event's lookup ended.
    async fn resolve(&mut self, lane: &str, outcome: Outcome) {
        let (metadata, how) = match outcome {
            Outcome::Known(metadata, how) => (metadata, how),
            Outcome::Bare(how) => (Arc::default(), how),
            Outcome::Later { reason, after } => return self.postpone(lane, &reason, after).await,
        };
        let Some(first) = self.lanes.pop(lane) else { return };
        if matches!(how, Enrichment::Live | Enrichment::Shared) {
            self.cache.put(&first.event.involved_object, metadata.clone());
        }
        self.send(first.delivery, first.event, &metadata, how).await;
        while let Some(next) = self.lanes.first(lane) {
            let Some(metadata) = self.cache.get(&next.event.involved_object) else {
                return self.ask(lane.to_owned(), next.event.involved_object.clone());
            };
            self.context.metrics.read_cache_hits.inc();
            if let Some(next) = self.lanes.pop(lane) {
                self.send(next.delivery, next.event, &metadata, Enrichment::Cached).await;
            }
        }
    }

    /// Puts a lane's events back for later; those that have waited for too long go on without.
    async fn postpone(&mut self, lane: &str, reason: &str, after: Option<Duration>) {
        let patience = self.context.config.lookup_patience.0;
        let delay = after.unwrap_or_default().clamp(BACK_FOR, BACK_FOR_AT_MOST).min(patience.max(Duration::from_secs(1)));
        let mut back = 0;
        while let Some(held) = self.lanes.pop(lane) {
            let waited = Timestamp::now().duration_since(held.delivery.published);
            if back == 0 && waited.unsigned_abs() >= patience {
                self.send(held.delivery, held.event, &ObjectMetadata::default(), Enrichment::Unavailable).await;
            } else {
                back += 1;
                self.put_back_of(lane, held.delivery, delay).await;
            }
        }
        if self.lookups.as_ref().is_some_and(|lookups| lookups.is_down()) {
            tracing::debug!(lane, reason, put_back = back, "kube-apiserver is away");
        } else {
            tracing::warn!(lane, reason, put_back = back, "lookup failed, it is tried again when the events are handed out again");
        }
    }

    async fn send(&mut self, delivery: Delivery, event: Event, metadata: &ObjectMetadata, how: Enrichment) {
        while self.outbox.is_full() {
            self.pulse.beat();
            if let Ok(Some((delivery, _))) = tokio::time::timeout(TICK, self.outbox.next()).await {
                self.published(&delivery).await;
            }
        }
        let (subjects, encoding) = (self.context.bus.subjects(), self.context.config.nats.encoding.enriched);
        let message = match enrich::message(subjects, encoding, event, &delivery.headers, delivery.identity(), metadata, how) {
            Ok(message) => message,
            Err(error) => return self.give_up(delivery, &error).await,
        };
        if let Err((delivery, error)) = self.outbox.publish(message, delivery).await {
            tracing::error!(%error, identity = delivery.identity(), "event cannot be published");
            let gap = Gap::event(delivery.headers.cluster(), Reason::TooLarge, delivery.identity(), &error.to_string());
            self.context.bus.publish_gap(&gap).await;
            self.done(&delivery).await;
        }
    }

    async fn published(&mut self, delivery: &Delivery) {
        self.context.stage_metrics.published.inc();
        self.done(delivery).await;
    }

    /// Keeps a message that is no event where people find it, and goes on.
    async fn give_up(&mut self, delivery: Delivery, error: &anyhow::Error) {
        tracing::error!(error = format!("{error:#}"), subject = delivery.subject, "message is no event, kept as a dead letter");
        self.context.bus.dead_letter(Enricher::NAME, &delivery, &DeadLetter::at_once(format!("{error:#}"))).await;
        self.context.stage_metrics.dead_lettered.inc();
        self.done(&delivery).await;
    }

    async fn done(&mut self, delivery: &Delivery) {
        delivery.ack().await;
        self.context.stage_metrics.acked.inc();
        self.context.stage_metrics.in_flight.dec();
    }

    /// Puts an event back of a lane in which those behind it have to wait for it.
    async fn put_back_of(&mut self, lane: &str, delivery: Delivery, delay: Duration) {
        self.away.put_back(lane, delivery.sequence, Instant::now() + delay);
        self.put_back(delivery, delay).await;
    }

    async fn put_back(&mut self, delivery: Delivery, delay: Duration) {
        delivery.put_back(delay).await;
        self.context.stage_metrics.retried.inc();
        self.context.stage_metrics.in_flight.dec();
    }

    /// Keeps the server from handing out again what waits here.
    async fn look_after(&mut self) {
        let now = Instant::now();
        self.away.forget(now);
        let early = self.context.bus.settings().ack_wait() / 3;
        for held in self.lanes.iter_mut().filter(|held| now.duration_since(held.claimed) >= early) {
            held.delivery.in_progress().await;
            held.claimed = now;
        }
    }

    /// Ends the lookups and puts back what waits for them.
    async fn abandon(&mut self) {
        self.running.clear();
        for held in self.lanes.take_all() {
            self.put_back(held.delivery, Duration::ZERO).await;
        }
    }
}

async fn until(end: Option<tokio::time::Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
