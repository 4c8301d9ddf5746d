//! Logins by JWT: an operator with one account and its users, as `nsc` makes them.
//!
//! In: nothing. Out: the text that makes a nats-server trust the operator, and `.creds` files of users. Keys exist as long as the value.

use anyhow::{Context, Result};
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// An operator with one account, whose users may do anything in it.
pub struct Operator {
    operator: KeyPair,
    /// JetStream does not start without a system account.
    system: KeyPair,
    account: KeyPair,
    /// When users are made, in seconds since the epoch; those made before are revoked.
    now: u64,
}

impl Default for Operator {
    fn default() -> Self {
        Self { operator: KeyPair::new_operator(), system: KeyPair::new_account(), account: KeyPair::new_account(), now: 1_700_000_000 }
    }
}

impl Operator {
    /// The text for [`super::NatsOptions::config`] with which a server knows this operator's account and nobody else.
    pub fn config(&self) -> Result<String> {
        let (operator, system, account) = (self.operator.public_key(), self.system.public_key(), self.account.public_key());
        let jwt = |subject: &str, claims: Value| sign(&self.operator, subject, self.now, &claims);
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1
        });
        let operator_jwt = jwt(&operator, json!({"type": "operator", "version": 2, "system_account": system}))?;
        let system_jwt = jwt(&system, json!({"type": "account", "version": 2}))?;
        let account_jwt = jwt(&account, json!({"type": "account", "version": 2, "limits": limits, "revocations": {"*": self.now - 1}}))?;
        Ok(format!(
            "operator: {operator_jwt}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload {{ {system}: {system_jwt}, {account}: {account_jwt} }}\n"
        ))
    }

    /// Revokes every user made so far; the next [`Self::config`] says so.
    pub fn revoke(&mut self) {
        self.now += 1;
    }

    /// A new user's `.creds` file.
    pub fn credentials(&self) -> Result<String> {
        let user = KeyPair::new_user();
        let claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
        let jwt = sign(&self.account, &user.public_key(), self.now, &claims)?;
        let seed = user.seed().context("a new key has no seed")?;
        Ok(format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        ))
    }
}

/// A JWT by which `issuer` says what `subject` may do.
fn sign(issuer: &KeyPair, subject: &str, issued: u64, claims: &Value) -> Result<String> {
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let body = json!({"jti": subject, "iat": issued, "iss": issuer.public_key(), "name": subject, "sub": subject, "nats": claims});
    let signed = format!("{}.{}", encode(&header), encode(&body));
    let signature = issuer.sign(signed.as_bytes()).context("could not sign a JWT")?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

fn encode(part: &Value) -> String {
    BASE64URL_NOPAD.encode(part.to_string().as_bytes())
}
