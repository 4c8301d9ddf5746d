//! One pull request of a consumer (JetStream API, `CONSUMER.MSG.NEXT`): what the server answers until the request is done.
//!
//! In goes how many messages are wanted; out they come in the order of the server. What has arrived is handed out however slowly it is taken: only when nothing
//! is here does it count that the request has expired. It fails when the server says that the request cannot go on.

use std::time::Duration;

use async_nats::{
    StatusCode, Subscriber,
    jetstream::{
        self,
        consumer::{PullConsumer, pull::BatchConfig},
    },
};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::Bus;

/// How long the server keeps a pull request open; so long [`super::Consumer::next`] may go on after the stop.
const EXPIRES: Duration = Duration::from_secs(2);
/// How much later the server's word that it has expired may come.
const LATE: Duration = Duration::from_secs(5);

/// An open pull request; dropping it closes it.
pub(super) struct Pull {
    answers: Subscriber,
    jetstream: jetstream::Context,
    /// Messages that may still come.
    left: usize,
    /// When it is over even if the server says nothing.
    end: Instant,
}

impl Pull {
    /// Asks for so many messages.
    pub(super) async fn open(bus: &Bus, consumer: &PullConsumer, most: usize) -> anyhow::Result<Self> {
        let client = &bus.inner.client;
        let inbox = client.new_inbox();
        let answers = client.subscribe(inbox.clone()).await?;
        let request = BatchConfig { batch: most, expires: Some(EXPIRES), ..BatchConfig::default() };
        consumer.request_batch(request, inbox.into()).await?;
        Ok(Self { answers, jetstream: bus.jetstream().clone(), left: most, end: Instant::now() + EXPIRES + LATE })
    }

    /// Waits for the next message; `None` when the request is done. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Option<anyhow::Result<jetstream::Message>> {
        while self.left > 0 {
            let message = tokio::time::timeout_at(self.end, self.answers.next()).await.ok()??;
            match message.status {
                None | Some(StatusCode::OK) => {
                    self.left -= 1;
                    return Some(Ok(jetstream::Message { message, context: self.jetstream.clone() }));
                }
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                // It has expired, or there is nothing.
                Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => self.left = 0,
                Some(status) => {
                    self.left = 0;
                    return Some(Err(anyhow::anyhow!("{status} {}", message.description.as_deref().unwrap_or_default())));
                }
            }
        }
        None
    }
}
