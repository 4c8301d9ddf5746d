//! The loop: takes raw events, keeps those about one object in a lane, and publishes them when their object is known.
//!
//! At most [`IN_HAND`] events are here at a time; when that many wait, no more are asked for. A raw message is acknowledged when its enriched one has its
//! PubAck. What cannot be finished when the stage stops is handed back.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use herald_common::{
    bus::{ConsumerSpec, DeadLetter, Delivery, Enrichment, Headers, Message, Outbox, Stream, header},
    config::Encoding,
    event::{self, EnrichedEvent, Event, ObjectMetadata},
    gap::{Gap, Reason},
    stage::Context,
};
use jiff::Timestamp;
use lru::LruCache;

use crate::lookups::{Lookups, Outcome};

/// Events that may wait for lookups.
const IN_HAND: usize = 2_048;
/// How long events stay away when a lookup failed.
const BACK_FOR: Duration = Duration::from_secs(15);

/// An event whose object is being looked up.
struct Held {
    delivery: Delivery,
    event: Event,
}

/// The stage at work.
pub(crate) struct Pipeline {
    context: Context,
    lookups: Arc<Lookups>,
    cache: LruCache<(String, String), Arc<ObjectMetadata>>,
    lanes: HashMap<String, VecDeque<Held>>,
    running: FuturesUnordered<BoxFuture<'static, (String, Outcome)>>,
    outbox: Outbox<Delivery>,
    queued: usize,
}

impl Pipeline {
    pub(crate) fn new(context: Context, lookups: Arc<Lookups>) -> Self {
        let size = NonZeroUsize::new(context.config.cache_size).unwrap_or(NonZeroUsize::MIN);
        Self {
            outbox: Outbox::new(context.bus.clone(), 512),
            cache: LruCache::new(size),
            lanes: HashMap::new(),
            running: FuturesUnordered::new(),
            queued: 0,
            lookups,
            context,
        }
    }

    pub(crate) async fn run(mut self, spec: ConsumerSpec) {
        let mut consumer = self.context.bus.consume(spec);
        let pulse = self.context.health.pulse("enricher", Duration::from_secs(60));
        let mut tick = tokio::time::interval(Duration::from_secs(5));
        let stop = self.context.stop.clone();
        let (mut stopping, mut drained) = (false, false);
        while !(drained && self.outbox.is_empty() && self.running.is_empty()) {
            tokio::select! {
                biased;
                Some((delivery, _)) = self.outbox.next(), if !self.outbox.is_empty() => {
                    self.context.stage_metrics.published.inc();
                    self.done(&delivery).await;
                }
                Some((lane, outcome)) = self.running.next(), if !self.running.is_empty() && !self.outbox.is_full() => self.resolve(lane, outcome).await,
                () = stop.cancelled(), if !stopping => { stopping = true; consumer.stop(); }
                delivery = consumer.next(), if !drained && !self.outbox.is_full() && self.queued < IN_HAND => match delivery {
                    Some(delivery) if stopping => delivery.put_back(Duration::ZERO).await,
                    Some(delivery) => self.take(delivery).await,
                    None => drained = true,
                },
                _ = tick.tick() => {}
            }
            pulse.beat();
        }
        pulse.end();
    }

    async fn take(&mut self, delivery: Delivery) {
        self.context.stage_metrics.received.inc();
        self.context.stage_metrics.in_flight.inc();
        let event = match event::decode_raw(&delivery.payload, delivery.headers.get(header::CONTENT_TYPE)) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, subject = delivery.subject, "raw message is no event, kept as a dead letter");
                self.context.bus.dead_letter("enricher", &delivery, &DeadLetter::at_once(error.to_string())).await;
                return self.done(&delivery).await;
            }
        };
        if !self.lookups.is_needed(&event.involved_object) {
            return self.send(Held { delivery, event }, &Arc::default(), Enrichment::Omitted).await;
        }
        let lane = lane(&event);
        if let Some(queue) = self.lanes.get_mut(&lane) {
            queue.push_back(Held { delivery, event });
            self.queued += 1;
            return;
        }
        if let Some(metadata) = self.cached(&event) {
            self.context.metrics.read_cache_hits.inc();
            return self.send(Held { delivery, event }, &metadata, Enrichment::Cached).await;
        }
        self.ask(lane.clone(), &event);
        self.queued += 1;
        self.lanes.insert(lane, VecDeque::from([Held { delivery, event }]));
    }

    fn cached(&mut self, event: &Event) -> Option<Arc<ObjectMetadata>> {
        self.cache.get(&cache_key(event)?).cloned()
    }

    fn ask(&self, lane: String, event: &Event) {
        let (lookups, reference) = (self.lookups.clone(), event.involved_object.clone());
        self.running.push(async move { (lane, lookups.find(&reference).await) }.boxed());
    }

    async fn resolve(&mut self, lane: String, outcome: Outcome) {
        let Some(mut queue) = self.lanes.remove(&lane) else { return };
        if let Outcome::Later(reason) = &outcome {
            let patience = self.context.config.lookup_patience.0;
            let mut kept = VecDeque::new();
            for held in queue {
                self.queued -= 1;
                if Timestamp::now().duration_since(held.delivery.published).unsigned_abs() > patience {
                    self.send(held, &Arc::default(), Enrichment::Unavailable).await;
                } else {
                    kept.push_back(held);
                }
            }
            if !kept.is_empty() {
                tracing::warn!(reason, events = kept.len(), "lookup failed, putting the events back for later");
            }
            for held in kept {
                self.context.stage_metrics.retried.inc();
                self.context.stage_metrics.in_flight.dec();
                held.delivery.put_back(BACK_FOR).await;
            }
            return;
        }
        let mut first = true;
        while let Some(held) = queue.pop_front() {
            let answer = match &outcome {
                Outcome::Known(metadata, how) if first => {
                    if let Some(key) = cache_key(&held.event) {
                        self.cache.put(key, metadata.clone());
                    }
                    Some((metadata.clone(), *how))
                }
                Outcome::Bare(how) if first => Some((Arc::default(), *how)),
                _ => self.cached(&held.event).map(|metadata| {
                    self.context.metrics.read_cache_hits.inc();
                    (metadata, Enrichment::Cached)
                }),
            };
            first = false;
            match answer {
                Some((metadata, how)) => {
                    self.queued -= 1;
                    self.send(held, &metadata, how).await;
                }
                None => {
                    self.ask(lane.clone(), &held.event);
                    queue.push_front(held);
                    self.lanes.insert(lane, queue);
                    return;
                }
            }
        }
    }

    async fn send(&mut self, held: Held, metadata: &Arc<ObjectMetadata>, how: Enrichment) {
        while self.outbox.is_full() {
            if let Some((delivery, _)) = self.outbox.next().await {
                self.context.stage_metrics.published.inc();
                self.done(&delivery).await;
            }
        }
        let Held { delivery, event } = held;
        let cluster = delivery.headers.cluster().to_owned();
        let how = if metadata.deleted && how != Enrichment::Omitted { Enrichment::Deleted } else { how };
        let encoding = self.context.config.nats.encoding.enriched;
        let enriched = EnrichedEvent { event, cluster_name: cluster.clone(), object: (**metadata).clone() };
        let payload = match encoding {
            Encoding::Json => event::to_go_json(&enriched).unwrap_or_default(),
            Encoding::MessagePack => rmp_serde::to_vec_named(&enriched).unwrap_or_default(),
        };
        let object = &enriched.event.involved_object;
        let subject =
            self.context.bus.subjects().enriched(&cluster, &enriched.event.type_, &object.namespace, &object.kind, &enriched.event.reason);
        let mut headers: Headers = delivery.headers.without(&[header::MESSAGE_ID]);
        headers.set(header::CONTENT_TYPE, encoding.content_type());
        headers.set(header::ENRICHMENT, how.as_str());
        let id = delivery.identity().to_owned();
        let message = Message { stream: Stream::Enriched, subject, id: id.clone(), headers, payload: payload.into() };
        if let Err((delivery, error)) = self.outbox.publish(message, delivery).await {
            self.context.bus.publish_gap(&Gap::event(&cluster, Reason::TooLarge, &id, &error.to_string())).await;
            self.done(&delivery).await;
        }
    }

    async fn done(&mut self, delivery: &Delivery) {
        delivery.ack().await;
        self.context.stage_metrics.acked.inc();
        self.context.stage_metrics.in_flight.dec();
    }
}

fn lane(event: &Event) -> String {
    let object = &event.involved_object;
    if object.uid.is_empty() {
        format!("{}/{}/{}/{}", object.api_version, object.kind, object.namespace, object.name)
    } else {
        object.uid.clone()
    }
}

fn cache_key(event: &Event) -> Option<(String, String)> {
    let object = &event.involved_object;
    (!object.uid.is_empty() && !object.resource_version.is_empty()).then(|| (object.uid.clone(), object.resource_version.clone()))
}
