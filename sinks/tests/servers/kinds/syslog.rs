//! `syslog` (RFC 5424 over TCP) and rsyslog; a place is a tag.

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    servers::{
        Certificates,
        rsyslog::{RSYSLOG, Rsyslog},
    },
    tools::Tool,
    wait,
};
use serde_json::Value;

use crate::{
    check::deliver,
    events::event,
    fixture::BOUND,
    kind::{Kind, Refused, Wrong, not},
};

pub(crate) struct Syslog(Rsyslog);

impl Kind for Syslog {
    const KIND: &'static str = "syslog";
    const NEEDS: &'static [Tool] = &[RSYSLOG];
    const EXACTLY_ONCE: bool = false;

    async fn start() -> Result<Self> {
        Ok(Self(Rsyslog::start(None).await?))
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("rsyslog {}, asked to end for its restart", RSYSLOG.pinned().unwrap_or_default()))
    }

    fn keys(&self, place: &str) -> String {
        format!("{{network: tcp, address: \"{}\", format: rfc5424, tag: {place}}}", self.0.address())
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        let received = self.0.received()?;
        let messages = received.iter().filter(|message| message["app"] == place);
        messages
            .map(|message| {
                let text = message["msg"].as_str().unwrap_or_default();
                let json = text.trim_start_matches('\u{feff}').trim_start();
                serde_json::from_str(json).with_context(|| format!("no event: {message}"))
            })
            .collect()
    }

    async fn stop(&mut self) -> Result<()> {
        self.0.stop().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.0.start_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        not("a syslog server answers nothing")
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        not("a syslog server answers nothing; a slow one makes TCP wait")
    }

    async fn wrong_credentials(&mut self, _: &str) -> Result<Wrong> {
        not("syslog has no credentials but the client's certificate")
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Ok(Self(Rsyslog::start(Some(certificates)).await?))
    }

    /// What the server makes of the fields of a message's head.
    async fn besides(&mut self) -> Result<()> {
        let sent = event("head");
        deliver::<Self>(&self.keys("head"), std::slice::from_ref(&sent)).await?;
        let received =
            wait::some("the message", BOUND, || async { self.0.received().ok()?.into_iter().find(|message| message["app"] == "head") });
        let received = received.await?;
        let head = ["protocol", "facility", "severity", "msgid"].map(|field| received[field].as_str().unwrap_or_default());
        ensure!(head == ["1", "local0", "warning", "BackOff"], "{head:?}");
        let time = |text: &Value| text.as_str().unwrap_or_default().parse::<jiff::Timestamp>().ok();
        ensure!(
            time(&received["timestamp"]).is_some_and(|at| Some(at) == time(&sent["lastTimestamp"])),
            "its time is {}",
            received["timestamp"]
        );
        Ok(())
    }
}
