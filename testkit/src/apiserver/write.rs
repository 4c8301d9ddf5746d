//! Writing objects, with the rules that clients rely on: names, UIDs, creation times, conflicts, finalizers.
//!
//! In: objects and patches. Out: what is stored, or a refusal as a `Status`. Objects are not validated beyond that, namespaces need not
//! exist, every kind of patch is a merge patch, and of
//! server-side apply there are only the conflicts.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    http::{Call, respond},
    kinds::Kind,
    object,
    selector::Selector,
    state::{State, limit_events},
};

/// A refusal.
#[derive(Debug)]
pub(super) struct Failure {
    code: u16,
    reason: String,
    message: String,
    details: Value,
    retry_after: Option<u64>,
}

impl Failure {
    pub(super) fn new(code: u16, reason: &str, message: String) -> Self {
        Self { code, reason: reason.to_owned(), message, details: json!({}), retry_after: None }
    }

    pub(super) fn bad_request(message: String) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn expired(revision: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {revision} ({oldest})"))
    }

    /// The answer of a fault script.
    pub(super) fn scripted(code: u16, retry_after: Option<u64>) -> Self {
        let reason = match code {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            429 => "TooManyRequests",
            500 => "InternalError",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "",
        };
        let mut failure = Self::new(code, reason, format!("scripted fault: {code}"));
        if let Some(seconds) = retry_after {
            failure.details = json!({"retryAfterSeconds": seconds});
        }
        failure.retry_after = retry_after;
        failure
    }

    pub(super) fn forbidden(call: &Call) -> Self {
        let Call { verb, kind, namespace, name, .. } = call;
        let scope = if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace \"{namespace}\"") };
        let subject = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let message = format!(
            "{}{subject} is forbidden: User \"simulated\" cannot {verb} resource \"{}\" in API group \"{}\" {scope}",
            kind.resource(),
            kind.plural,
            kind.group
        );
        Self { details: details(kind, name), ..Self::new(403, "Forbidden", message) }
    }

    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        Self { details: details(kind, name), ..Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.resource())) }
    }

    fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource());
        Self { details: details(kind, name), ..Self::new(409, "Conflict", message) }
    }

    /// The HTTP answer.
    pub(super) fn answer(&self) -> Response<Body> {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let status = object::status(self.code, &self.reason, &self.message, &self.details);
        let mut response = respond(code, "application/json", status.to_string());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn details(kind: &Kind, name: &str) -> Value {
    json!({"name": name, "group": kind.group, "kind": kind.plural})
}

const MODIFIED: &str = "the object has been modified; please apply your changes to the latest version and try again";

/// Creates an object that does not exist.
pub(super) fn create(state: &mut State, kind: &Kind, namespace: &str, mut object: Value) -> Result<Bytes, Failure> {
    if object::meta(&object, "name").is_empty() {
        let base = object::meta(&object, "generateName").to_owned();
        if base.is_empty() {
            return Err(Failure::new(
                422,
                "Invalid",
                format!("{} \"\" is invalid: metadata.name: Required value: name or generateName is required", kind.kind),
            ));
        }
        let suffix = rand::rng().random_range(0..0x10_0000);
        object::set_meta(&mut object, "name", &format!("{base}{suffix:05x}"));
    }
    let namespace = object_namespace(kind, namespace, &object)?;
    if kind.namespaced {
        object::set_meta(&mut object, "namespace", &namespace);
    }
    let name = object::meta(&object, "name").to_owned();
    let (resource, key) = (kind.resource(), object::key(&namespace, &name));
    if state.store.get(&resource, &key).is_some() {
        return Err(Failure {
            details: details(kind, &name),
            ..Failure::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists"))
        });
    }
    object::set_meta(&mut object, "uid", &object::new_uid());
    object::set_meta(&mut object, "creationTimestamp", &object::seconds(Timestamp::now()));
    let created = store(state, kind, &key, object);
    limit_events(state);
    Ok(created)
}

/// The namespace of an object that is written at a path, checked against its own.
fn object_namespace(kind: &Kind, path: &str, object: &Value) -> Result<String, Failure> {
    let own = object::meta(object, "namespace");
    match (kind.namespaced, path, own) {
        (false, ..) => Ok(String::new()),
        (true, "", "") => Err(Failure::bad_request("an empty namespace may not be set during creation".to_owned())),
        (true, path, "") => Ok(path.to_owned()),
        (true, "", own) => Ok(own.to_owned()),
        (true, path, own) if path == own => Ok(own.to_owned()),
        (true, path, own) => Err(Failure::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request: {own:?} and {path:?}"
        ))),
    }
}

/// Replaces an object.
pub(super) fn update(state: &mut State, call: &Call, object: Value) -> Result<Bytes, Failure> {
    let (current, encoded) = current(state, call)?;
    let replacement = if call.subresource == "status" {
        let mut replacement = current.clone();
        replacement["status"] = object["status"].clone();
        object::set_meta(&mut replacement, "resourceVersion", object::meta(&object, "resourceVersion"));
        replacement
    } else {
        object
    };
    replace(state, call, &current, encoded, replacement)
}

/// Patches an object, or creates it when the patch is applied; tells whether it created.
pub(super) fn patch(state: &mut State, call: &Call, patch: &Value, applies: bool) -> Result<(bool, Bytes), Failure> {
    let (resource, key) = (call.kind.resource(), object::key(&call.namespace, &call.name));
    let manager = format!("{} ({})", call.query("fieldManager"), if applies { "apply" } else { "update" });
    if applies && state.store.get(&resource, &key).is_none() {
        let mut object = patch.clone();
        if !object::meta(&object, "resourceVersion").is_empty() {
            return Err(Failure::conflict(&call.kind, &call.name, "the object does not exist, but a resourceVersion was given"));
        }
        object::set_meta(&mut object, "name", &call.name);
        let created = create(state, &call.kind, &call.namespace, object)?;
        state.owners.note(&resource, &key, &Value::Null, patch, &manager, true);
        return Ok((true, created));
    }
    let (current, encoded) = current(state, call)?;
    if applies && !call.flag("force") {
        let conflicts = state.owners.conflicts(&resource, &key, &current, patch, &manager);
        if let Some((field, owner)) = conflicts.first() {
            let message = format!("Apply failed with {} conflicts: conflict with \"{owner}\": {field}", conflicts.len());
            return Err(Failure { details: details(&call.kind, &call.name), ..Failure::new(409, "Conflict", message) });
        }
    }
    let mut replacement = current.clone();
    // A patch without a version is for whatever version there is.
    object::merge(&mut replacement, patch);
    let replaced = replace(state, call, &current, encoded, replacement)?;
    state.owners.note(&resource, &key, &current, patch, &manager, applies);
    Ok((false, replaced))
}

fn current(state: &State, call: &Call) -> Result<(Value, Bytes), Failure> {
    let encoded = state.store.get(&call.kind.resource(), &object::key(&call.namespace, &call.name));
    let encoded = encoded.ok_or_else(|| Failure::not_found(&call.kind, &call.name))?;
    Ok((object::decode(&encoded), encoded))
}

fn replace(state: &mut State, call: &Call, current: &Value, encoded: Bytes, mut replacement: Value) -> Result<Bytes, Failure> {
    let version = object::meta(current, "resourceVersion").to_owned();
    let given = object::meta(&replacement, "resourceVersion");
    if !given.is_empty() && given != version {
        return Err(Failure::conflict(&call.kind, &call.name, MODIFIED));
    }
    let uid = object::meta(&replacement, "uid");
    if !uid.is_empty() && uid != object::meta(current, "uid") {
        return Err(Failure::conflict(&call.kind, &call.name, "Precondition failed: the UID is another object's"));
    }
    for field in ["uid", "creationTimestamp", "name", "namespace", "deletionTimestamp"] {
        match current["metadata"][field].as_str() {
            Some(value) => object::set_meta(&mut replacement, field, value),
            None => _ = replacement["metadata"].as_object_mut().and_then(|metadata| metadata.remove(field)),
        }
    }
    object::set_meta(&mut replacement, "resourceVersion", &version);
    replacement["apiVersion"] = json!(call.kind.api_version());
    replacement["kind"] = json!(call.kind.kind);
    if &replacement == current {
        return Ok(encoded);
    }
    let key = object::key(&call.namespace, &call.name);
    if !object::meta(&replacement, "deletionTimestamp").is_empty() && !has_finalizers(&replacement) {
        store(state, &call.kind, &key, replacement);
        remove(state, &call.kind, &key);
        return Ok(encoded);
    }
    Ok(store(state, &call.kind, &key, replacement))
}

/// Deletes an object; one with finalizers stays, with its `deletionTimestamp` set, until they are gone.
pub(super) fn delete(state: &mut State, kind: &Kind, namespace: &str, name: &str, options: &Value) -> Result<(), Failure> {
    let key = object::key(namespace, name);
    let encoded = state.store.get(&kind.resource(), &key).ok_or_else(|| Failure::not_found(kind, name))?;
    let mut object = object::decode(&encoded);
    for field in ["uid", "resourceVersion"] {
        let wanted = options["preconditions"][field].as_str().unwrap_or_default();
        if !wanted.is_empty() && wanted != object::meta(&object, field) {
            return Err(Failure::conflict(kind, name, &format!("Precondition failed: {field} in precondition: {wanted}")));
        }
    }
    if !has_finalizers(&object) {
        remove(state, kind, &key);
    } else if object::meta(&object, "deletionTimestamp").is_empty() {
        object::set_meta(&mut object, "deletionTimestamp", &object::seconds(Timestamp::now()));
        store(state, kind, &key, object);
    }
    Ok(())
}

/// Deletes all selected objects.
pub(super) fn delete_all(state: &mut State, kind: &Kind, prefix: &str, selector: &Selector) {
    for encoded in state.store.all(&kind.resource(), prefix) {
        if selector.selects(&encoded) {
            let object = object::decode(&encoded);
            // It exists: the state is locked since it was listed.
            let _ = delete(state, kind, object::meta(&object, "namespace"), object::meta(&object, "name"), &Value::Null);
        }
    }
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}

/// Stores the object at the next revision.
pub(super) fn store(state: &mut State, kind: &Kind, key: &str, mut object: Value) -> Bytes {
    let change = state.store.put(&kind.resource(), key, |revision, out| {
        object::set_meta(&mut object, "resourceVersion", &revision.to_string());
        object::encode(kind, &object, out);
    });
    change.object()
}

/// Removes the object at the next revision; tells whether it was there.
pub(super) fn remove(state: &mut State, kind: &Kind, key: &str) -> bool {
    let encode = |last: &[u8], revision: u64, out: &mut Vec<u8>| {
        let mut object = object::decode(last);
        object::set_meta(&mut object, "resourceVersion", &revision.to_string());
        object::encode(kind, &object, out);
    };
    let resource = kind.resource();
    state.owners.forget(&resource, key);
    state.store.remove(&resource, key, encode).is_some()
}
