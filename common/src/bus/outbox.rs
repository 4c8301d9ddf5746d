//! Publishing with message ids, many at a time, in order.
//!
//! In go messages, each with a token of the caller's; out come the tokens in the order of publishing, each after the PubAck of its message. When a PubAck
//! stays out or the connection was lost, everything from that message on is sent again in order under the same ids, and JetStream drops what it already
//! has: so an outbox loses nothing and, within the duplicate window, repeats nothing. Only messages in flight when a connection is lost may change places.
//! In a full stream that refuses messages it makes room, saying so aloud.
//! The window bounds what is in memory, in messages and in bytes; when it is full, [`Outbox::next`] must be called before [`Outbox::publish`].

use std::collections::{HashSet, VecDeque};

use futures_util::future::BoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Bus, Message, Stream, WINDOW_BYTES,
    connect::{ANSWER_TIMEOUT, Pauses},
    pubacks::{NoAck, PubAcks},
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

/// A message whose PubAck is awaited.
struct Waiting<T> {
    message: Message,
    /// Its bytes on the wire.
    size: usize,
    token: T,
    /// Until when an answer is waited for, once the message is sent.
    until: Instant,
    /// What the server answered, kept until those before it are done.
    answer: Option<Result<Published, NoAck>>,
}

/// A bounded window of messages whose PubAck is awaited.
pub struct Outbox<T> {
    bus: Bus,
    window: usize,
    waiting: VecDeque<Waiting<T>>,
    /// The bytes of those waiting.
    bytes: usize,
    /// How many of those waiting, from the front, are sent.
    sent: usize,
    /// The number of the oldest message; those sent behind it count on. What is sent again gets a new number.
    oldest: u64,
    pubacks: PubAcks,
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
            pubacks: PubAcks::new(&bus),
            bus,
            window,
            waiting: VecDeque::new(),
            bytes: 0,
            sent: 0,
            oldest: 0,
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
        self.waiting.len() >= self.window || self.bytes >= WINDOW_BYTES
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
        self.bytes += size;
        self.waiting.push_back(Waiting { message, size, token, until: Instant::now(), answer: None });
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
                sleep_until(until).await;
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
            if self.sent == 0 {
                continue;
            }
            let answer = match oldest.answer.take() {
                Some(answer) => answer,
                None => tokio::select! {
                    biased;
                    (number, answer) = self.pubacks.next() => {
                        self.keep(number, answer);
                        continue;
                    }
                    // The PubAcks of the old connection never come.
                    Ok(()) = self.connects.changed() => {
                        self.unsend();
                        continue;
                    }
                    () = sleep_until(oldest.until) => Err(NoAck::TimedOut),
                },
            };
            match answer {
                Ok(published) => {
                    self.pauses = Pauses::default();
                    self.sent -= 1;
                    self.oldest += 1;
                    return Some((self.take_oldest()?, published));
                }
                Err(NoAck::Refused(error)) if room::is_full(&error) => {
                    let making = make_room(self.bus.clone(), oldest.message.clone());
                    self.unsend();
                    self.room = Some(AbortOnDropHandle::new(tokio::spawn(making)));
                }
                Err(error) => {
                    if matches!(error, NoAck::NoStream) {
                        self.ensured.clear();
                    }
                    self.start_over(&error);
                }
            }
        }
    }

    fn take_oldest(&mut self) -> Option<T> {
        let Waiting { size, token, .. } = self.waiting.pop_front()?;
        self.bytes -= size;
        Some(token)
    }

    /// Keeps an answer until the messages before it are done; one for a message that was sent again meanwhile says nothing.
    fn keep(&mut self, number: u64, answer: Result<Published, NoAck>) {
        let Some(place) = number.checked_sub(self.oldest).and_then(|place| usize::try_from(place).ok()) else { return };
        if place < self.sent
            && let Some(waiting) = self.waiting.get_mut(place)
        {
            waiting.answer = Some(answer);
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
            Ok(Room::Never { .. }) => Some((self.take_oldest()?, Published { sequence: 0, duplicate: false })),
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
            let number = self.oldest + self.sent as u64;
            if let Err(error) = send(&self.bus, &mut self.pubacks, &waiting.message, number).await {
                return self.start_over(&error);
            }
            waiting.until = Instant::now() + ANSWER_TIMEOUT;
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
        for waiting in self.waiting.iter_mut().take(self.sent) {
            waiting.answer = None;
        }
        self.oldest += self.sent as u64;
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

async fn send(bus: &Bus, pubacks: &mut PubAcks, message: &Message, number: u64) -> Result<(), NoAck> {
    let reply = pubacks.subject(bus, number).await?;
    let headers = message.headers.with_id(&message.id);
    let sending = bus.inner.client.publish_with_reply_and_headers(message.subject.clone(), reply, headers, message.payload.clone());
    // Without a connection what is sent is kept, up to a bound.
    timeout(ANSWER_TIMEOUT, sending).await.map_err(|_| NoAck::TimedOut)?.map_err(|_| NoAck::Closed)
}
