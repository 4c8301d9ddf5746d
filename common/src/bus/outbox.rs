//! Publishing with message ids, many at a time, in order.
//!
//! In go messages, each with a token of the caller's; out come the tokens in the order of publishing, each after the PubAck of its message. When a PubAck
//! stays out or the connection was lost, everything from that message on is sent again in order under the same ids, and JetStream drops what it already
//! has: so an outbox loses nothing and, within the duplicate window, repeats nothing. Only messages in flight when a connection is lost may change places.
//! In a full stream that refuses messages it makes room, saying so aloud.
//! The window bounds what is in memory; when it is full, [`Outbox::next`] must be called before [`Outbox::publish`].

use std::{
    collections::{HashSet, VecDeque},
    future::IntoFuture as _,
};

use async_nats::jetstream::{context, message::PublishMessage, publish::PublishAck};
use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Bus, Message, Stream,
    connect::Pauses,
    room::{self, Room},
};

/// What the server said of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message's sequence in its stream.
    pub sequence: u64,
    /// Whether the stream already held a message with this id.
    pub duplicate: bool,
}

/// A message that can never be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It is larger than the server takes.
    #[error("message of {size} bytes is larger than the {limit} bytes nats-server takes (its max_payload)")]
    TooLarge {
        /// Size of the payload and the headers in bytes.
        size: usize,
        /// `max_payload` of the server in bytes.
        limit: usize,
    },
}

/// Is told how many messages were dropped from a stream to make room.
type Dropped = Box<dyn Fn(&Stream, u64) + Send>;

type Acknowledgement = BoxFuture<'static, Result<PublishAck, context::PublishError>>;

/// A message whose PubAck is awaited; without an acknowledgement to await it is to be sent (again).
struct Waiting<T> {
    message: Message,
    token: T,
    acknowledgement: Option<Acknowledgement>,
}

/// A bounded window of messages whose PubAck is awaited.
pub struct Outbox<T> {
    bus: Bus,
    window: usize,
    waiting: VecDeque<Waiting<T>>,
    /// How many of those waiting, from the front, are sent.
    sent: usize,
    /// After a failure nothing is sent before this.
    paused_until: Option<Instant>,
    pauses: Pauses,
    /// Room is being made for the oldest message; nothing is sent meanwhile.
    room: Option<AbortOnDropHandle<anyhow::Result<Room>>>,
    dropped: Option<Dropped>,
    /// Streams known to be there.
    ensured: HashSet<Stream>,
    connects: watch::Receiver<u64>,
}

impl<T> Outbox<T> {
    /// Makes an outbox that awaits at most `window` PubAcks.
    #[must_use]
    pub fn new(bus: Bus, window: usize) -> Self {
        let mut connects = bus.inner.connects.clone();
        connects.mark_unchanged();
        Self {
            connects,
            bus,
            window,
            waiting: VecDeque::new(),
            sent: 0,
            paused_until: None,
            pauses: Pauses::default(),
            room: None,
            dropped: None,
            ensured: HashSet::new(),
        }
    }

    /// Tells `dropped` of every stream from which messages are dropped to make room, with their number.
    #[must_use]
    pub fn on_dropped(mut self, dropped: impl Fn(&Stream, u64) + Send + 'static) -> Self {
        self.dropped = Some(Box::new(dropped));
        self
    }

    /// Tells whether [`Self::publish`] has to wait for [`Self::next`] first.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.window
    }

    /// Tells whether no PubAck is awaited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many PubAcks are awaited.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends a message; its token comes back from [`Self::next`].
    ///
    /// Messages leave in the order of the calls. When the connection is down the message is kept and sent when it is back.
    ///
    /// # Errors
    /// When the message is larger than the server takes; the token comes back with the error.
    pub async fn publish(&mut self, message: Message, token: T) -> Result<(), (T, PublishError)> {
        let limit = self.bus.max_payload();
        let size = message.wire_size();
        if limit > 0 && size > limit {
            return Err((token, PublishError::TooLarge { size, limit }));
        }
        self.waiting.push_back(Waiting { message, token, acknowledgement: None });
        if self.paused_until.is_none() && self.room.is_none() {
            self.send_rest().await;
        }
        Ok(())
    }

    /// Waits for the PubAck of the oldest message; `None` when nothing is awaited. Cancelling it loses nothing.
    ///
    /// A message that is larger than its stream comes back too, with the sequence 0, once a gap marker names it.
    pub async fn next(&mut self) -> Option<(T, Published)> {
        loop {
            if let Some(until) = self.paused_until {
                tokio::time::sleep_until(until).await;
                self.paused_until = None;
            }
            if let Some(making) = &mut self.room {
                let made = making.await;
                self.room = None;
                if let Some(given_up) = self.room_made(made.unwrap_or_else(|error| Err(error.into()))) {
                    return Some(given_up);
                }
                continue;
            }
            self.send_rest().await;
            let oldest = self.waiting.front_mut()?;
            let Some(acknowledgement) = &mut oldest.acknowledgement else { continue };
            let answer = tokio::select! {
                biased;
                answer = acknowledgement => answer,
                // The PubAcks of the old connection never come.
                Ok(()) = self.connects.changed() => {
                    self.unsend();
                    continue;
                }
            };
            match answer {
                Ok(ack) => {
                    let done = self.waiting.pop_front()?;
                    self.sent -= 1;
                    self.pauses = Pauses::default();
                    return Some((done.token, Published { sequence: ack.sequence, duplicate: ack.duplicate }));
                }
                Err(error) => {
                    if error.kind() == context::PublishErrorKind::StreamNotFound {
                        self.ensured.clear();
                    }
                    if room::is_full(&error) {
                        let making = make_room(self.bus.clone(), oldest.message.clone());
                        self.unsend();
                        self.room = Some(AbortOnDropHandle::new(tokio::spawn(making)));
                    } else {
                        self.start_over(&error);
                    }
                }
            }
        }
    }

    /// Goes on after room was made; returns the oldest message's token when there will never be any for it.
    fn room_made(&mut self, made: anyhow::Result<Room>) -> Option<(T, Published)> {
        match made {
            Ok(Room::Made { dropped }) => {
                let stream = self.waiting.front().map(|oldest| &oldest.message.stream);
                if let (Some(tell), Some(stream)) = (self.dropped.as_ref().filter(|_| dropped > 0), stream) {
                    tell(stream, dropped);
                }
                None
            }
            Ok(Room::Never { .. }) => self.waiting.pop_front().map(|oldest| (oldest.token, Published { sequence: 0, duplicate: false })),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "no room made in a full stream, trying again");
                self.paused_until = Some(Instant::now() + self.pauses.next());
                None
            }
        }
    }

    /// Sends what is not sent, in order; a failure ends it and leaves a pause.
    async fn send_rest(&mut self) {
        while let Some(waiting) = self.waiting.get_mut(self.sent) {
            if !self.ensured.contains(&waiting.message.stream) {
                if let Err(error) = self.bus.ensure_stream(&waiting.message.stream).await {
                    return self.start_over(&error);
                }
                self.ensured.insert(waiting.message.stream.clone());
            }
            match send(&self.bus, &waiting.message).await {
                Ok(acknowledgement) => waiting.acknowledgement = Some(acknowledgement),
                Err(error) => return self.start_over(&error),
            }
            self.sent += 1;
        }
    }

    /// Marks everything as not sent, after a pause.
    fn start_over(&mut self, error: &dyn std::error::Error) {
        let oldest = self.waiting.front().map(|waiting| waiting.message.subject.as_str()).unwrap_or_default();
        tracing::warn!(%error, messages = self.waiting.len(), oldest, "no PubAck, publishing again");
        self.unsend();
        self.paused_until = Some(Instant::now() + self.pauses.next());
    }

    fn unsend(&mut self) {
        for waiting in &mut self.waiting {
            waiting.acknowledgement = None;
        }
        self.sent = 0;
    }
}

impl Bus {
    /// Publishes one message and waits for its PubAck, however long that takes.
    ///
    /// # Errors
    /// When the message is larger than the server takes.
    pub async fn publish(&self, message: Message) -> Result<Published, PublishError> {
        let mut outbox = Outbox::new(self.clone(), 1);
        outbox.publish(message, ()).await.map_err(|((), error)| error)?;
        Ok(outbox.next().await.map_or(Published { sequence: 0, duplicate: false }, |((), published)| published))
    }
}

/// Makes room for a message, or says that there can be none.
fn make_room(bus: Bus, message: Message) -> BoxFuture<'static, anyhow::Result<Room>> {
    Box::pin(async move {
        let room = bus.make_room(&message).await?;
        if let Room::Never { reason } = &room {
            bus.say_never(&message, reason).await;
        }
        Ok(room)
    })
}

async fn send(bus: &Bus, message: &Message) -> Result<Acknowledgement, context::PublishError> {
    let publish =
        PublishMessage::build().payload(message.payload.clone()).headers(message.headers.clone().into_inner()).message_id(&message.id);
    let sent = bus.jetstream().send_publish(message.subject.clone(), publish).await?;
    Ok(Box::pin(sent.into_future()))
}
