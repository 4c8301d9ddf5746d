//! Kinds that people read: one message after the other, to a receiver that counts and answers as the product does when it accepts.
//!
//! The products themselves take about a message a second of each; what is measured is what Herald and the way there and back allow.

use std::marker::PhantomData;

use anyhow::Result;

use super::kind::{FEW, Kind, Line, SOME};
use crate::{
    receiver::{Answer, Rule, WebhookReceiver},
    scratch::Port,
};

/// A product, as far as it differs from the others.
pub(super) trait Product {
    const NAME: &'static str;
    /// What it answers when it accepts.
    const ACCEPTS: Answer;

    /// The receiver's kind with its keys, as YAML.
    fn keys(at: &str, place: &str) -> String;
}

/// A product as its stand-in.
pub(super) struct StandIn<P> {
    receiver: WebhookReceiver,
    product: PhantomData<P>,
}

impl<P: Product> Kind for StandIn<P> {
    const NAME: &'static str = P::NAME;
    const STAND_IN: Option<&'static str> = Some("stand-in");
    const EVENTS: u64 = SOME;
    const EVENTS_FAR: u64 = FEW;

    async fn start(_: &Port) -> Result<Self> {
        let receiver = WebhookReceiver::start_forgetful().await?;
        receiver.rule(Rule::new(P::ACCEPTS));
        Ok(Self { receiver, product: PhantomData })
    }

    fn url(&self, _: Line) -> Option<String> {
        Some(self.receiver.url())
    }

    fn keys(&self, at: &str, place: &str) -> String {
        P::keys(at, place)
    }
}

pub(super) struct Slack;

impl Product for Slack {
    const NAME: &'static str = "slack";
    const ACCEPTS: Answer = Answer::Says(200, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"1503435956.000247\"}");

    fn keys(at: &str, place: &str) -> String {
        format!("slack: {{token: bench, channel: {place}, message: \"{{{{ .Message }}}}\", endpoint: \"http://{at}/api\"}}")
    }
}

pub(super) struct Teams;

impl Product for Teams {
    const NAME: &'static str = "teams";
    const ACCEPTS: Answer = Answer::Says(200, "1");

    fn keys(at: &str, place: &str) -> String {
        format!("teams: {{endpoint: \"http://{at}/{place}\"}}")
    }
}

pub(super) struct Opsgenie;

impl Product for Opsgenie {
    const NAME: &'static str = "opsgenie";
    const ACCEPTS: Answer = Answer::Says(202, "{\"result\":\"Request will be processed\",\"took\":0.1,\"requestId\":\"r\"}");

    fn keys(at: &str, place: &str) -> String {
        format!("opsgenie: {{URL: \"http://{at}\", apiKey: bench, message: \"{{{{ .Message }}}}\", tags: [{place}]}}")
    }
}
