//! Products that cannot be run here: a receiver that records and answers as the product's documentation says.

use std::{collections::HashSet, marker::PhantomData};

use anyhow::{Result, ensure};
use herald_testkit::{
    receiver::{Answer, Received, Reply, Rule, WebhookReceiver},
    servers::Certificates,
    tools::Tool,
};
use serde_json::Value;

use crate::{
    fixture::BOUND,
    kind::{Kind, Refused, SECRET, Wrong},
};

/// The credentials that are right.
pub(super) const RIGHT: &str = "right";

/// What is to be known of a product to stand for it.
pub(crate) trait Product {
    const KIND: &'static str;
    /// What the table says of it.
    const NAME: &'static str;
    /// What the log must say of wrong credentials.
    const DENIED: &'static str;
    /// Whether the product keeps a repeat apart by a key of its protocol.
    const KEYED: bool;

    /// The keys of a receiver at an address, for a place, with credentials.
    fn keys(url: &str, place: &str, credentials: &str) -> String;

    /// What it answers by its rules.
    fn answer(request: &Received) -> Reply;

    /// What it answers when it wants a pause: one second where it can say how long.
    fn throttled(_: &Received) -> Reply {
        Reply { status: 429, retry_after: Some(1), ..Reply::default() }
    }

    /// The place of a request, and what it shows of it.
    fn read(request: &Received) -> (String, Value);

    /// What it shows of an event.
    fn shown(event: &Value) -> Value;

    /// The key by which it knows a repeat.
    fn key(request: &Received) -> Option<String> {
        let _ = request;
        None
    }

    /// An event that breaks one of its rules, and what it says of it.
    fn refused() -> Refused;
}

/// What an accepting product answers.
pub(super) fn accepted(status: u16, body: &str) -> Reply {
    Reply { status, body: body.to_owned(), accepted: true, ..Reply::default() }
}

/// What a refusing product answers.
pub(super) fn refused(status: u16, body: &str) -> Reply {
    Reply { status, body: body.to_owned(), ..Reply::default() }
}

/// A request's header as text.
pub(super) fn header<'a>(request: &'a Received, name: &str) -> &'a str {
    request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A product as its stand-in.
pub(crate) struct Faked<P> {
    receiver: WebhookReceiver,
    product: PhantomData<P>,
}

impl<P: Product> Faked<P> {
    fn new(receiver: WebhookReceiver) -> Self {
        let this = Self { receiver, product: PhantomData };
        this.behave();
        this
    }

    fn behave(&self) {
        self.receiver.clear_rules();
        self.receiver.rule(Rule::new(Answer::By(P::answer)));
    }
}

impl<P: Product> Kind for Faked<P> {
    const KIND: &'static str = P::KIND;
    const NEEDS: &'static [Tool] = &[];
    const EXACTLY_ONCE: bool = P::KEYED;
    const OPTIONS: &'static str = "concurrency: 1";

    async fn start() -> Result<Self> {
        Ok(Self::new(WebhookReceiver::start().await?))
    }

    async fn product(&self) -> Result<String> {
        Ok(P::NAME.to_owned())
    }

    fn keys(&self, place: &str) -> String {
        P::keys(&self.receiver.url(), place, RIGHT)
    }

    fn shown(event: &Value) -> Value {
        P::shown(event)
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        let mut keys = HashSet::new();
        let mut taken = self.receiver.received();
        taken.retain(|request| request.accepted && P::key(request).is_none_or(|key| keys.insert(key)));
        Ok(taken.iter().map(P::read).filter(|(at, _)| at == place).map(|(_, shown)| shown).collect())
    }

    async fn stop(&mut self) -> Result<()> {
        self.receiver.stop().await;
        Ok(())
    }

    async fn start_again(&mut self) -> Result<()> {
        self.receiver.start_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        Ok(P::refused())
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        self.receiver.clear_rules();
        self.receiver.rule(Rule::new(Answer::By(P::throttled)));
        Ok(())
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        let before = self.receiver.number_of_requests();
        self.receiver.wait_for_requests(before + 1, BOUND).await?;
        self.behave();
        let pauses = self.receiver.received();
        let pauses = pauses.iter().filter(|request| !request.accepted && request.text().contains(place)).map(|request| request.at);
        let times: Vec<_> = pauses.collect();
        // Several requests may be under way when the first is answered.
        let longest = times.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().unwrap_or_default();
        let asked = jiff::SignedDuration::from_secs(P::throttled(&self.receiver.received()[0]).retry_after.unwrap_or(0).cast_signed());
        ensure!(
            longest >= asked - jiff::SignedDuration::from_millis(10),
            "asked for a pause of {asked:?} it was left alone for {longest:?}"
        );
        Ok(())
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        Ok(Wrong { keys: P::keys(&self.receiver.url(), place, SECRET), said: P::DENIED })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self::new(WebhookReceiver::start_tls(&certificates.server, Some(&certificates.authority)).await?))
    }
}
