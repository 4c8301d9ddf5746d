//! A stand-in for BigQuery, written from its REST reference: data sets, load jobs by multipart upload, and tables that remember.
//!
//! In: HTTP or HTTPS requests. Out: answers with the error texts of the real one, and the rows. A job loads all of its rows or none, has the name it was given for
//! ever, and is not done when it is asked about for the first time. A column has the type of its first value. Of the bad rows of a job the first is named by its place,
//! unless the table is told to name none. It looks at a token's claims, not at its signature.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use axum::body::Body;
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use super::{Certificates, url};
use crate::{
    scratch::Port,
    serve::{Cut, Handler, Server, acceptor, broken_body},
};

/// The project of everything.
pub const PROJECT: &str = "project";
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

/// How a table treats its next jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Jobs fail because of a quota.
    Throttled,
    /// Bad rows are not named.
    Silent,
    /// The next job is begun, and its answer lost.
    Lossy,
}

#[derive(Default)]
struct State {
    datasets: BTreeSet<String>,
    tables: BTreeMap<String, Table>,
    /// A job's status, and how often it has been asked for.
    jobs: BTreeMap<String, (Value, u32)>,
    moods: BTreeMap<String, Mood>,
}

#[derive(Default)]
struct Table {
    columns: BTreeMap<String, &'static str>,
    rows: Vec<Value>,
}

/// A running stand-in. It ends when it is dropped.
pub struct BigQuery {
    state: Arc<Mutex<State>>,
    tls: Option<TlsAcceptor>,
    port: Port,
    server: Option<Server>,
}

impl fmt::Debug for BigQuery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("BigQuery").field("address", &self.port.address()).finish_non_exhaustive()
    }
}

impl BigQuery {
    /// Starts it; with certificates it speaks HTTPS with clients that have one, and asks for tokens.
    pub async fn start(secure: Option<&Certificates>) -> Result<Self> {
        let tls = secure.map(|secure| acceptor(&secure.server, Some(&secure.authority))).transpose()?;
        let mut this = Self { state: Arc::default(), tls, port: Port::take()?, server: None };
        this.start_again().await?;
        Ok(this)
    }

    /// Goes away: connections are closed, new ones refused.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Comes back where it was, with what it had.
    pub async fn start_again(&mut self) -> Result<()> {
        if self.server.is_none() {
            let (state, asks) = (self.state.clone(), self.tls.is_some());
            let handler: Handler = Arc::new(move |request| {
                let state = state.clone();
                Box::pin(async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
                    Ok(answer(&state, asks, &Request::from_parts(head, body)))
                })
            });
            self.server = Some(Server::start(self.address(), self.tls.clone(), handler).await?);
        }
        Ok(())
    }

    /// Its address.
    pub fn url(&self) -> String {
        url(self.tls.is_some(), self.port.number())
    }

    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Lets a table treat its jobs so, or as usual.
    pub fn set_mood(&self, table: &str, mood: Option<Mood>) {
        let moods = &mut lock(&self.state).moods;
        match mood {
            Some(mood) => drop(moods.insert(table.to_owned(), mood)),
            None => drop(moods.remove(table)),
        }
    }

    /// Gives a table a column, named by its path: `.count`.
    pub fn add_column(&self, table: &str, path: &str, type_: &'static str) {
        lock(&self.state).tables.entry(table.to_owned()).or_default().columns.insert(path.to_owned(), type_);
    }

    /// A table's rows.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        lock(&self.state).tables.get(table).map(|table| table.rows.clone()).unwrap_or_default()
    }

    /// How many jobs there have been.
    pub fn number_of_jobs(&self) -> usize {
        lock(&self.state).jobs.len()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is wrong with a request.
struct Refusal(StatusCode, &'static str, String);

fn answer(state: &Mutex<State>, asks_for_token: bool, request: &Request<Bytes>) -> Response<Body> {
    let said = if asks_for_token && !is_allowed(request.headers()) {
        Err(Refusal(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "Request had invalid authentication credentials.".to_owned()))
    } else {
        serve(&mut lock(state), request)
    };
    let (status, body) = match said {
        Ok(Some(body)) => (StatusCode::OK, body),
        Ok(None) => return Response::new(broken_body("{\"kind\":")),
        Err(Refusal(status, name, message)) => {
            (status, json!({"error": {"code": status.as_u16(), "message": message, "status": name, "errors": []}}))
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Whether there is a token a service account has signed for itself (AIP-4111), for the scope.
fn is_allowed(headers: &HeaderMap) -> bool {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let claims = token.and_then(|token| token.split('.').nth(1)).and_then(|claims| BASE64URL_NOPAD.decode(claims.as_bytes()).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    claims.is_some_and(|claims| claims["scope"] == SCOPE && claims["iss"] == "herald@project.iam.gserviceaccount.com")
}

/// Nothing is an answer that gets lost.
fn serve(state: &mut State, request: &Request<Bytes>) -> Result<Option<Value>, Refusal> {
    let not_found = |message: String| Refusal(StatusCode::NOT_FOUND, "NOT_FOUND", message);
    let path: Vec<&str> = request.uri().path().trim_start_matches('/').split('/').collect();
    match (request.method(), path.as_slice()) {
        (&Method::GET, ["bigquery", "v2", "projects", PROJECT, "datasets", name]) => match state.datasets.contains(*name) {
            true => Ok(Some(json!({"kind": "bigquery#dataset"}))),
            false => Err(not_found(format!("Not found: Dataset {PROJECT}:{name}"))),
        },
        (&Method::POST, ["bigquery", "v2", "projects", PROJECT, "datasets"]) => {
            let body: Value = serde_json::from_slice(request.body()).map_err(|error| invalid(&error.to_string()))?;
            let name = body["datasetReference"]["datasetId"].as_str().unwrap_or_default().to_owned();
            match state.datasets.insert(name.clone()) {
                true => Ok(Some(json!({"kind": "bigquery#dataset"}))),
                false => Err(Refusal(StatusCode::CONFLICT, "ALREADY_EXISTS", format!("Already Exists: Dataset {PROJECT}:{name}"))),
            }
        }
        (&Method::GET, ["bigquery", "v2", "projects", PROJECT, "jobs", id]) => match state.jobs.get_mut(*id) {
            Some((status, asked)) => {
                *asked += 1;
                let running = json!({"state": "RUNNING"});
                Ok(Some(json!({"kind": "bigquery#job", "status": if *asked > 1 { &*status } else { &running }})))
            }
            None => Err(not_found(format!("Not found: Job {PROJECT}:US.{id}"))),
        },
        (&Method::POST, ["upload", "bigquery", "v2", "projects", PROJECT, "jobs"])
            if request.uri().query() == Some("uploadType=multipart") =>
        {
            insert(state, request)
        }
        _ => Err(not_found("no such method".to_owned())),
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message.to_owned())
}

/// Begins a job, and ends it at once.
fn insert(state: &mut State, request: &Request<Bytes>) -> Result<Option<Value>, Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = content_type.strip_prefix("multipart/related; boundary=").ok_or_else(|| invalid("no multipart/related"))?;
    let text = std::str::from_utf8(request.body()).map_err(|error| invalid(&error.to_string()))?;
    let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
    let [_, job, rows, "--\r\n"] = parts[..] else { return Err(invalid("not two parts")) };
    let content = |part: &str| part.split_once("\r\n\r\n").and_then(|(_, content)| content.strip_suffix("\r\n").map(str::to_owned));
    let (Some(job), Some(rows)) = (content(job), content(rows)) else { return Err(invalid("a part without content")) };
    let job: Value = serde_json::from_str(&job).map_err(|error| invalid(&error.to_string()))?;
    let (load, id) = (&job["configuration"]["load"], job["jobReference"]["jobId"].as_str().unwrap_or_default());
    let wanted = json!({
        "destinationTable": load["destinationTable"], "sourceFormat": "NEWLINE_DELIMITED_JSON", "autodetect": true,
        "schemaUpdateOptions": ["ALLOW_FIELD_ADDITION"], "createDisposition": "CREATE_IF_NEEDED", "writeDisposition": "WRITE_APPEND",
    });
    let (dataset, table) = (&load["destinationTable"]["datasetId"], load["destinationTable"]["tableId"].as_str().unwrap_or_default());
    if *load != wanted || id.is_empty() || id.len() > 1_024 {
        return Err(invalid(&format!("an odd load job: {job}")));
    }
    if !state.datasets.contains(dataset.as_str().unwrap_or_default()) {
        return Err(Refusal(StatusCode::NOT_FOUND, "NOT_FOUND", format!("Not found: Dataset {PROJECT}:{dataset}")));
    }
    if state.jobs.contains_key(id) {
        return Err(Refusal(StatusCode::CONFLICT, "ALREADY_EXISTS", format!("Already Exists: Job {PROJECT}:US.{id}")));
    }
    let mood = state.moods.get(table).copied();
    let status = if mood == Some(Mood::Throttled) {
        let fault =
            json!({"reason": "rateLimitExceeded", "message": "Exceeded rate limits: too many table update operations for this table."});
        json!({"state": "DONE", "errorResult": fault, "errors": [fault]})
    } else {
        state.tables.entry(table.to_owned()).or_default().load(&rows, mood == Some(Mood::Silent))
    };
    state.jobs.insert(id.to_owned(), (status, 0));
    if mood == Some(Mood::Lossy) {
        state.moods.remove(table);
        return Ok(None);
    }
    Ok(Some(json!({"kind": "bigquery#job", "status": {"state": "PENDING"}})))
}

impl Table {
    /// Loads all rows or none; returns the job's status.
    fn load(&mut self, text: &str, names_none: bool) -> Value {
        let (mut columns, mut rows, mut place) = (self.columns.clone(), Vec::new(), 0);
        for line in text.split_inclusive('\n') {
            let row: Result<Value, _> = serde_json::from_str(line);
            let row = row.map_err(|error| error.to_string()).and_then(|row| learn(&mut columns, "", &row).map(|()| row));
            match row {
                Ok(row) => rows.push(row),
                Err(reason) => {
                    let said = |message: String| json!({"reason": "invalid", "message": format!("Error while reading data, error message: {message}")});
                    let all = said("JSON table encountered too many errors, giving up. Rows: 1; errors: 1.".to_owned());
                    let one =
                        said(if names_none { reason } else { format!("JSON parsing error in row starting at position {place}: {reason}") });
                    return json!({"state": "DONE", "errorResult": all, "errors": [all, one]});
                }
            }
            place += line.len();
        }
        self.columns = columns;
        self.rows.extend(rows);
        json!({"state": "DONE"})
    }
}

/// Finds the columns of a value, whose types are those that the same columns have already.
fn learn(columns: &mut BTreeMap<String, &'static str>, path: &str, value: &Value) -> Result<(), String> {
    let type_ = match value {
        Value::Null => return Err(format!("Only optional fields can be set to NULL. Field: {path}")),
        Value::Bool(_) => "BOOLEAN",
        Value::Number(_) => "FLOAT",
        Value::String(_) => "STRING",
        Value::Array(items) => return items.iter().try_for_each(|item| learn(columns, &format!("{path}[]"), item)),
        Value::Object(map) if map.is_empty() => return Err(format!("Unsupported empty struct type for field '{path}'")),
        Value::Object(map) => {
            for (name, value) in map {
                let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(char::is_numeric);
                if !is_name || name.chars().count() > 300 {
                    return Err(format!("Invalid field name \"{name}\"."));
                }
                learn(columns, &format!("{path}.{}", name.to_lowercase()), value)?;
            }
            "RECORD"
        }
    };
    match columns.entry(path.to_owned()).or_insert(type_) {
        known if *known == type_ => Ok(()),
        known => Err(format!("Could not convert value to {known}. Field: {path}; Value: {value}")),
    }
}
