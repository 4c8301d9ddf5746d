//! The control of the simulated API server over HTTP, for programs other than the one it runs in.
//!
//! ```text
//! POST   /_sim/objects         an object, stored exactly as given
//! POST   /_sim/register        {"group","version","kind","plural","namespaced","shortNames"}
//! POST   /_sim/faults          {"verb","resource","namespace","name","times","probability","trouble": {"status": {"code","retryAfter"}}}
//! DELETE /_sim/faults          ends all faults
//! POST   /_sim/disturb         {"resource","trouble": "expired" | "silent" | "close" | "cut"}: what open watches meet
//! POST   /_sim/compact         forgets the history
//! POST   /_sim/generate        {"rate","total","objects","namespace","repeats","keep"}; answers when done
//! GET    /_sim/counters        {"requests": [[verb, resource, number]], "reads": [{…}]}
//! DELETE /_sim/counters        counts from 0 again
//! ```
//!
//! In: such requests. Out: what the functions of the same names in [`super::ApiServer`] do.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    counters::Counters,
    faults::{Fault, Faults, WatchTrouble},
    generate::{self, Generation},
    http::respond,
    kinds::Kind,
    state::{Shared, put_exact},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Registration {
    group: String,
    version: String,
    kind: String,
    plural: String,
    namespaced: bool,
    #[serde(default)]
    short_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disturbance {
    resource: String,
    trouble: WatchTrouble,
}

/// Answers one request to `/_sim/…`.
pub(super) async fn handle(shared: &Arc<Shared>, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    match act(shared, method, path, body).await {
        Ok(answer) => respond(StatusCode::OK, "application/json", answer.to_string()),
        Err((code, message)) => respond(code, "text/plain", message),
    }
}

async fn act(shared: &Arc<Shared>, method: &Method, path: &str, body: &[u8]) -> Result<Value, (StatusCode, String)> {
    match (method, path.trim_start_matches("/_sim/")) {
        (&Method::POST, "objects") => {
            let object = read(body)?;
            shared.change(|state| put_exact(state, object)).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        }
        (&Method::POST, "register") => {
            let Registration { group, version, kind, plural, namespaced, short_names } = read(body)?;
            shared.lock().kinds.register(Kind { group, version, kind, plural, namespaced, short_names });
        }
        (&Method::POST, "faults") => {
            let fault: Fault = read(body)?;
            shared.lock().faults.add(fault);
        }
        (&Method::DELETE, "faults") => shared.lock().faults = Faults::default(),
        (&Method::POST, "disturb") => {
            let Disturbance { resource, trouble } = read(body)?;
            shared.disturb(&resource, trouble);
        }
        (&Method::POST, "compact") => shared.lock().store.compact(),
        (&Method::POST, "generate") => {
            let plan: Generation = read(body)?;
            let made = generate::run(shared, &plan).await;
            return Ok(json!({"made": made.len(), "lastResourceVersion": made.last().map(|last| last.resource_version.to_string())}));
        }
        (&Method::GET, "counters") => {
            let state = shared.lock();
            let reads: Vec<Value> =
                state.counters.reads().iter().map(|(object, reads)| json!({"object": object, "reads": reads})).collect();
            return Ok(json!({"requests": state.counters.by_verb(), "reads": reads}));
        }
        (&Method::DELETE, "counters") => shared.lock().counters = Counters::default(),
        (method, what) => return Err((StatusCode::NOT_FOUND, format!("{method} /_sim/{what} is not known"))),
    }
    Ok(json!({}))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|error| (StatusCode::BAD_REQUEST, format!("could not read the body: {error}")))
}
