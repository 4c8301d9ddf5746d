//! fallback enricher
mod discovery;
mod lookup;
mod lookups;
mod pipeline;
mod shared;

use herald_common::{
    bus::{ConsumerSpec, LossWatch, Stream},
    stage::{Context, Stage},
    subjects::name_part,
};

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
            prefetch: 1_024,
            max_ack_pending: 8_192,
        };
        let lookups = lookups::Lookups::new(&context).await?;
        tokio::spawn(LossWatch::new(context.bus.clone(), spec.clone(), &cluster, context.stage_metrics.clone()).run(context.stop.clone()));
        pipeline::Pipeline::new(context, lookups).run(spec).await;
        Ok(())
    }
}
