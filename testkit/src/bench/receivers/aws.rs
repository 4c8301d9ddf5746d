//! Kinds of AWS's: moto behind the door that checks signatures, or what the door keeps itself. What is made there leads nowhere further.

use std::{marker::PhantomData, path::PathBuf};

use anyhow::{Context as _, Result};

use super::kind::{FEW, Kind, Line, SOME};
use crate::{
    scratch::Port,
    servers::{
        aws::{Behind, Door, SECRET},
        moto::{MOTO, Moto, REGION, topic_arn},
    },
    tools::Tool,
};

/// A service, as far as it differs from the others.
pub(super) trait Service {
    const KIND: &'static str;
    /// Its name in signatures.
    const NAME: &'static str = Self::KIND;
    /// Most events of a run.
    const EVENTS: u64 = SOME;

    /// Makes the place.
    async fn prepare(moto: &Moto, place: &str) -> Result<()>;

    /// The keys that lead to the place, as YAML.
    fn keys(place: &str) -> String;
}

/// A service of moto's behind its door.
pub(super) struct Aws<S> {
    moto: Moto,
    door: Entrance,
    service: PhantomData<S>,
}

/// A door with a file of the credentials that it takes.
struct Entrance {
    door: Door,
    credentials: PathBuf,
}

impl Entrance {
    async fn open(service: &'static str, behind: Behind) -> Result<Self> {
        let door = Door::open(service, behind, None).await?;
        let credentials = door.credentials("credentials", SECRET)?;
        Ok(Self { door, credentials })
    }

    fn keys(&self, kind: &str, at: &str, keys: &str) -> String {
        let credentials = self.credentials.display();
        format!("{kind}: {{endpoint: \"http://{at}\", region: {REGION}, credentials: {{file: \"{credentials}\"}}, {keys}}}")
    }
}

impl<S: Service> Kind for Aws<S> {
    const NAME: &'static str = S::KIND;
    const STAND_IN: Option<&'static str> = Some("moto");
    const NEEDS: Option<Tool> = Some(MOTO);
    const EVENTS: u64 = S::EVENTS;

    async fn start(_: &Port) -> Result<Self> {
        let moto = Moto::start().await?;
        let door = Entrance::open(S::NAME, Behind::Server(moto.url())).await?;
        Ok(Self { moto, door, service: PhantomData })
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.door.door.url())
    }

    async fn prepare(&self, place: &str) -> Result<()> {
        S::prepare(&self.moto, place).await.with_context(|| format!("could not make {place} for {}", S::KIND))
    }

    fn keys(&self, at: &str, place: &str) -> String {
        self.door.keys(S::KIND, at, &S::keys(place))
    }
}

pub(super) struct Kinesis;

impl Service for Kinesis {
    const KIND: &'static str = "kinesis";

    async fn prepare(moto: &Moto, place: &str) -> Result<()> {
        moto.make_stream(place).await
    }

    fn keys(place: &str) -> String {
        format!("streamName: {place}")
    }
}

pub(super) struct Firehose;

impl Service for Firehose {
    const KIND: &'static str = "firehose";

    async fn prepare(moto: &Moto, place: &str) -> Result<()> {
        moto.make_delivery_stream(place, place).await
    }

    fn keys(place: &str) -> String {
        format!("deliveryStreamName: {place}")
    }
}

pub(super) struct Sns;

impl Service for Sns {
    const KIND: &'static str = "sns";

    async fn prepare(moto: &Moto, place: &str) -> Result<()> {
        moto.make_topic(place).await
    }

    fn keys(place: &str) -> String {
        format!("topicARN: \"{}\"", topic_arn(place))
    }
}

/// The more messages a queue of moto's has, the longer it takes for another.
pub(super) struct Sqs;

impl Service for Sqs {
    const KIND: &'static str = "sqs";
    const EVENTS: u64 = FEW;

    async fn prepare(moto: &Moto, place: &str) -> Result<()> {
        moto.make_queue(place).await
    }

    fn keys(place: &str) -> String {
        format!("queueName: {place}")
    }
}

pub(super) struct EventBridge;

impl Service for EventBridge {
    const KIND: &'static str = "eventbridge";
    const NAME: &'static str = "events";

    async fn prepare(moto: &Moto, place: &str) -> Result<()> {
        moto.make_bus(place).await
    }

    fn keys(place: &str) -> String {
        format!("eventBusName: {place}, detailType: event, source: herald")
    }
}

/// Moto has no OpsItems: the door keeps them.
pub(super) struct OpsCenter(Entrance);

impl Kind for OpsCenter {
    const NAME: &'static str = "opscenter";
    const STAND_IN: Option<&'static str> = Some("stand-in");
    const EVENTS: u64 = SOME;
    const EVENTS_FAR: u64 = FEW;

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self(Entrance::open("ssm", Behind::OpsCenter).await?))
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.0.door.url())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        let keys = format!("title: \"{{{{ .Name }}}}\", description: \"{{{{ .Message }}}}\", source: {place}");
        self.0.keys(Self::NAME, at, &keys)
    }
}
