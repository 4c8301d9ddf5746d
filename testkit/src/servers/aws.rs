//! AWS's door: what AWS does with a request before a service sees it, and moto does not.
//!
//! In: signed requests. A wrong signature is refused; on demand everything is throttled, or what holds a certain text is refused for ever. The rest goes to a moto
//! server behind the door, or, where moto has no such operation, is kept as OpsCenter keeps items. A door can be shut and opened again: moto, which keeps
//! nothing over a restart, lives on behind it, as AWS does.

mod signature;

use std::{
    collections::HashSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use axum::body::Body;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

pub use self::signature::{KEY_ID, SECRET, verify};
use super::{moto::REGION, url};
use crate::{
    certs::Identity,
    client,
    scratch::{Port, Scratch},
    serve::{Cut, Handler, Server, acceptor},
};

/// What is behind a door.
#[derive(Clone, Debug)]
pub enum Behind {
    /// A server at this address, such as moto.
    Server(String),
    /// OpsItems, each kept once by its deduplication string.
    OpsCenter,
}

/// A service of AWS's behind its door.
pub struct Door {
    shared: Arc<Shared>,
    server: Option<Server>,
    tls: Option<TlsAcceptor>,
    port: Port,
    folder: Scratch,
}

struct Shared {
    service: &'static str,
    behind: Behind,
    client: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    throttles: bool,
    refused: Option<String>,
    items: Vec<Value>,
    /// The deduplication strings of the items.
    strings: HashSet<String>,
}

impl fmt::Debug for Door {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Door").field("service", &self.shared.service).field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    /// Opens a door of a service, named as in signatures; with an identity it speaks TLS.
    pub async fn open(service: &'static str, behind: Behind, identity: Option<&Identity>) -> Result<Self> {
        let client = client::with(None)?;
        let shared = Arc::new(Shared { service, behind, client, state: Mutex::default() });
        let tls = identity.map(|identity| acceptor(identity, None)).transpose()?;
        let mut door = Self { shared, server: None, tls, port: Port::take()?, folder: Scratch::new("door")? };
        door.open_again().await?;
        Ok(door)
    }

    /// Shuts the door in the middle of everything.
    pub async fn shut(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Opens it again where it was.
    pub async fn open_again(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        let handler: Handler = Arc::new(move |request| Box::pin(handle(shared.clone(), request)));
        self.server = Some(Server::start(self.port.address(), self.tls.clone(), handler).await?);
        Ok(())
    }

    /// Where it is, without a slash at the end; with TLS the host is `localhost`.
    pub fn url(&self) -> String {
        url(self.tls.is_some(), self.port.number())
    }

    /// Writes a credentials file of AWS's with the right key id and this secret, and returns its path.
    pub fn credentials(&self, name: &str, secret: &str) -> Result<PathBuf> {
        self.folder.write(name, &format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret}\n"))
    }

    /// Throttles everything from now on, or nothing.
    pub fn throttle(&self, throttles: bool) {
        self.shared.lock().throttles = throttles;
    }

    /// Refuses requests that hold a text, in the clear or in a record's data.
    pub fn refuse(&self, text: &str) {
        self.shared.lock().refused = Some(text.to_owned());
    }

    /// The OpsItems that are there.
    pub fn items(&self) -> Vec<Value> {
        self.shared.lock().items.clone()
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    if let Err(wrong) = verify(head.method.as_str(), path, &head.headers, &body, shared.service, REGION) {
        let message = format!("The request signature we calculated does not match the signature you provided: {wrong}");
        return Ok(fault(&head.headers, StatusCode::FORBIDDEN, "SignatureDoesNotMatch", &message));
    }
    {
        let state = shared.lock();
        if state.throttles {
            return Ok(fault(&head.headers, StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded"));
        }
        if state.refused.as_ref().is_some_and(|text| holds(&body, text)) {
            return Ok(fault(&head.headers, StatusCode::BAD_REQUEST, "ValidationException", "1 validation error detected"));
        }
    }
    match &shared.behind {
        Behind::OpsCenter => Ok(keep(&shared, &head.headers, &body)),
        // What is behind has gone, for the client as if the door were shut.
        Behind::Server(url) => pass_on(&shared.client, &format!("{url}{path}"), head, body).await.map_err(|_| Cut),
    }
}

/// Whether a body holds a text, in the clear or in a record's data.
fn holds(body: &[u8], text: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len().max(1)).any(|window| window == text.as_bytes());
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut records = json["Records"].as_array().into_iter().flatten();
    holds(body)
        || records.any(|record| BASE64.decode(record["Data"].as_str().unwrap_or_default().as_bytes()).is_ok_and(|data| holds(&data)))
}

/// An error as the protocol of the request has it.
fn fault(request: &HeaderMap, status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let is_json = request.contains_key("x-amz-target");
    let body = if is_json {
        json!({"__type": code, "message": message}).to_string()
    } else {
        let message = message.replace('&', "&amp;").replace('<', "&lt;");
        format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
    };
    respond(status, Body::from(body))
}

fn respond(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Keeps an OpsItem, unless there is one with its deduplication string.
fn keep(shared: &Shared, request: &HeaderMap, body: &[u8]) -> Response<Body> {
    let Ok(item) = serde_json::from_slice::<Value>(body) else {
        return fault(request, StatusCode::BAD_REQUEST, "SerializationException", "no JSON");
    };
    let mut state = shared.lock();
    let string = item["OperationalData"]["/aws/dedup"]["Value"].as_str();
    if string.is_some_and(|string| !state.strings.insert(string.to_owned())) {
        return fault(request, StatusCode::BAD_REQUEST, "OpsItemAlreadyExistsException", "there is such an item");
    }
    state.items.push(item);
    respond(StatusCode::OK, Body::from(json!({"OpsItemId": format!("oi-{}", state.items.len())}).to_string()))
}

async fn pass_on(client: &reqwest::Client, url: &str, head: Parts, body: Bytes) -> Result<Response<Body>> {
    let mut headers = head.headers;
    headers.remove(header::HOST);
    let answer = client.request(head.method, url).headers(headers).body(body).send().await.context("nobody is behind the door")?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    *response.body_mut() = Body::from(answer.bytes().await?);
    Ok(response)
}
