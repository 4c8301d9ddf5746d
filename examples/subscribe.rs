//! Follows enriched events with a durable consumer: `cargo run -p herald-common --example subscribe -- [SUBJECT] [COUNT]`.
//!
//! Stops after COUNT events, 0 for never. Run it again and it goes on where it stopped.

use std::{env, error::Error};

use async_nats::jetstream::{self, consumer::pull};
use futures_util::StreamExt as _;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example stands alone")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let subject = env::args().nth(1).unwrap_or_else(|| "herald.enriched.>".to_owned());
    let count: usize = env::args().nth(2).map_or(Ok(0), |count| count.parse())?;
    let url = env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let stream = jetstream.get_stream("HERALD_ENRICHED").await?;
    let config = pull::Config { durable_name: Some("example-rust".to_owned()), filter_subject: subject, ..pull::Config::default() };
    let mut messages = stream.get_or_create_consumer("example-rust", config).await?.messages().await?;
    let mut seen = 0;
    while let Some(message) = messages.next().await {
        let message = message?;
        let event: serde_json::Value = serde_json::from_slice(&message.payload)?;
        let identity = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id")).map(ToString::to_string).unwrap_or_default();
        println!("{identity} {} {} {}", event["reason"], event["involvedObject"]["kind"], event["message"]);
        message.double_ack().await?;
        seen += 1;
        if seen == count {
            break;
        }
    }
    Ok(())
}
