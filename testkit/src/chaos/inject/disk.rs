//! The disk of nats-server is full.
//!
//! Where the server has a disk of its own, that is filled; a nats-server that could not write gives JetStream up until it is started again, so it is. Elsewhere
//! JetStream's `max_file_store` is used up by a stream that is then deleted.

use anyhow::{Context as _, Result};
use async_nats::jetstream::stream;

use super::World;

const FILLER: &str = "FILLER";
const FILLER_SUBJECT: &str = "filler";
/// The size of a message that fills.
const PIECE: usize = 900 << 10;

pub(super) async fn fill(world: &World) -> Result<()> {
    if let Some(mounts) = &world.mounts {
        return mounts.fill();
    }
    let jetstream = world.observer.jetstream();
    let config = stream::Config { name: FILLER.to_owned(), subjects: vec![FILLER_SUBJECT.to_owned()], ..stream::Config::default() };
    jetstream.create_stream(config).await.context("could not make a stream that fills the store")?;
    let piece = bytes::Bytes::from(vec![0; PIECE]);
    // The limit bounds this.
    while jetstream.publish(FILLER_SUBJECT, piece.clone()).await?.await.is_ok() {}
    Ok(())
}

pub(super) async fn free(world: &mut World) -> Result<()> {
    match &world.mounts {
        Some(mounts) => {
            mounts.free()?;
            world.nats.restart(&[0]).await.context("nats-server did not come back after its disk was full")
        }
        None => world.observer.jetstream().delete_stream(FILLER).await.map(drop).context("could not free the store"),
    }
}
