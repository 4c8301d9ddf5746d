//! `loki` and a Loki; a place is a tenant.

use anyhow::{Result, ensure};
use herald_testkit::{
    servers::{
        Certificates,
        loki::{LOKI, LONGEST_LINE, Loki},
    },
    tools::Tool,
};
use serde_json::Value;

use crate::{
    check::event,
    kind::{Kind, Refused, Wrong, not, with},
};

pub(crate) struct LokiKind(Loki);

impl Kind for LokiKind {
    const KIND: &'static str = "loki";
    const NEEDS: &'static [Tool] = &[LOKI];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Ok(Self(Loki::start(None).await?))
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("Loki {}", LOKI.pinned().unwrap_or_default()))
    }

    fn keys(&self, place: &str) -> String {
        format!("{{url: \"{}/loki/api/v1/push\", tenantID: {place}, structuredMetadata: {{reason: \"{{{{ .Reason }}}}\"}}}}", self.0.url())
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

    async fn wrong_credentials(&mut self, _: &str) -> Result<Wrong> {
        not("Loki knows no credentials, a proxy in front of it does")
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self(Loki::start(Some(certificates)).await?))
    }

    fn asks_for_certificate() -> Result<()> {
        Ok(())
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        with(&self.keys(place), &format!("tls: {tls}"))
    }
}
