//! Google's in-memory Pub/Sub with the limits of the real one, spoken to by REST. What was published outlives a kill.

use std::process::Command;

use anyhow::{Result, ensure};
use reqwest::Client;
use serde_json::Value;

use super::{Certificates, Server, google::Account, url};
use crate::{
    client,
    tools::{Recipe, Tool},
};

/// Pub/Sub.
pub const PUBSUB: Tool = Tool::Receiver(&Recipe { name: "pubsub", script: include_str!("../../tools/pubsub.sh"), program: None });
/// The project of all topics.
pub const PROJECT: &str = "project";
/// The longest value of an attribute, in bytes.
pub const LONGEST_VALUE: usize = 1_024;

/// A running Pub/Sub.
#[derive(Debug)]
pub struct PubSub {
    server: Server,
    client: Client,
    is_secure: bool,
}

impl PubSub {
    /// Starts it; with certificates it speaks HTTPS with clients that have one, and publishes for this account alone.
    pub async fn start(secure: Option<(&Certificates, &Account)>) -> Result<Self> {
        let program = PUBSUB.path()?;
        let server = Server::new("pubsub", |scratch, port| {
            let mut command = Command::new(&program);
            command.arg("-address").arg(port.address().to_string()).arg("-data").arg(scratch.path());
            if let Some((certificates, account)) = secure {
                command.arg("-cert").arg(certificates.file("server.crt")).arg("-key").arg(certificates.file("server.key"));
                command.arg("-client-ca").arg(certificates.file("ca.crt")).arg("-account").arg(account.public_key());
            }
            Ok(command)
        })?;
        let client = client::with(secure.map(|(certificates, _)| certificates))?;
        let mut this = Self { server, client, is_secure: secure.is_some() };
        this.start_again().await?;
        Ok(this)
    }

    /// Kills it.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// Starts it again where it was, with the messages it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let messages = format!("{}/messages", self.url());
        self.server.start(|| client::succeeds(self.client.get(&messages))).await
    }

    /// Its address.
    pub fn url(&self) -> String {
        url(self.is_secure, self.server.address().port())
    }

    /// Makes a topic; where tokens are asked for, only the account can.
    pub async fn create(&self, topic: &str) -> Result<()> {
        let url = format!("{}/v1/projects/{PROJECT}/topics/{topic}", self.url());
        let answer = self.client.put(url).body("{}").send().await?;
        ensure!(answer.status().is_success(), "the topic was answered {}", answer.status());
        Ok(())
    }

    /// Answers what is published to a topic with this `google.rpc.Status` from now on; `{}` ends that.
    pub async fn fault(&self, topic: &str, status: &Value) -> Result<()> {
        let answer = self.client.put(format!("{}/fault?topic={topic}", self.url())).body(status.to_string()).send().await?;
        ensure!(answer.status().is_success(), "the fault was answered {}: {}", answer.status(), answer.text().await?);
        Ok(())
    }

    /// A topic's messages: `data` as text, `attributes`, `orderingKey`.
    pub async fn messages(&self, topic: &str) -> Result<Vec<Value>> {
        let answer = self.client.get(format!("{}/messages?topic={topic}", self.url())).send().await?;
        ensure!(answer.status().is_success(), "answered {}", answer.status());
        Ok(answer.json().await?)
    }
}
