//! The HTTP side of the simulated API server: paths, queries and answers.
//!
//! In: requests. Out: answers as a Kubernetes API server gives them, or the faults that are in force. It decides nothing about objects
//! itself: reading and writing them is in `store`, `write` and `watch`.

use std::{collections::HashMap, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{
    admin,
    counters::Recorded,
    discovery,
    faults::{Asked, Trouble, WatchTrouble},
    kinds::Kind,
    object,
    selector::Selector,
    state::Shared,
    table, watch,
    write::{self, Failure},
};
use crate::serve::Cut;

const JSON: &str = "application/json";
/// The largest request body, bytes.
const BODY_LIMIT: usize = 8 << 20;

/// How objects are to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Full,
    Metadata,
    Table,
}

impl Format {
    /// What the `Accept` header asks for first and is served.
    fn accepted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        for range in accept.split(',') {
            let has = |wanted: &str| range.split(';').any(|part| part.trim() == wanted);
            if has("as=Table") && has("v=v1") && has(JSON) {
                return Self::Table;
            }
            if (has("as=PartialObjectMetadata") || has("as=PartialObjectMetadataList")) && has("v=v1") && has(JSON) {
                return Self::Metadata;
            }
            if has(JSON) || has("*/*") || has("application/*") {
                return Self::Full;
            }
        }
        Self::Full
    }
}

/// A request for objects.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) verb: &'static str,
    pub(super) kind: Arc<Kind>,
    /// Empty for all namespaces or none.
    pub(super) namespace: String,
    /// Empty when it is about a collection.
    pub(super) name: String,
    pub(super) subresource: String,
    pub(super) format: Format,
    query: HashMap<String, String>,
    content_type: String,
}

impl Call {
    /// A parameter of the query, empty when absent.
    pub(super) fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        is_true(self.query(name))
    }

    pub(super) fn selector(&self) -> Result<Selector, Failure> {
        Selector::parse(self.query("labelSelector"), self.query("fieldSelector")).map_err(Failure::bad_request)
    }

    /// What the keys of the collection's objects begin with.
    pub(super) fn prefix(&self) -> String {
        if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) }
    }
}

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "1")
}

/// Answers one request.
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().trim_end_matches('/').to_owned();
    match path.as_str() {
        "/healthz" | "/readyz" | "/livez" => return Ok(respond(StatusCode::OK, "text/plain", "ok")),
        _ => {}
    }
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await.map(http_body_util::Collected::to_bytes) else {
        return Err(Cut);
    };
    if path.starts_with("/_sim/") {
        return Ok(admin::handle(&shared, &head.method, &path, &body).await);
    }
    let user_agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_owned();
    let query: HashMap<String, String> = reqwest::Url::parse(&format!("http://simulated{}", head.uri))
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default();
    let mut record = Recorded {
        verb: "discovery".to_owned(),
        resource: String::new(),
        namespace: String::new(),
        name: String::new(),
        path: head.uri.to_string(),
        user_agent,
        metadata_only: false,
    };

    if discovery::is_path(&path) {
        shared.lock().counters.count(record, "");
        let asked = Asked { verb: "discovery", resource: "", namespace: "", name: "" };
        if let Some(answer) = met(&shared, asked).await? {
            return Ok(answer);
        }
        let state = shared.lock();
        return Ok(discovery::answer(&state.kinds, &path, &head.headers)
            .map_or_else(|| not_served(&path), |(content_type, found)| respond(StatusCode::OK, content_type, found.to_string())));
    }

    let Some(call) = route(&shared, &head, &path, query) else { return Ok(not_served(&path)) };
    let resource = call.kind.resource();
    record.verb = call.verb.to_owned();
    record.resource.clone_from(&resource);
    record.namespace.clone_from(&call.namespace);
    record.name.clone_from(&call.name);
    record.metadata_only = call.format == Format::Metadata;
    let asked = Asked { verb: call.verb, resource: &resource, namespace: &call.namespace, name: &call.name };
    let denied = {
        let mut state = shared.lock();
        let found = state.store.get(&resource, &object::key(&call.namespace, &call.name)).filter(|_| call.verb == "get");
        let uid = found.map(|found| object::meta(&object::decode(&found), "uid").to_owned()).unwrap_or_default();
        state.counters.count(record, &uid);
        state.faults.denies(asked)
    };
    if denied {
        return Ok(Failure::forbidden(&call).answer());
    }
    let mut watch_trouble = None;
    if let Some(trouble) = meet(&shared, asked) {
        match trouble {
            Trouble::Watch(trouble) => watch_trouble = Some(trouble),
            trouble => {
                if let Some(answer) = suffer(trouble).await? {
                    return Ok(answer);
                }
            }
        }
    }
    Ok(answer(&shared, call, watch_trouble, &body).unwrap_or_else(|failure| failure.answer()))
}

fn meet(shared: &Shared, asked: Asked<'_>) -> Option<Trouble> {
    shared.lock().faults.meet(asked)
}

/// The answer of the fault that the request meets, if that is not the right answer.
async fn met(shared: &Shared, asked: Asked<'_>) -> Result<Option<Response<Body>>, Cut> {
    match meet(shared, asked) {
        Some(trouble) => suffer(trouble).await,
        None => Ok(None),
    }
}

async fn suffer(trouble: Trouble) -> Result<Option<Response<Body>>, Cut> {
    match trouble {
        Trouble::Status { code, retry_after } => Ok(Some(Failure::scripted(code, retry_after).answer())),
        Trouble::Delay(milliseconds) => {
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
            Ok(None)
        }
        Trouble::Hang => std::future::pending().await,
        Trouble::Cut => Err(Cut),
        Trouble::Watch(_) => Ok(None),
    }
}

/// What the method and the path mean.
fn route(shared: &Shared, head: &http::request::Parts, path: &str, query: HashMap<String, String>) -> Option<Call> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let state = shared.lock();
    let kind = |plural: &str| state.kinds.at(group, version, plural);
    let (kind, namespace, rest) = match rest {
        ["namespaces", namespace, plural, rest @ ..] if kind(plural).is_some_and(|kind| kind.namespaced) => {
            (kind(plural)?, *namespace, rest)
        }
        [plural, rest @ ..] => (kind(plural)?, "", rest),
        [] => return None,
    };
    let (name, subresource) = match rest {
        [] => ("", ""),
        [name] => (*name, ""),
        [name, subresource] => (*name, *subresource),
        _ => return None,
    };
    if kind.namespaced && namespace.is_empty() && !name.is_empty() || !matches!(subresource, "" | "status") {
        return None;
    }
    let watches = query.get("watch").is_some_and(|value| is_true(value));
    let verb = match (&head.method, name.is_empty()) {
        (&Method::GET, true) if watches => "watch",
        (&Method::GET, true) => "list",
        (&Method::GET, false) => "get",
        (&Method::POST, true) => "create",
        (&Method::PUT, false) => "update",
        (&Method::PATCH, false) => "patch",
        (&Method::DELETE, false) => "delete",
        (&Method::DELETE, true) => "deletecollection",
        _ => return None,
    };
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Some(Call {
        verb,
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
        format: Format::accepted(&head.headers),
        query,
        content_type: content_type.split(';').next().unwrap_or_default().trim().to_owned(),
    })
}

fn answer(shared: &Arc<Shared>, call: Call, trouble: Option<WatchTrouble>, body: &Bytes) -> Result<Response<Body>, Failure> {
    let value = || serde_json::from_slice::<Value>(body).map_err(|error| Failure::bad_request(format!("the body is not JSON: {error}")));
    match call.verb {
        "list" => list(shared, &call),
        "watch" => watch::open(shared, call, trouble),
        "get" => {
            let found = shared.lock().store.get(&call.kind.resource(), &object::key(&call.namespace, &call.name));
            found.map(|found| show(&call, StatusCode::OK, &found)).ok_or_else(|| Failure::not_found(&call.kind, &call.name))
        }
        "create" => {
            let object = value()?;
            let created = shared.change(|state| write::create(state, &call.kind, &call.namespace, object))?;
            Ok(show(&call, StatusCode::CREATED, &created))
        }
        "update" => {
            let object = value()?;
            let updated = shared.change(|state| write::update(state, &call, object))?;
            Ok(show(&call, StatusCode::OK, &updated))
        }
        "patch" => {
            let applies = match call.content_type.as_str() {
                "application/apply-patch+yaml" => true,
                "application/merge-patch+json" | "application/strategic-merge-patch+json" => false,
                other => return Err(Failure::new(415, "UnsupportedMediaType", format!("patches of type {other:?} are not simulated"))),
            };
            let patch = value()?;
            let (created, patched) = shared.change(|state| write::patch(state, &call, &patch, applies))?;
            Ok(show(&call, if created { StatusCode::CREATED } else { StatusCode::OK }, &patched))
        }
        "delete" => {
            let options = if body.is_empty() { Value::Null } else { value()? };
            shared.change(|state| write::delete(state, &call.kind, &call.namespace, &call.name, &options))?;
            let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": {"name": call.name, "group": call.kind.group, "kind": call.kind.plural}});
            Ok(respond(StatusCode::OK, JSON, done.to_string()))
        }
        _ => {
            let selector = call.selector()?;
            shared.change(|state| write::delete_all(state, &call.kind, &call.prefix(), &selector));
            let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
            Ok(respond(StatusCode::OK, JSON, done.to_string()))
        }
    }
}

fn list(shared: &Shared, call: &Call) -> Result<Response<Body>, Failure> {
    let selector = call.selector()?;
    let limit = match call.query("limit") {
        "" => 0,
        limit => limit.parse().map_err(|_| Failure::bad_request(format!("limit is not a number: {limit:?}")))?,
    };
    let (token, resource) = (call.query("continue"), call.kind.resource());
    let page = if token.is_empty() {
        check_list_revision(shared, call)?;
        shared.lock().store.list(&resource, &call.prefix(), limit, |object| selector.selects(object))
    } else {
        let expired = "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.";
        shared.lock().store.list_on(token, limit).map_err(|_| Failure::new(410, "Expired", expired.to_owned()))?
    };
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if let Some(token) = &page.continue_token {
        metadata["continue"] = json!(token);
        if selector.is_empty() {
            metadata["remainingItemCount"] = json!(page.remaining);
        }
    }
    let body = match call.format {
        Format::Full => {
            let start = call.kind.json_start();
            let mut body = format!(
                "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
                call.kind.kind,
                call.kind.api_version()
            );
            body.reserve(page.items.iter().map(Bytes::len).sum());
            let mut body = body.into_bytes();
            for (index, item) in page.items.iter().enumerate() {
                if index > 0 {
                    body.push(b',');
                }
                object::push_item(&start, item, &mut body);
            }
            body.extend_from_slice(b"]}");
            body
        }
        Format::Metadata => {
            let items: Vec<Value> = page.items.iter().map(|item| object::metadata_only(&object::decode(item))).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items});
            list.to_string().into_bytes()
        }
        Format::Table => {
            let items: Vec<Value> = page.items.iter().map(|item| object::decode(item)).collect();
            table::render(&call.kind, &metadata, &items).to_string().into_bytes()
        }
    };
    Ok(respond(StatusCode::OK, JSON, body))
}

/// Refuses a list at a revision that cannot be served; what can be is served at the current one.
fn check_list_revision(shared: &Shared, call: &Call) -> Result<(), Failure> {
    let Some(revision) = watch::revision(call)? else { return Ok(()) };
    let state = shared.lock();
    let current = state.store.revision();
    if revision > current {
        return Err(Failure::new(504, "Timeout", format!("Too large resource version: {revision}, current: {current}")));
    }
    // Only the current revision can be listed exactly: others count as compacted.
    if call.query("resourceVersionMatch") == "Exact" && revision != current {
        return Err(Failure::expired(revision, current));
    }
    Ok(())
}

/// The answer that shows one object.
fn show(call: &Call, code: StatusCode, encoded: &Bytes) -> Response<Body> {
    respond(code, JSON, render(call.format, &call.kind, encoded))
}

/// The object in the format that was asked for.
pub(super) fn render(format: Format, kind: &Kind, encoded: &Bytes) -> Bytes {
    match format {
        Format::Full => encoded.clone(),
        Format::Metadata => object::metadata_only(&object::decode(encoded)).to_string().into(),
        Format::Table => {
            let object = object::decode(encoded);
            let metadata = json!({"resourceVersion": object::meta(&object, "resourceVersion")});
            table::render(kind, &metadata, &[object]).to_string().into()
        }
    }
}

/// An answer with a body.
pub(super) fn respond(code: StatusCode, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    if let Ok(content_type) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}

fn not_served(path: &str) -> Response<Body> {
    Failure::new(404, "NotFound", format!("the server could not find the requested resource: {path}")).answer()
}
