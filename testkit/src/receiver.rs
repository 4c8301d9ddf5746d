//! A webhook receiver that records what it gets and misbehaves on demand.
//!
//! In: HTTP or HTTPS requests, and rules for answers. Out: the requests, and the view of a receiver that honours `Idempotency-Key`. It
//! accepts everything that no rule refuses; it decodes nothing.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher as _,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{sync::watch, time::timeout};
use tokio_rustls::TlsAcceptor;

use crate::{
    certs::Identity,
    scratch::Port,
    serve::{Cut, Handler, Server, broken_body},
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

/// How requests are answered by a rule.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// With the code; the request is taken if it is a 2xx.
    Status(u16),
    /// With the code, and `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// With 200 and a body that is nothing.
    Garbage,
    /// With 200, but only after this time.
    Delay(Duration),
    /// Never.
    Hang,
    /// The connection is closed instead; the request is not taken.
    Cut,
    /// The request is taken, and the connection closed in the middle of the answer.
    CutWithin,
    /// With the code and a body; the request is taken if it is a 2xx.
    Says(u16, &'static str),
    /// As a product would, whose rules this function knows.
    By(fn(&Received) -> Reply),
}

/// What a product answers.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The code.
    pub status: u16,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: String,
    /// Whether the request is taken.
    pub accepted: bool,
}

/// A rule for some requests; by default for all.
#[derive(Clone, Debug)]
pub struct Rule {
    contains: Option<String>,
    times: Option<u64>,
    answer: Answer,
}

impl Rule {
    /// All requests are answered so.
    pub fn new(answer: Answer) -> Self {
        Self { contains: None, times: None, answer }
    }

    /// Only requests whose body contains the text.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.contains = Some(text.to_owned());
        self
    }

    /// Only the first `times` requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    fn fits(&self, body: &[u8]) -> bool {
        self.times != Some(0)
            && self.contains.as_ref().is_none_or(|text| body.windows(text.len().max(1)).any(|window| window == text.as_bytes()))
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
    request.accepted = accepts(answer) || reply.accepted;
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
            *response.body_mut() = Body::from(reply.body);
            Ok(response)
        }
    }
}

fn accepts(answer: Answer) -> bool {
    match answer {
        Answer::Status(code) | Answer::RetryAfter(code, _) | Answer::Says(code, _) => (200..300).contains(&code),
        Answer::Garbage | Answer::Delay(_) | Answer::CutWithin => true,
        Answer::Hang | Answer::Cut | Answer::By(_) => false,
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

/// What a server needs to speak TLS as someone, with an authority (PEM) only to clients whose certificate it signed.
pub(crate) fn acceptor(identity: &Identity, client_authority: Option<&str>) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<_, _>>().context("not a PEM certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("not a PEM private key")?;
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
                roots.add(certificate.context("the client authority is not a PEM certificate")?)?;
            }
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?)
        }
    };
    let config = builder.with_single_cert(certificates, key).context("the certificate and the key do not fit")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
