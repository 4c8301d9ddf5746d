//! `webhook` and a receiver that honours `Idempotency-Key` and, as anybody's may, misbehaves.

use anyhow::{Result, ensure};
use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    servers::Certificates,
    tools::Tool,
};
use serde_json::Value;

use crate::{
    check::event,
    kind::{Kind, Refused, SECRET, Wrong, with},
};

pub(crate) struct Webhook(WebhookReceiver);

impl Kind for Webhook {
    const KIND: &'static str = "webhook";
    const NEEDS: &'static [Tool] = &[];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Ok(Self(WebhookReceiver::start().await?))
    }

    async fn product(&self) -> Result<String> {
        Ok("a receiver that honours Idempotency-Key".to_owned())
    }

    fn keys(&self, place: &str) -> String {
        format!("{{endpoint: \"{}/{place}\"}}", self.0.url())
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        let path = format!("/{place}");
        self.0.unique().iter().filter(|request| request.path == path).map(|request| Ok(serde_json::from_slice(&request.body)?)).collect()
    }

    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await;
        Ok(())
    }

    async fn start_again(&mut self) -> Result<()> {
        self.0.start_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        self.0.rule(Rule::new(Answer::Says(422, "no such thing as poison")).containing("poison"));
        Ok(Refused { event: event("poison"), reason: "answered 422 Unprocessable Entity: no such thing as poison".to_owned() })
    }

    async fn throttle(&mut self, place: &str) -> Result<()> {
        self.0.rule(Rule::new(Answer::RetryAfter(429, 1)).containing(place));
        Ok(())
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        self.0.wait_for_requests(self.0.number_of_requests() + 1, crate::fixture::BOUND).await?;
        self.0.clear_rules();
        pause_was_kept(&self.0, place)
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        self.0.rule(Rule::new(Answer::Status(401)).containing(place));
        let keys = with(&self.keys(place), &format!("headers: {{Authorization: Bearer {SECRET}}}"));
        Ok(Wrong { keys, said: "answered 401 Unauthorized; check the receiver's address and credentials" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self(WebhookReceiver::start_tls(&certificates.server, Some(&certificates.authority)).await?))
    }

    fn asks_for_certificate() -> Result<()> {
        Ok(())
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        with(&self.keys(place), &format!("tls: {tls}"))
    }
}

/// Looks whether nothing was sent in the second after the first answer that asked for one. Four requests may be under way at a time.
pub(super) fn pause_was_kept(receiver: &WebhookReceiver, place: &str) -> Result<()> {
    let times: Vec<_> = receiver.received().iter().filter(|request| request.text().contains(place)).map(|request| request.at).collect();
    let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
    let longest = gaps.max().unwrap_or_default();
    ensure!(longest >= jiff::SignedDuration::from_millis(990), "Retry-After: 1 was answered with a pause of {longest:?}");
    Ok(())
}
