//! `pubsub` and Google's in-memory Pub/Sub; a place is a topic.

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    servers::{
        Certificates,
        google::Account,
        pubsub::{LONGEST_VALUE, PROJECT, PUBSUB, PubSub},
    },
    tools::Tool,
};
use serde_json::{Value, json};

use crate::{
    events::event,
    fixture::{BOUND, Fixture, identity},
    kind::{Kind, Refused, SECRET, Wrong, client_tls, quoted, with},
};

pub(crate) struct Pubsub {
    server: PubSub,
    /// Whose tokens the server takes, where it speaks TLS.
    account: Option<Account>,
    /// One that takes tokens, beside a server that asks for none.
    secure: Option<Box<Secure>>,
}

struct Secure {
    certificates: Certificates,
    kind: Pubsub,
    other: Account,
}

impl Pubsub {
    async fn start_secure(certificates: &Certificates) -> Result<Self> {
        let account = Account::new("herald")?;
        Ok(Self { server: PubSub::start(Some((certificates, &account))).await?, account: Some(account), secure: None })
    }
}

impl Kind for Pubsub {
    const KIND: &'static str = "pubsub";
    const NEEDS: &'static [Tool] = &[PUBSUB];
    const EXACTLY_ONCE: bool = false;

    async fn start() -> Result<Self> {
        Ok(Self { server: PubSub::start(None).await?, account: None, secure: None })
    }

    async fn product(&self) -> Result<String> {
        Ok(format!("Pub/Sub's in-memory server (pstest) {}", PUBSUB.pinned().unwrap_or_default()))
    }

    fn keys(&self, place: &str) -> String {
        // The value of an attribute has a limit that an event can be made to break.
        let attributes = "{message: \"{{ .Message }}\"}";
        let keys = format!("gcloud_project_id: {PROJECT}, topic: {place}, create_topic: true, attributes: {attributes}");
        format!("{{{keys}, endpoint: \"{}\", ordering_key: \"{{{{ .InvolvedObject.Name }}}}\"}}", self.server.url())
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        let message = |message: &Value| {
            let event: Value = serde_json::from_str(message["data"].as_str().context("no data")?)?;
            let name = event["metadata"]["name"].as_str().context("no name")?;
            let wanted = json!({
                "identity": identity(name), "cluster": "c", "type": "Warning", "reason": "BackOff", "kind": "Pod", "namespace": "shop",
                "message": event["message"],
            });
            ensure!(message["attributes"] == wanted, "attributes {} instead of {wanted}", message["attributes"]);
            ensure!(message["orderingKey"] == name, "ordered by {}", message["orderingKey"]);
            Ok(event)
        };
        self.server.messages(place).await?.iter().map(message).collect()
    }

    async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    async fn start_again(&mut self) -> Result<()> {
        self.server.start_again().await
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        let mut event = event("poison");
        event["message"] = "x".repeat(LONGEST_VALUE + 1).into();
        let said = format!("answered 400 Bad Request: INVALID_ARGUMENT: An attribute's value is longer than {LONGEST_VALUE} bytes.");
        Ok(Refused { event, reason: said })
    }

    async fn throttle(&mut self, place: &str) -> Result<()> {
        let wait = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"});
        self.server.fault(place, &json!({"code": 8, "message": "Quota exceeded", "details": [wait]})).await
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        self.server.fault(place, &json!({})).await
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let certificates = Certificates::new()?;
        let secure = Secure { kind: Self::start_secure(&certificates).await?, certificates, other: Account::new(SECRET)? };
        let more = format!("tls: {}, credentials_path: {}", client_tls(&secure.certificates), quoted(&secure.other.file()));
        let keys = with(&secure.kind.keys(place), &more);
        self.secure = Some(Box::new(secure));
        Ok(Wrong { keys, said: "answered 401 Unauthorized: UNAUTHENTICATED: Request had invalid authentication credentials" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Self::start_secure(certificates).await
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        let account = self.account.as_ref().map(|account| format!(", credentials_path: {}", quoted(&account.file()))).unwrap_or_default();
        with(&self.keys(place), &format!("tls: {tls}{account}"))
    }

    /// An unknown topic is waited for where none may be made.
    async fn besides(&mut self) -> Result<()> {
        let keys = self.keys("unknown").replace("create_topic: true", "create_topic: false");
        let sinks = Fixture::start(&format!("- {{name: r, pubsub: {keys}}}\n")).await;
        sinks.publish_payload("r", "late", event("late").to_string().into_bytes(), "application/json").await;
        herald_testkit::wait::until("attempts to be repeated", BOUND, || async { sinks.metric("retried", "r") >= 2 }).await?;
        self.server.create("unknown").await?;
        sinks.settled("r").await;
        ensure!(self.arrived("unknown").await?.len() == 1 && sinks.dead("r").await.is_empty(), "it waits for its topic");
        Ok(())
    }
}
