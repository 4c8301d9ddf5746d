//! A webhook receiver that records what it gets and misbehaves on demand.
//!
//! In: HTTP or HTTPS requests, and rules for answers. Out: the requests, and the view of a receiver that honours `Idempotency-Key`. It
//! accepts everything that no rule refuses; it decodes nothing.

mod answer;

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher as _,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Result, anyhow};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::{sync::watch, time::timeout};
use tokio_rustls::TlsAcceptor;

pub use self::answer::{Answer, Reply, Rule};
use crate::{
    certs::Identity,
    scratch::Port,
    serve::{Cut, Handler, Server, acceptor, broken_body},
    servers,
};

/// The header that names the event.
const IDENTITY: &str = "idempotency-key";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it was complete.
    pub at: Timestamp,
    /// The path with the query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether the receiver took it, even if the sender may not have learned so.
    pub accepted: bool,
}

impl Received {
    /// The value of `Idempotency-Key`, if it has one.
    pub fn identity(&self) -> Option<&str> {
        self.headers.get(IDENTITY).and_then(|value| value.to_str().ok())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    rules: Vec<Rule>,
    /// How often each identity was accepted, by hash.
    identities: HashMap<u64, u32>,
    /// Requests that came, accepted or not.
    requests: u64,
    accepted: u64,
}

/// Is told of every request as it comes.
type Observer = Box<dyn Fn(&Received) + Send + Sync>;

/// What becomes of requests.
enum Memory {
    /// They are kept.
    Everything,
    /// Only counts and hashes are kept.
    Counts,
    /// Somebody else is told, nothing is kept.
    Told(Observer),
}

struct Shared {
    state: Mutex<State>,
    hasher: RandomState,
    memory: Memory,
    /// The number of requests that came.
    arrivals: watch::Sender<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running receiver. It ends when it is dropped.
pub struct WebhookReceiver {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    port: Port,
    server: Option<Server>,
}

impl fmt::Debug for WebhookReceiver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WebhookReceiver").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl WebhookReceiver {
    /// Starts a receiver of plain HTTP that keeps every request.
    pub async fn start() -> Result<Self> {
        Self::with(None, Memory::Everything).await
    }

    /// Starts a receiver that keeps nothing and tells `observer` of every request; with an identity it speaks HTTPS.
    pub async fn start_observed(identity: Option<&Identity>, observer: impl Fn(&Received) + Send + Sync + 'static) -> Result<Self> {
        let tls = identity.map(|identity| acceptor(identity, None)).transpose()?;
        Self::with(tls, Memory::Told(Box::new(observer))).await
    }

    /// Starts a receiver of plain HTTP that keeps only counts and the hashes of identities: for long runs.
    pub async fn start_forgetful() -> Result<Self> {
        Self::with(None, Memory::Counts).await
    }

    /// Starts a receiver of HTTPS; with an authority (PEM), only clients whose certificate it signed are heard.
    pub async fn start_tls(identity: &Identity, client_authority: Option<&str>) -> Result<Self> {
        Self::with(Some(acceptor(identity, client_authority)?), Memory::Everything).await
    }

    async fn with(tls: Option<TlsAcceptor>, memory: Memory) -> Result<Self> {
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { state, hasher: RandomState::new(), memory, arrivals: watch::Sender::new(0) });
        let mut receiver = Self { shared, tls, port: Port::take()?, server: None };
        receiver.start_again().await?;
        Ok(receiver)
    }

    /// Goes away: connections are closed, new ones refused. What was received stays.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Comes back on the same port after [`WebhookReceiver::stop`].
    pub async fn start_again(&mut self) -> Result<()> {
        if self.server.is_none() {
            let shared = self.shared.clone();
            let handler: Handler = Arc::new(move |request| Box::pin(handle(shared.clone(), request)));
            self.server = Some(Server::start(self.address(), self.tls.clone(), handler).await?);
        }
        Ok(())
    }

    /// Shows another certificate from now on; connections that stand are closed.
    pub async fn present(&mut self, identity: &Identity) -> Result<()> {
        self.tls = Some(acceptor(identity, None)?);
        if self.server.is_some() {
            self.stop().await;
            self.start_again().await?;
        }
        Ok(())
    }

    /// Where it listens, running or not.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The base URL, without a slash at the end; with TLS the host is `localhost`.
    pub fn url(&self) -> String {
        servers::url(self.tls.is_some(), self.port.number())
    }

    /// Adds a rule; of several that fit a request, the first added decides.
    pub fn rule(&self, rule: Rule) {
        self.shared.lock().rules.push(rule);
    }

    /// Ends all rules.
    pub fn clear_rules(&self) {
        self.shared.lock().rules.clear();
    }

    /// The requests in the order of their arrival, refused ones and repetitions included; empty unless everything is kept.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.clone()
    }

    /// What a receiver that honours the idempotency key has: the first accepted request of each identity, and those without one.
    pub fn unique(&self) -> Vec<Received> {
        let mut seen = std::collections::HashSet::new();
        let mut all = self.received();
        all.retain(|request| request.accepted && request.identity().is_none_or(|identity| seen.insert(identity.to_owned())));
        all
    }

    /// The number of requests, refused ones included.
    pub fn number_of_requests(&self) -> u64 {
        self.shared.lock().requests
    }

    /// The number of distinct events accepted.
    pub fn number_of_unique(&self) -> u64 {
        distinct(&self.shared.lock())
    }

    /// The number of accepted requests whose identity had been accepted before.
    pub fn duplicates(&self) -> u64 {
        let state = self.shared.lock();
        state.accepted - distinct(&state)
    }

    /// Waits until this many distinct events are accepted, and returns them (nothing when started forgetful).
    ///
    /// Fails with the number that came when that takes longer than `bound`.
    pub async fn wait_for(&self, number: u64, bound: Duration) -> Result<Vec<Received>> {
        let mut arrivals = self.shared.arrivals.subscribe();
        let came = timeout(bound, arrivals.wait_for(|_| self.number_of_unique() >= number)).await;
        match came {
            Ok(Ok(_)) => Ok(self.unique()),
            _ => Err(anyhow!(
                "waited {bound:?} for {number} events, {} came in {} requests",
                self.number_of_unique(),
                self.number_of_requests()
            )),
        }
    }

    /// Waits until this many requests came, refused ones and repetitions included.
    pub async fn wait_for_requests(&self, number: u64, bound: Duration) -> Result<()> {
        let mut arrivals = self.shared.arrivals.subscribe();
        match timeout(bound, arrivals.wait_for(|&requests| requests >= number)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(anyhow!("waited {bound:?} for {number} requests, {} came", self.number_of_requests())),
        }
    }
}

/// Distinct identities and requests without one.
fn distinct(state: &State) -> u64 {
    let repeated: u64 = state.identities.values().map(|&number| u64::from(number) - 1).sum();
    state.accepted - repeated
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let answer = {
        let mut state = shared.lock();
        let rule = state.rules.iter_mut().find(|rule| rule.fits(&body));
        rule.map_or(Answer::Status(200), |rule| {
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            rule.answer
        })
    };
    let path = head.uri.to_string();
    let mut request = Received { at: Timestamp::now(), path, headers: head.headers, body, accepted: false };
    let reply = if let Answer::By(product) = answer { product(&request) } else { Reply::default() };
    request.accepted = answer.accepts() || reply.accepted;
    record(&shared, request);
    match answer {
        Answer::Status(code) => Ok(respond(code, None)),
        Answer::RetryAfter(code, seconds) => Ok(respond(code, Some(seconds))),
        Answer::Garbage => Ok(Response::new(Body::from(&b"\x00{\"ok\":\xff\xfe <html>"[..]))),
        Answer::Delay(time) => {
            tokio::time::sleep(time).await;
            Ok(respond(200, None))
        }
        Answer::Hang => std::future::pending().await,
        Answer::Cut => Err(Cut),
        Answer::CutWithin => Ok(Response::new(broken_body("{\"taken\":"))),
        Answer::Says(code, body) => {
            let mut response = respond(code, None);
            *response.body_mut() = Body::from(body);
            Ok(response)
        }
        Answer::By(_) => {
            let mut response = respond(reply.status, reply.retry_after);
            let header = reply.header.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            response.headers_mut().extend(header);
            *response.body_mut() = Body::from(reply.body);
            Ok(response)
        }
    }
}

fn record(shared: &Shared, request: Received) {
    let requests = {
        let mut state = shared.lock();
        state.requests += 1;
        if let Memory::Told(observer) = &shared.memory {
            observer(&request);
        } else if request.accepted {
            state.accepted += 1;
            if let Some(identity) = request.identity() {
                *state.identities.entry(shared.hasher.hash_one(identity)).or_default() += 1;
            }
        }
        if let Memory::Everything = shared.memory {
            state.received.push(request);
        }
        state.requests
    };
    shared.arrivals.send_replace(requests);
}

fn respond(code: u16, retry_after: Option<u64>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
