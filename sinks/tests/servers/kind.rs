//! What a kind tells the harness: how its server is had, what a receiver of it looks like, what arrived, and how it is made to misbehave.

use std::{fmt, path::Path};

use anyhow::Result;
use herald_testkit::{servers::Certificates, tools::Tool};
use serde_json::Value;

/// What wrong credentials hold, and no log may.
pub(crate) const SECRET: &str = "hunter2-of-the-harness";

/// Why a product cannot have something: `return not("it has no users")`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Not(&'static str);

/// The cell of a check that a product cannot have, as an error: [`Not`].
pub(crate) fn not<T>(reason: &'static str) -> Result<T> {
    Err(Not(reason).into())
}

impl fmt::Display for Not {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for Not {}

/// An event that is refused for ever.
pub(crate) struct Refused {
    /// The event as it is exported.
    pub(crate) event: Value,
    /// What the dead letter's reason must hold: the server's own words.
    pub(crate) reason: String,
}

/// Credentials that are wrong.
pub(crate) struct Wrong {
    /// The kind's keys with them, [`SECRET`] among them or in a file that they name.
    pub(crate) keys: String,
    /// What the log must say of them.
    pub(crate) said: &'static str,
}

/// A kind of receiver with its product's server.
///
/// Every check has a place of its own at the server: an index, a topic, a path. An answer of [`not`] is the reason why the product has no such check; any other
/// error fails it.
pub(crate) trait Kind: Sized {
    /// The kind's key in a receiver.
    const KIND: &'static str;
    /// The servers that it is tested against; none where a recording receiver stands for the product.
    const NEEDS: &'static [Tool];
    /// Whether the product never shows an event twice, not even after its server was away.
    const EXACTLY_ONCE: bool;
    /// The receiver's options; chats sum up what is sent together, so theirs is not.
    const OPTIONS: &'static str = "batch: 20";

    /// Starts the server, with nothing in it.
    async fn start() -> Result<Self>;

    /// The product and its version, as the server tells it, or what stands for the product.
    async fn product(&self) -> Result<String>;

    /// Makes a place where receivers have to be told of one: a topic, a queue.
    async fn prepare(&self, place: &str) -> Result<()> {
        let _ = place;
        Ok(())
    }

    /// The keys of a receiver that delivers to a place, as YAML between braces.
    fn keys(&self, place: &str) -> String;

    /// What the product shows of an event: by default the event.
    fn shown(event: &Value) -> Value {
        event.clone()
    }

    /// What has arrived at a place so far, in any order and as often as the product shows it.
    async fn arrived(&self, place: &str) -> Result<Vec<Value>>;

    /// Ends the server, as hard as what it promises allows.
    async fn stop(&mut self) -> Result<()>;

    /// Starts it again where it was, with what it had.
    async fn start_again(&mut self) -> Result<()>;

    /// Sees to it that the place refuses some events for ever, and makes one.
    async fn refuse(&mut self, place: &str) -> Result<Refused>;

    /// Makes the place take nothing for now.
    async fn throttle(&mut self, place: &str) -> Result<()>;

    /// Ends that; looks whether a pause that the server asked for was kept. By default there is nothing to end.
    async fn relieve(&mut self, place: &str) -> Result<()> {
        let _ = place;
        Ok(())
    }

    /// Makes a server that asks for credentials, and a receiver whose are wrong.
    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong>;

    /// Starts a server that speaks TLS alone, and with [`Kind::asks_for_certificate`] hears only clients that have a certificate.
    async fn start_tls(certificates: &Certificates) -> Result<Self>;

    /// Whether it does: by default.
    fn asks_for_certificate() -> Result<()> {
        Ok(())
    }

    /// As [`Kind::keys`], with `tls: {…}` as given where the server speaks TLS.
    fn tls_keys(&self, place: &str, tls: &str) -> String {
        with(&self.keys(place), &format!("tls: {tls}"))
    }

    /// What this product promises besides.
    async fn besides(&mut self) -> Result<()> {
        not("nothing else")
    }
}

/// Keys with more of them: `{a: 1}` and `b: 2` are `{a: 1, b: 2}`.
pub(crate) fn with(keys: &str, more: &str) -> String {
    format!("{}, {more}}}", keys.strip_suffix('}').expect("keys stand between braces"))
}

/// TLS settings with the authority's certificate and the client's.
pub(crate) fn client_tls(certificates: &Certificates) -> String {
    let file = |name| quoted(&certificates.file(name));
    format!("{{caFile: {}, certFile: {}, keyFile: {}}}", file("ca.crt"), file("client.crt"), file("client.key"))
}

/// A path in YAML between braces.
pub(crate) fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}
