//! AWS as receivers use it: who to be there, where a service is, signed calls, and what the answers mean.
//!
//! In go a receiver's keys; out comes an [`Api`] that makes one call at a time over the receiver's own HTTP client. Requests are signed with Signature
//! Version 4; the credentials are those of AWS's default chain, a profile or a role, loaded when the first call is made and renewed before they end. Nothing
//! here repeats a call: that is the core's.
//!
//! [`account`] knows who and where, [`connector`] is what loads credentials over HTTP, [`endpoint`], [`sign`] and [`fault`] are pure.

mod account;
mod connector;
mod endpoint;
mod fault;
mod protocol;
mod sign;
mod signer;

use std::{fmt::Display, time::Duration};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use herald_common::config::Located;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use self::{
    account::Account,
    fault::{Meaning, told},
};
pub(crate) use self::{
    account::CredentialKeys,
    fault::{Outcome, Said, settle},
    protocol::{JSON_1_0, JSON_1_1, Protocol, members},
    signer::{Signer, SigningKeys},
};
use crate::{
    http::{self, Address, Answer},
    keys::Keys,
    registry::Defaults,
    sink::{Item, Refusal, SendError, encoded},
    tls::Tls,
};

/// Largest answer read: a line or so for each item of a batch.
const ANSWER: usize = 1 << 20;

/// A service: its name in addresses and signatures, and how it is spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
}

/// An operation of a service, and the permission it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// The action to allow in IAM.
    pub(crate) permission: &'static str,
}

/// The keys that all kinds of AWS's have.
pub(crate) struct Access<'a> {
    pub(crate) region: &'a str,
    pub(crate) endpoint: &'a Located<String>,
    pub(crate) credentials: &'a CredentialKeys,
    pub(crate) tls: &'a Tls,
}

/// A service, ready to be called for one receiver.
pub(crate) struct Api {
    service: Service,
    client: reqwest::Client,
    account: Account,
    /// As configured; otherwise it follows from the region.
    endpoint: Option<Address>,
    found: OnceCell<Address>,
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the service calls it; empty when there is no answer.
    pub(crate) code: String,
    /// What it means for the events.
    pub(crate) error: SendError,
}

impl From<Failure> for SendError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self { code: String::new(), error }
    }
}

impl Api {
    /// Reads what the keys say of AWS; no request is made.
    pub(crate) fn new(keys: &mut Keys<'_>, service: Service, access: &Access<'_>) -> Option<Self> {
        let account = Account::new(keys, "credentials", access.region, access.credentials);
        let endpoint = keys.addresses("endpoint").into_iter().next();
        let client = http::client(keys, access.tls, DEFAULTS.timeout)?;
        let endpoint = endpoint.map(|endpoint| Address::new(&client, endpoint).hide_path(access.endpoint.hidden));
        Some(Self { service, client, account, endpoint, found: OnceCell::new() })
    }

    /// Makes a call and returns the answer's body.
    pub(crate) async fn call(&self, operation: Operation, body: String) -> Result<Bytes, Failure> {
        let address = self.address().await?;
        let Service { name, protocol } = self.service;
        let request = protocol.request(address.post(), operation.name, body);
        let request = self.account.sign(request, name).await?;
        let answer = Answer::to(request, address.shown(), ANSWER).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let said = protocol.fault(&answer);
        let meaning = said.meaning();
        if matches!(meaning, Meaning::Login) {
            self.account.renew().await;
        }
        let reason = format!("{} answered {}{}", address.shown(), answer.status, told(&said, operation));
        let error = match meaning {
            Meaning::Faulty => SendError::permanent(reason),
            _ => SendError::Outage { reason, after: answer.after },
        };
        Err(Failure { code: said.code, error })
    }

    /// Makes a call that only looks. Whoever may only deliver is refused here and can deliver all the same.
    pub(crate) async fn look(&self, operation: Operation, body: String) -> Result<(), SendError> {
        match self.call(operation, body).await {
            Err(failure) if fault::is_denied(&failure.code) => Ok(()),
            result => Ok(result.map(drop)?),
        }
    }

    /// Looks whether there are credentials and a region, for services that nothing can be asked.
    pub(crate) async fn log_in(&self) -> Result<(), SendError> {
        self.address().await?;
        self.account.ready().await.map(drop)
    }

    async fn address(&self) -> Result<&Address, SendError> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint);
        }
        self.found
            .get_or_try_init(|| async {
                let place = self.account.place().await?;
                let text = place.endpoint.clone().unwrap_or_else(|| endpoint::of(self.service.name, &place.region, place.variant));
                let url =
                    text.parse().map_err(|error| SendError::outage(format!("{text:?} is no address of AWS: {error}; check the region")))?;
                Ok(Address::new(&self.client, url))
            })
            .await
    }
}

/// How kinds of AWS's like to be used, those that take ten events at a time: requests at a time make up for it. The time is enough for credentials to be loaded as well.
pub(crate) const DEFAULTS: Defaults =
    Defaults { batch: 10, max_batch: 10, max_bytes: 256 << 10, concurrency: 32, timeout: Duration::from_secs(30), summarises: false };
/// In a FIFO queue or topic events keep their order.
pub(crate) const FIFO_DEFAULTS: Defaults = Defaults { concurrency: 1, ..DEFAULTS };
/// How the names of FIFO queues and topics end.
pub(crate) const FIFO: &str = ".fifo";
/// Longest group and deduplication id.
const LONGEST_ID: usize = 128;

/// Requires that a key holds a name as AWS takes it: letters, digits and some others.
pub(crate) fn require_name(keys: &mut Keys<'_>, path: &str, name: &str, longest: usize, others: &str) {
    let is_name = name.len() <= longest && name.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
    keys.require(is_name, path, &format!("expected a name of at most {longest} letters, digits and characters of {others}"));
}

/// Group and deduplication id of an event in a FIFO queue or topic: an event's versions stay in order, and a repeat is dropped.
pub(crate) fn fifo_ids(item: &Item) -> Result<(String, String), Refusal> {
    Ok((group_id(item, LONGEST_ID)?, identifier(&item.identity, LONGEST_ID)))
}

/// What an event's versions have in common, as AWS takes it for an identifier: the event's UID, or its identity where it has none.
pub(crate) fn group_id(item: &Item, longest: usize) -> Result<String, Refusal> {
    let uid = &item.enriched()?.event.metadata.uid;
    Ok(identifier(if uid.is_empty() { &item.identity } else { uid }, longest))
}

/// Refuses what is larger than a service takes, before it is sent.
pub(crate) fn fits(bytes: usize, most: usize, what: &str) -> Result<(), Refusal> {
    if bytes <= most { Ok(()) } else { Err(Refusal::permanent(format!("the event has {bytes} bytes, {what} takes at most {most}"))) }
}

/// A request's body as JSON.
pub(crate) fn encode<T: Serialize>(request: &T) -> Result<String, Refusal> {
    encoded(serde_json::to_string(request))
}

/// Reads an answer's JSON.
pub(crate) fn decode<T: DeserializeOwned>(body: &Bytes, operation: Operation) -> Result<T, SendError> {
    answered(serde_json::from_slice(body), operation)
}

/// What an answer was read as; what cannot be read did not come from the service.
pub(crate) fn answered<T, E: Display>(read: Result<T, E>, operation: Operation) -> Result<T, SendError> {
    read.map_err(|error| SendError::outage(format!("{} was answered with what is none of its answers: {error}", operation.name)))
}

/// A text as AWS takes it for an identifier: as it is where it fits, otherwise its SHA-256 in hexadecimal.
pub(crate) fn identifier(text: &str, longest: usize) -> String {
    let fits = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { text.to_owned() } else { HEXLOWER.encode(&Sha256::digest(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_what_aws_takes() {
        assert_eq!(identifier("c/5f0c2d7e-0d0c/948213", 128), "c/5f0c2d7e-0d0c/948213");
        for text in ["", "größe/uid/1", "a b", &"a".repeat(129)] {
            let id = identifier(text, 128);
            assert_eq!((id.len(), id == identifier(text, 128)), (64, true), "{text}");
        }
        assert_ne!(identifier("ä", 128), identifier("ö", 128));
    }
}
