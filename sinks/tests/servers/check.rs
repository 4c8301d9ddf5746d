//! What every kind is checked for.
//!
//! A check starts the sinks on a nats-server of their own with one receiver, puts events into its stream as the router does, and looks at what the product shows.
//! Nothing but the product, the dead letters, the metrics and the log is looked at.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, time::Instant};

use anyhow::{Result, ensure};
use data_encoding::BASE64;
use futures_util::FutureExt as _;
use herald_testkit::{servers::Certificates, tools::Tool, wait};
use serde_json::Value;

use crate::{
    events::{RECEIVER, events, is_kept, no_dead_letters, publish, retried, shows},
    fixture::{BOUND, Fixture},
    kind::{Kind, Not, SECRET, quoted},
    log,
    table::say,
};

/// The checks, in the order of the table's columns.
pub(crate) const CHECKS: [&str; 10] = [
    "delivers",
    "survives a restart",
    "refusal kept",
    "one bad in a batch",
    "throttling",
    "credentials",
    "TLS authority",
    "TLS name",
    "TLS client",
    "besides",
];

/// With the bad one as many as fit into a batch.
const GOOD: usize = 19;

/// How a check ended.
#[derive(Debug)]
pub(crate) enum Cell {
    Passed,
    /// The product has no such thing, and why.
    Not(String),
    /// The server is not there, and why.
    LeftOut(String),
    Failed(String),
}

/// A kind's line in the table.
pub(crate) struct Report {
    pub(crate) kind: &'static str,
    pub(crate) product: String,
    pub(crate) cells: Vec<(&'static str, Cell)>,
}

impl Report {
    /// Of a kind that could not be checked at all.
    pub(crate) fn failed(kind: &'static str, why: String) -> Self {
        Self { kind, product: "nothing".to_owned(), cells: vec![(CHECKS[0], Cell::Failed(why))] }
    }

    /// Of a kind whose cells are all alike.
    fn all(kind: &'static str, cell: impl Fn() -> Cell) -> Self {
        Self { kind, product: "nothing".to_owned(), cells: CHECKS.map(|check| (check, cell())).into() }
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.cells.iter().any(|(_, cell)| matches!(cell, Cell::Failed(_)))
    }
}

type Running<T> = Pin<Box<dyn Future<Output = T>>>;

/// A kind that is checked.
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) needs: &'static [Tool],
    how: How,
}

enum How {
    Here(fn() -> Running<Report>),
    Elsewhere(&'static str),
}

impl Row {
    pub(crate) const fn of<K: Kind + 'static>() -> Self {
        Self { kind: K::KIND, needs: K::NEEDS, how: How::Here(|| Box::pin(all_of::<K>())) }
    }

    /// A kind that cannot be checked here, and why.
    pub(crate) const fn elsewhere(kind: &'static str, why: &'static str) -> Self {
        Self { kind, needs: &[], how: How::Elsewhere(why) }
    }

    /// The line of a kind that was not run.
    pub(crate) fn left_out(&self, why: &str) -> Report {
        say(&format!("{}: left out, {why}", self.kind));
        Report::all(self.kind, || Cell::LeftOut(why.to_owned()))
    }

    /// Runs every check; a server that is not there is a failure where none may be missing.
    pub(crate) async fn run(&self) -> Report {
        let missing = self.needs.iter().chain(&[Tool::NatsServer]).find_map(|tool| tool.path().err());
        match (missing, &self.how) {
            (Some(why), _) if std::env::var_os("HERALD_REQUIRE_ALL").is_some_and(|value| value == "1") => {
                Report::failed(self.kind, why.to_string())
            }
            (Some(why), _) => self.left_out(&why.to_string()),
            (None, How::Here(run)) => run().await,
            (None, How::Elsewhere(why)) => Report::all(self.kind, || Cell::Not((*why).to_owned())),
        }
    }
}

/// Notes how a check ended.
async fn note(cells: &mut Vec<(&'static str, Cell)>, kind: &str, check: impl Future<Output = Result<()>>) {
    let (name, began) = (CHECKS[cells.len()], Instant::now());
    // The fixture panics when something does not come in time.
    let cell = match AssertUnwindSafe(check).catch_unwind().await {
        Ok(Ok(())) => Cell::Passed,
        Err(panic) => Cell::Failed(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked, as said above".to_owned())),
        Ok(Err(error)) => match error.downcast_ref::<Not>() {
            Some(reason) => Cell::Not(reason.to_string()),
            None => Cell::Failed(format!("{error:#}")),
        },
    };
    say(&format!("{kind}: {name}: {cell:?} after {:.1} s", began.elapsed().as_secs_f64()));
    cells.push((name, cell));
}

async fn all_of<K: Kind>() -> Report {
    let mut cells = Vec::new();
    let started = async {
        let kind = K::start().await?;
        let product = kind.product().await?;
        anyhow::Ok((kind, product))
    };
    let (mut kind, product) = match started.await {
        Ok(started) => started,
        Err(error) => {
            return Report::failed(K::KIND, format!("its server does not start: {error:#}"));
        }
    };
    note(&mut cells, K::KIND, delivers(&mut kind)).await;
    note(&mut cells, K::KIND, survives_a_restart(&mut kind)).await;
    note(&mut cells, K::KIND, keeps_what_is_refused(&mut kind)).await;
    note(&mut cells, K::KIND, loses_only_the_bad_one(&mut kind)).await;
    note(&mut cells, K::KIND, waits_when_throttled(&mut kind)).await;
    note(&mut cells, K::KIND, tells_wrong_credentials(&mut kind)).await;
    let certificates = Certificates::new();
    let secure = match &certificates {
        Ok(certificates) => K::start_tls(certificates).await.map(|kind| (kind, certificates)),
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    };
    note(&mut cells, K::KIND, trusts_its_authority_alone(&secure)).await;
    note(&mut cells, K::KIND, looks_at_the_name(&secure)).await;
    note(&mut cells, K::KIND, shows_its_certificate(&secure)).await;
    note(&mut cells, K::KIND, kind.besides()).await;
    Report { kind: K::KIND, product, cells }
}

/// Sinks with one receiver of a kind.
async fn prepare<K: Kind>(options: &str, keys: &str) -> Fixture {
    let receiver = format!("{{name: {RECEIVER}, {options}, {}: {keys}}}", K::KIND);
    Fixture::prepare(&format!("nats: {{ackWaitSeconds: 5}}\nreceivers:\n- {receiver}\n")).await
}

async fn start<K: Kind>(keys: &str) -> Fixture {
    let mut sinks = prepare::<K>(K::OPTIONS, keys).await;
    sinks.run().await;
    sinks
}

/// Starts sinks with one receiver that has these options, and waits until it has delivered these events.
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only kinds that may be left out need it"))]
pub(crate) async fn delivered<K: Kind>(options: &str, keys: &str, events: &[Value]) -> Result<Fixture> {
    let mut sinks = prepare::<K>(options, keys).await;
    sinks.run().await;
    publish(&sinks, events).await;
    sinks.settled(RECEIVER).await;
    no_dead_letters(&sinks).await?;
    Ok(sinks)
}

/// Delivers events with these keys, without a dead letter.
pub(crate) async fn deliver<K: Kind>(keys: &str, events: &[Value]) -> Result<()> {
    let sinks = start::<K>(keys).await;
    publish(&sinks, events).await;
    sinks.settled(RECEIVER).await;
    no_dead_letters(&sinks).await
}

async fn delivers<K: Kind>(kind: &mut K) -> Result<()> {
    let place = "delivers";
    kind.prepare(place).await?;
    let sinks = start::<K>(&kind.keys(place)).await;
    let events = events(place, 50);
    publish(&sinks, &events).await;
    sinks.settled(RECEIVER).await;
    shows(kind, place, &events, true).await?;
    no_dead_letters(&sinks).await
}

/// Events keep coming while the server goes away and comes back.
async fn survives_a_restart<K: Kind>(kind: &mut K) -> Result<()> {
    let place = "restart";
    kind.prepare(place).await?;
    let sinks = start::<K>(&kind.keys(place)).await;
    let events = events(place, 400);
    let (before, during) = events.split_at(200);
    let gone = async {
        let published = || async { sinks.metric("published", RECEIVER) >= 50 };
        wait::until("some to be delivered", BOUND, published).await?;
        kind.stop().await
    };
    let ((), gone) = tokio::join!(publish(&sinks, before), gone);
    gone?;
    publish(&sinks, during).await;
    retried(&sinks, 1).await?;
    kind.start_again().await?;
    sinks.settled(RECEIVER).await;
    shows(kind, place, &events, K::EXACTLY_ONCE).await?;
    no_dead_letters(&sinks).await
}

async fn keeps_what_is_refused<K: Kind>(kind: &mut K) -> Result<()> {
    let place = "refusal";
    kind.prepare(place).await?;
    let refused = kind.refuse(place).await?;
    let sinks = start::<K>(&kind.keys(place)).await;
    publish(&sinks, std::slice::from_ref(&refused.event)).await;
    sinks.settled(RECEIVER).await;
    is_kept(&sinks, &refused.event, &refused.reason).await?;
    shows(kind, place, &[], true).await
}

/// The bad event is there with the others before the sinks start, so that they are taken together.
async fn loses_only_the_bad_one<K: Kind>(kind: &mut K) -> Result<()> {
    let place = "batch";
    kind.prepare(place).await?;
    let refused = kind.refuse(place).await?;
    let mut sinks = prepare::<K>(K::OPTIONS, &kind.keys(place)).await;
    let good = events(place, GOOD);
    let (before, after) = good.split_at(good.len() / 2);
    publish(&sinks, before).await;
    publish(&sinks, std::slice::from_ref(&refused.event)).await;
    publish(&sinks, after).await;
    sinks.run().await;
    sinks.settled(RECEIVER).await;
    shows(kind, place, &good, K::EXACTLY_ONCE).await?;
    is_kept(&sinks, &refused.event, &refused.reason).await
}

async fn waits_when_throttled<K: Kind>(kind: &mut K) -> Result<()> {
    let place = "throttled";
    kind.prepare(place).await?;
    kind.throttle(place).await?;
    let sinks = start::<K>(&kind.keys(place)).await;
    let events = events(place, 30);
    publish(&sinks, &events).await;
    retried(&sinks, 1).await?;
    no_dead_letters(&sinks).await?;
    kind.relieve(place).await?;
    sinks.settled(RECEIVER).await;
    shows(kind, place, &events, K::EXACTLY_ONCE).await?;
    no_dead_letters(&sinks).await
}

/// The log says what is wrong; the secret is nowhere in it, at any level, and the events wait.
async fn tells_wrong_credentials<K: Kind>(kind: &mut K) -> Result<()> {
    let place = "credentials";
    kind.prepare(place).await?;
    let wrong = kind.wrong_credentials(place).await?;
    let in_a_file = || wrong.keys.split('"').any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(SECRET)));
    ensure!(wrong.keys.contains(SECRET) || in_a_file(), "neither the keys nor a file that they name hold the secret");
    log::clear();
    let sinks = start::<K>(&wrong.keys).await;
    publish(&sinks, &events(place, 3)).await;
    retried(&sinks, 1).await?;
    no_dead_letters(&sinks).await?;
    let text = log::text();
    let said = text.lines().find(|line| line.contains("ERROR") && line.contains(wrong.said));
    ensure!(said.is_some(), "the log does not say {:?}, but {:?}", wrong.said, text.lines().find(|line| line.contains("ERROR")));
    // What stands before it in `user:password` decides how it is encoded: three beginnings cover all.
    let encoded = (0..3).map(|before| BASE64.encode(format!("{}{SECRET}", &":::"[..before]).as_bytes())).map(|text| text[4..24].to_owned());
    for secret in encoded.chain([SECRET.to_owned()]) {
        let leak = text.lines().find(|line| line.contains(&secret));
        ensure!(leak.is_none(), "the log holds the secret: {leak:?}");
    }
    Ok(())
}

type Secure<'a, K> = Result<(K, &'a Certificates)>;

fn secure<'a, K>(secure: &'a Secure<'a, K>) -> Result<(&'a K, &'a Certificates)> {
    match secure {
        Ok((kind, certificates)) => Ok((kind, certificates)),
        Err(error) => match error.downcast_ref::<Not>() {
            Some(reason) => Err((*reason).into()),
            None => Err(anyhow::anyhow!("its server with TLS does not start: {error:#}")),
        },
    }
}

/// Whether an event arrives with these TLS settings.
async fn arrives<K: Kind>(kind: &K, place: &str, tls: &str) -> Result<()> {
    kind.prepare(place).await?;
    let sinks = start::<K>(&kind.tls_keys(place, tls)).await;
    let events = events(place, 1);
    publish(&sinks, &events).await;
    sinks.settled(RECEIVER).await;
    shows(kind, place, &events, K::EXACTLY_ONCE).await
}

/// Whether nothing arrives with these TLS settings, and the event waits.
async fn does_not_arrive<K: Kind>(kind: &K, place: &str, tls: &str) -> Result<()> {
    kind.prepare(place).await?;
    let sinks = start::<K>(&kind.tls_keys(place, tls)).await;
    publish(&sinks, &events(place, 1)).await;
    retried(&sinks, 2).await?;
    no_dead_letters(&sinks).await?;
    shows(kind, place, &[], true).await
}

/// `certFile` and `keyFile`, where the server asks for a certificate.
fn client_keys<K: Kind>(certificates: &Certificates) -> String {
    match K::asks_for_certificate() {
        Ok(()) => {
            format!(", certFile: {}, keyFile: {}", quoted(&certificates.file("client.crt")), quoted(&certificates.file("client.key")))
        }
        Err(_) => String::new(),
    }
}

async fn trusts_its_authority_alone<K: Kind>(started: &Secure<'_, K>) -> Result<()> {
    let (kind, certificates) = secure(started)?;
    let (authority, client) = (quoted(&certificates.file("ca.crt")), client_keys::<K>(certificates));
    arrives(kind, "tls-authority", &format!("{{caFile: {authority}{client}}}")).await?;
    does_not_arrive(kind, "tls-none", &format!("{{insecureSkipVerify: false{client}}}")).await
}

async fn looks_at_the_name<K: Kind>(started: &Secure<'_, K>) -> Result<()> {
    let (kind, certificates) = secure(started)?;
    let (authority, client) = (quoted(&certificates.file("ca.crt")), client_keys::<K>(certificates));
    does_not_arrive(kind, "tls-name", &format!("{{serverName: other.example.com, caFile: {authority}{client}}}")).await
}

/// With the certificate it is the check of the authority.
async fn shows_its_certificate<K: Kind>(started: &Secure<'_, K>) -> Result<()> {
    let (kind, certificates) = secure(started)?;
    K::asks_for_certificate()?;
    does_not_arrive(kind, "tls-client", &format!("{{caFile: {}}}", quoted(&certificates.file("ca.crt")))).await
}
