//! The router: gives each enriched event to the receivers that the tree of rules names.
//!
//! ```text
//! HERALD_ENRICHED ─▶ decode what rules look at ─▶ route (pure) ─▶ first version only? ─▶ HERALD_OUT_<receiver>, one message each ─▶ ack
//! ```
//!
//! In go enriched events of every cluster; out go the same bytes, one message for each receiver. An event is acknowledged once every stream has its
//! message; an event nobody wants is acknowledged at once. The router never encodes an event, never looks anything up, and any number of replicas may run.

pub mod explain;
mod first;
pub mod route;
pub mod rule;
pub mod view;

use std::{collections::HashMap, sync::Arc, time::Duration};

use herald_common::{
    bus::{Bus, ConsumerSpec, DeadLetter, Delivery, LossWatch, Message, Outbox, Stream, header},
    config::{Config, Receiver},
    gap::{Gap, Reason},
    health::Pulse,
    stage::{Context, Stage},
};

use crate::{first::FirstVersions, route::Tree, view::View};

/// PubAcks awaited at a time.
const WINDOW: usize = 256;
/// Messages read ahead.
const PREFETCH: usize = 256;
/// Messages in the hands of all replicas.
const MAX_ACK_PENDING: i64 = 16_384;
/// The consumer all replicas share.
pub const DURABLE: &str = "router";

/// The router.
pub struct Router;

impl Stage for Router {
    const NAME: &'static str = "router";
    const BINARY: &'static str = "herald-router";
    const ABOUT: &'static str = "Gives each enriched Kubernetes event to the receivers that the rules of config.yaml name";

    fn from_matches(_: &clap::ArgMatches) -> anyhow::Result<Self> {
        Ok(Self)
    }

    async fn run(self, context: Context) -> anyhow::Result<()> {
        let spec = ConsumerSpec {
            stream: Stream::Enriched,
            durable: DURABLE.to_owned(),
            filters: Vec::new(),
            prefetch: PREFETCH,
            max_ack_pending: MAX_ACK_PENDING,
        };
        let (ready, looked) = (context.health.condition("router: streams"), context.health.condition("router: consumer"));
        context.started.met();
        ensure_streams(&context, &ready).await;
        let watch = LossWatch::new(context.bus.clone(), spec.clone(), Self::NAME, context.stage_metrics.clone());
        watch.begin(&looked, context.stop.clone()).await;
        Routing::new(context).run(spec).await;
        Ok(())
    }
}

/// Creates the streams the router writes to, so that none is missing when the first event comes; waits for NATS to allow it.
async fn ensure_streams(context: &Context, ready: &herald_common::health::Condition) {
    let mut streams: Vec<Stream> =
        context.config.receivers.iter().map(|receiver| Stream::Out(receiver.name.value.as_str().into())).collect();
    streams.push(Stream::Enriched);
    for stream in streams {
        while let Err(error) = context.bus.ensure_stream(&stream).await {
            tracing::warn!(%error, "waiting for a stream");
            ready.unmet(error.to_string());
            tokio::select! {
                () = context.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }
    ready.met();
}

/// A receiver as the router sees it.
struct Target {
    name: Arc<str>,
    subject: String,
    wants_updates: bool,
}

/// The decisions of one event: which receivers get it.
///
/// It stands apart from the stage so that `herald replay` can route as the router does.
pub struct Decider {
    tree: Tree,
    reporting_fields: bool,
    targets: HashMap<String, Target>,
}

impl Decider {
    /// Compiles the rules of a configuration.
    #[must_use]
    pub fn new(config: &Config, bus: &Bus) -> Self {
        let target = |receiver: &Receiver| Target {
            name: receiver.name.value.as_str().into(),
            subject: bus.subjects().out(&receiver.name.value),
            wants_updates: receiver.wants_updates(),
        };
        Self {
            tree: Tree::compile(&config.route),
            reporting_fields: config.match_reporting_fields,
            targets: config.receivers.iter().map(|receiver| (receiver.name.value.clone(), target(receiver))).collect(),
        }
    }

    /// Tells whether a receiver gets an event, given as its payload and `Content-Type`.
    ///
    /// # Errors
    /// When the payload is no event.
    pub fn delivers(&self, payload: &[u8], content_type: Option<&str>, receiver: &str) -> anyhow::Result<bool> {
        let view = View::read(payload, content_type)?;
        Ok(self.tree.route(&self.event(&view)).receivers.contains(&receiver))
    }

    fn event<'a>(&self, view: &'a View<'_>) -> rule::Event<'a> {
        view.event(self.reporting_fields)
    }
}

/// The stage at work.
struct Routing {
    context: Context,
    decider: Decider,
    first: FirstVersions,
    outbox: Outbox<Option<Delivery>>,
}

impl Routing {
    fn new(context: Context) -> Self {
        let bus = context.bus.clone();
        Self {
            decider: Decider::new(&context.config, &bus),
            first: FirstVersions::new(bus.clone()),
            outbox: Outbox::new(bus, WINDOW).on_dropped({
                let metrics = context.metrics.clone();
                move |stream, number| {
                    if let Stream::Out(receiver) = stream {
                        metrics.receiver(Router::NAME, receiver).lost.inc_by(number);
                    }
                }
            }),
            context,
        }
    }

    async fn run(mut self, spec: ConsumerSpec) {
        let mut consumer = self.context.bus.consume(spec);
        let pulse = self.context.health.pulse("router", Duration::from_secs(60));
        let mut tick = tokio::time::interval(Duration::from_secs(5));
        let metrics = self.context.stage_metrics.clone();
        let stop = self.context.stop.clone();
        let mut changes = self.context.reloads.subscribe();
        let mut stopping = false;
        let mut drained = false;
        while !(drained && self.outbox.is_empty()) {
            tokio::select! {
                biased;
                Some((delivery, _)) = self.outbox.next(), if !self.outbox.is_empty() => {
                    metrics.published.inc();
                    if let Some(delivery) = delivery {
                        self.finish(&delivery).await;
                    }
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    consumer.stop();
                }
                delivery = consumer.next(), if !drained && !self.outbox.is_full() => match delivery {
                    // What arrives after the stop goes back to the other replicas.
                    Some(delivery) if stopping => delivery.put_back(Duration::ZERO).await,
                    Some(delivery) => {
                        metrics.received.inc();
                        metrics.in_flight.inc();
                        self.route(delivery, &pulse).await;
                    }
                    None => drained = true,
                },
                // The outbox creates the streams of new receivers.
                config = changes.next() => self.decider = Decider::new(&config, &self.context.bus),
                _ = tick.tick() => {}
            }
            pulse.beat();
        }
        pulse.end();
    }

    /// Publishes a delivery to its receivers; the last message carries it back for the acknowledgement.
    async fn route(&mut self, delivery: Delivery, pulse: &Pulse) {
        let view = match View::read(&delivery.payload, delivery.headers.get(header::CONTENT_TYPE)) {
            Ok(view) => view,
            Err(error) => return self.unreadable(delivery, &error).await,
        };
        let event = self.decider.event(&view);
        let decision = self.decider.tree.route(&event);
        for rule in &decision.dropped_by {
            self.context.metrics.dropped.with_label_values(&[rule]).inc();
        }
        for rule in &decision.matched_by {
            self.context.metrics.matched.with_label_values(&[rule]).inc();
        }
        let mut targets: Vec<(Arc<str>, String)> = Vec::with_capacity(decision.receivers.len());
        for name in &decision.receivers {
            // The configuration names no rule's receiver that is not there.
            let Some(target) = self.decider.targets.get(*name) else { continue };
            if target.wants_updates || self.first.is_first(&target.name, &event, &delivery, pulse).await {
                targets.push((target.name.clone(), target.subject.clone()));
            } else {
                self.context.metrics.dropped.with_label_values(&["updates: false"]).inc();
            }
        }
        drop(view);
        let identity = delivery.identity().to_owned();
        let (mut headers, payload) = (delivery.headers.clone(), delivery.payload.clone());
        headers.set(header::IDENTITY, &identity);
        let mut token = Some(delivery);
        let count = targets.len();
        for (at, (receiver, subject)) in targets.into_iter().enumerate() {
            let message = Message {
                id: format!("{identity}/{receiver}"),
                stream: Stream::Out(receiver),
                subject,
                headers: headers.clone(),
                payload: payload.clone(),
            };
            let carried = if at + 1 == count { token.take() } else { None };
            if let Err((carried, error)) = self.outbox.publish(message, carried).await {
                self.context.bus.publish_gap(&Gap::event(headers.cluster(), Reason::TooLarge, &identity, &error.to_string())).await;
                token = carried;
            }
        }
        if let Some(delivery) = token {
            self.finish(&delivery).await;
        }
    }

    async fn finish(&mut self, delivery: &Delivery) {
        delivery.ack().await;
        self.context.stage_metrics.acked.inc();
        self.context.stage_metrics.in_flight.dec();
    }

    /// Keeps what cannot be read as a dead letter, so that it is neither lost nor tried for ever.
    async fn unreadable(&mut self, delivery: Delivery, error: &anyhow::Error) {
        tracing::error!(%error, subject = delivery.subject, sequence = delivery.sequence, "enriched message is no event, kept as a dead letter");
        self.context.bus.dead_letter(Router::NAME, &delivery, &DeadLetter::at_once(format!("{error:#}"))).await;
        self.context.stage_metrics.dead_lettered.inc();
        self.finish(&delivery).await;
    }
}
