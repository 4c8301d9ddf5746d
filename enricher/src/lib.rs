//! The enricher: adds to each event what is known about the object it is about.
//!
//! ```text
//! HERALD_RAW ─▶ lane of the object ─▶ own cache ─▶ shared cache (KV) ─▶ one metadata GET ─▶ HERALD_ENRICHED ─PubAck─▶ ack
//!               lanes                 cache        shared               lookup, discovery   enrich
//!               └────────────────── pipeline ────┘ └────── lookups, reach ──────────────┘
//! ```
//!
//! In go raw events of one cluster; out go the exported events, under the identities they came with. One GET for each UID and resourceVersion, whatever the
//! number of replicas and however many events ask at once. A slow lookup holds up the events about its own object only, and those leave in the order they
//! came. An object that cannot be read never stops an event: it is exported without, and a header says why.

pub mod cache;
mod discovery;
mod enrich;
mod lanes;
mod lookup;
mod lookups;
mod pipeline;
mod reach;
mod shared;

use herald_common::{
    bus::{ConsumerSpec, LossWatch, Stream},
    stage::{Context, Stage},
    subjects::name_part,
};

use self::{lookups::Lookups, pipeline::Pipeline};

/// The enricher.
#[derive(Default)]
pub struct Enricher;

impl Stage for Enricher {
    const NAME: &'static str = "enricher";
    const BINARY: &'static str = "herald-enricher";
    const ABOUT: &'static str = "Adds the involved object's labels, annotations, owners and fate to Kubernetes events";

    fn from_matches(_: &clap::ArgMatches) -> anyhow::Result<Self> {
        Ok(Self)
    }

    async fn run(self, context: Context) -> anyhow::Result<()> {
        let cluster = context.config.cluster_name.clone();
        let spec = ConsumerSpec {
            stream: Stream::Raw,
            durable: format!("enricher_{}", name_part(&cluster)),
            filters: vec![context.bus.subjects().raw_of(&cluster)],
            prefetch: 128,
            max_ack_pending: 8_192,
        };
        let lookups = if context.config.omit_lookup { None } else { Some(Lookups::new(&context).await?) };
        let looked = context.health.condition("enricher: consumer");
        context.started.met();
        let watch = LossWatch::new(context.bus.clone(), spec.clone(), &cluster, context.stage_metrics.clone());
        watch.begin(&looked, context.stop.clone()).await;
        if let Some(lookups) = &lookups {
            tokio::spawn(lookups.clone().watch(context.stop.clone()));
        }
        Pipeline::new(context, lookups).run(spec).await;
        Ok(())
    }
}
