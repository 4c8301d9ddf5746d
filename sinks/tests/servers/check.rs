//! What every kind is checked for.
//!
//! A check starts the sinks on a nats-server of their own with one receiver, puts events into its stream as the router does, and looks at what the product shows.
//! Nothing but the product, the dead letters, the metrics and the log is looked at.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, time::Instant};

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use futures_util::FutureExt as _;
use herald_common::bus::header;
use herald_testkit::{servers::Certificates, tools::Tool, wait};
use serde_json::{Value, json};

use crate::{
    fixture::{BOUND, Fixture, identity},
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

/// The only receiver.
const RECEIVER: &str = "r";
/// A batch that some events fill and more do not fit into.
const BATCH: usize = 20;

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
    pub(crate) fn is_failure(&self) -> bool {
        self.cells.iter().any(|(_, cell)| matches!(cell, Cell::Failed(_)))
    }
}

type Running<T> = Pin<Box<dyn Future<Output = T>>>;

/// A kind that is checked.
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) needs: &'static [Tool],
    run: fn() -> Running<Report>,
}

impl Row {
    pub(crate) const fn of<K: Kind + 'static>() -> Self {
        Self { kind: K::KIND, needs: K::NEEDS, run: || Box::pin(all_of::<K>()) }
    }

    /// The line of a kind that was not run.
    pub(crate) fn left_out(&self, why: &str) -> Report {
        say(&format!("{}: left out, {why}", self.kind));
        Report { kind: self.kind, product: "nothing".to_owned(), cells: CHECKS.map(|check| (check, Cell::LeftOut(why.to_owned()))).into() }
    }

    /// Runs every check; a server that is not there is a failure where none may be missing.
    pub(crate) async fn run(&self) -> Report {
        let missing = self.needs.iter().find_map(|tool| tool.path().err());
        match missing {
            Some(why) if std::env::var_os("HERALD_REQUIRE_ALL").is_some_and(|value| value == "1") => {
                Report { kind: self.kind, product: "nothing".to_owned(), cells: vec![(CHECKS[0], Cell::Failed(why.to_string()))] }
            }
            Some(why) => self.left_out(&why.to_string()),
            None => (self.run)().await,
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
            let failed = Cell::Failed(format!("its server does not start: {error:#}"));
            return Report { kind: K::KIND, product: "nothing".to_owned(), cells: vec![(CHECKS[0], failed)] };
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
async fn prepare<K: Kind>(keys: &str) -> Fixture {
    let options = format!("name: {RECEIVER}, batch: {BATCH}");
    Fixture::prepare(&format!("nats: {{ackWaitSeconds: 5}}\nreceivers:\n- {{{options}, {}: {keys}}}\n", K::KIND)).await
}

async fn start<K: Kind>(keys: &str) -> Fixture {
    let mut sinks = prepare::<K>(keys).await;
    sinks.run().await;
    sinks
}

/// An event as it is exported, with what texts may hold.
pub(crate) fn event(name: &str) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "7", "creationTimestamp": now},
        "reason": "BackOff", "message": format!("<{name}> \"said\" ünï & 日本"), "source": {"component": "kubelet"},
        "firstTimestamp": now, "lastTimestamp": now, "count": 3, "type": "Warning", "eventTime": null,
        "reportingComponent": "", "reportingInstance": "", "clusterName": "c",
        "involvedObject": {
            "kind": "Pod", "namespace": "shop", "name": name, "uid": "u", "apiVersion": "v1", "deleted": false, "labels": {"app": "x"}
        }
    })
}

fn events(place: &str, count: usize) -> Vec<Value> {
    (0..count).map(|number| event(&format!("{place}-{number}"))).collect()
}

async fn publish(sinks: &Fixture, events: &[Value]) {
    for event in events {
        let name = event["metadata"]["name"].as_str().unwrap_or_default();
        sinks.publish_payload(RECEIVER, name, event.to_string().into_bytes(), "application/json").await;
    }
}

/// Waits until a place shows all of these, and fails when it shows anything else, or one of them twice and `once` forbids it.
async fn shows<K: Kind>(kind: &K, place: &str, events: &[Value], once: bool) -> Result<()> {
    let sorted = |mut texts: Vec<String>| {
        texts.sort_unstable();
        if !once {
            texts.dedup();
        }
        texts
    };
    let wanted = sorted(events.iter().map(|event| K::shown(event).to_string()).collect());
    let mut last = Ok(Vec::new());
    let all_there = async {
        loop {
            last = kind.arrived(place).await.map(|arrived| sorted(arrived.iter().map(Value::to_string).collect()));
            if last.as_ref().is_ok_and(|arrived| wanted.iter().all(|text| arrived.binary_search(text).is_ok())) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(BOUND, all_there).await;
    let arrived = last.context("could not read what arrived")?;
    if arrived == wanted {
        return Ok(());
    }
    let missing: Vec<_> = wanted.iter().filter(|text| arrived.binary_search(text).is_err()).collect();
    let more: Vec<_> = arrived.iter().filter(|text| wanted.binary_search(text).is_err()).collect();
    anyhow::bail!(
        "{} of {} wanted: {} missing, such as {:?}, {} others, such as {:?}",
        arrived.len(),
        wanted.len(),
        missing.len(),
        missing.first(),
        more.len(),
        more.first()
    )
}

async fn no_dead_letters(sinks: &Fixture) -> Result<()> {
    let letters = sinks.dead(RECEIVER).await;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.headers.get(header::DEAD_REASON)).collect();
    ensure!(reasons.is_empty(), "dead letters: {reasons:?}");
    Ok(())
}

/// Waits until what was sent had to be sent again.
async fn retried(sinks: &Fixture, times: u64) -> Result<()> {
    wait::until("attempts to be repeated", BOUND, || async { sinks.metric("retried", RECEIVER) >= times }).await
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

/// Whether the dead letters are this event alone, with what the server said of it.
async fn is_kept(sinks: &Fixture, event: &Value, reason: &str) -> Result<()> {
    let letters = sinks.dead(RECEIVER).await;
    ensure!(letters.len() == 1, "{} dead letters", letters.len());
    let of = |name| letters[0].headers.get(name).unwrap_or_default();
    let name = event["metadata"]["name"].as_str().unwrap_or_default();
    ensure!(of(header::IDENTITY) == identity(name), "the dead letter is {}", of(header::IDENTITY));
    ensure!(letters[0].payload == event.to_string(), "the dead letter is not the event");
    ensure!(of(header::DEAD_REASON).contains(reason), "its reason is {:?} and does not say {reason:?}", of(header::DEAD_REASON));
    Ok(())
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
    let mut sinks = prepare::<K>(&kind.keys(place)).await;
    let good = events(place, BATCH - 1);
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
    ensure!(wrong.keys.contains(SECRET), "the keys do not hold the secret");
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
