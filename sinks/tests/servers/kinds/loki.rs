//! `loki` and a Loki; a place is a tenant.

use anyhow::{Result, ensure};
use herald_testkit::{
    servers::{
        Certificates,
        front::Front,
        loki::{LOKI, LONGEST_LINE, Loki},
    },
    tools::Tool,
};
use serde_json::Value;

use crate::{
    check::deliver,
    events::event,
    kind::{Kind, Refused, SECRET, Wrong, with},
};

/// Loki knows no login; a proxy in front of it does.
pub(crate) struct LokiKind(Loki, Option<Front>);

impl Kind for LokiKind {
    const KIND: &'static str = "loki";
    const NEEDS: &'static [Tool] = &[LOKI];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Ok(Self(Loki::start(None).await?, None))
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("Loki {}; login by a proxy", LOKI.pinned().unwrap_or_default()))
    }

    fn keys(&self, place: &str) -> String {
        keys(&self.0.url(), place)
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        let entries = self.0.entries(place, "{job=\"kubernetes-events\"}").await?;
        let lines = entries.into_iter().map(|(at, line, labels)| {
            let line: Value = serde_json::from_str(&line)?;
            let happened: jiff::Timestamp = line["lastTimestamp"].as_str().unwrap_or_default().parse()?;
            ensure!(at == happened.as_nanosecond().to_string(), "a line of {happened} stands at {at}");
            ensure!(labels["reason"] == line["reason"], "no structured metadata: {labels}");
            Ok(line)
        });
        lines.collect()
    }

    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.0.start_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        let mut event = event("poison");
        event["message"] = "x".repeat(LONGEST_LINE).into();
        Ok(Refused { event, reason: format!("answered 400 Bad Request: max entry size '{LONGEST_LINE}' bytes exceeded") })
    }

    async fn throttle(&mut self, place: &str) -> Result<()> {
        self.0.throttle(place, true).await
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        self.0.throttle(place, false).await
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let front = self.1.insert(Front::start(&self.0.url(), None).await?);
        Ok(Wrong {
            keys: with(&keys(&front.url(), place), &format!("bearerToken: {SECRET}")),
            said: "answered 401 Unauthorized: no such user",
        })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self(Loki::start(Some(certificates)).await?, None))
    }

    /// What is too old for Loki is sent again with the present time.
    async fn besides(&mut self) -> Result<()> {
        let mut old = event("old");
        old["lastTimestamp"] = "2024-01-01T00:00:00Z".into();
        let events = [event("new"), old];
        let began = jiff::Timestamp::now().as_nanosecond();
        deliver::<Self>(&self.keys("old"), &events).await?;
        let entries = self.0.entries("old", "{job=\"kubernetes-events\"}").await?;
        let text = events[1].to_string();
        let at = entries.iter().find(|(_, line, _)| *line == text).map(|(at, ..)| at.parse::<i128>());
        ensure!(entries.len() == 2, "{} entries", entries.len());
        ensure!(matches!(at, Some(Ok(at)) if at >= began), "the old line stands at {at:?}");
        Ok(())
    }
}

fn keys(url: &str, place: &str) -> String {
    format!("{{url: \"{url}/loki/api/v1/push\", tenantID: {place}, structuredMetadata: {{reason: \"{{{{ .Reason }}}}\"}}}}")
}
