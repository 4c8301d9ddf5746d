//! Google Cloud as receivers use it: who asks, and what the answers mean.
//!
//! In go the keys `endpoint`, `credentials_path` and `tls`; out come requests that carry a login, and answers sorted by Google's error model (AIP-193).
//!
//! Credentials are those of `credentials_path`, or the application default credentials (AIP-4110): the file `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's
//! own, the metadata server of the machine or of GKE. They are looked for with the first request, never while a receiver is built, and anew after they failed.
//! An address that is plain http is an emulator's and is sent none. No message holds a token or anything of a credentials file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use google_cloud_auth::credentials::{
    self, CacheableResource, Credentials, external_account, impersonated, service_account, service_account::AccessSpecifier, user_account,
};
use herald_common::{config::Located, small_file};
use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::{
    http::{self, Address, Answer},
    keys::Keys,
    sink::SendError,
    tls::Tls,
};

/// What a credentials file may say it is.
const TYPES: [&str; 4] = ["service_account", "external_account", "authorized_user", "impersonated_service_account"];

/// The keys of a receiver that say where an API is and who asks.
pub(crate) struct Access<'a> {
    /// The product's own address.
    pub(crate) api: &'static str,
    /// The OAuth scope asked for.
    pub(crate) scope: &'static str,
    pub(crate) endpoint: &'a Located<String>,
    pub(crate) credentials: Option<&'a Path>,
    pub(crate) tls: &'a Tls,
    pub(crate) timeout: Duration,
}

/// An API of Google Cloud.
pub(crate) struct Google {
    /// The API's address.
    pub(crate) base: Address,
    /// Nothing where nobody asks for one.
    login: Option<Login>,
}

struct Login {
    scope: &'static str,
    file: Option<PathBuf>,
    patience: Duration,
    found: Mutex<Option<Credentials>>,
}

impl Google {
    /// Reads the keys; what is wrong with them is among the findings.
    pub(crate) fn new(keys: &mut Keys<'_>, access: &Access<'_>) -> Option<Self> {
        let Access { api, scope, endpoint, credentials, tls, timeout } = access;
        let text = if endpoint.value.is_empty() { api } else { endpoint.value.as_str() };
        let url = keys.address("endpoint", text);
        if let Some(Err(reason)) = credentials.map(read) {
            keys.require(false, "credentials_path", &reason);
        }
        let is_emulator = url.as_ref().is_some_and(|url: &Url| url.scheme() == "http");
        if is_emulator {
            keys.unused("tls", "an http address is asked without TLS, give an https address");
            keys.unused("credentials_path", "an http address is taken for an emulator, which is sent no credentials");
        }
        let client = http::client(keys, tls, *timeout);
        // What is left of the attempt is enough to say so.
        let patience = keys.receiver.timeout_or(*timeout).mul_f32(0.8);
        let login = Login { scope, file: credentials.map(Path::to_owned), patience, found: Mutex::default() };
        Some(Self { base: Address::new(&client?, url?).hide_path(endpoint.hidden), login: (!is_emulator).then_some(login) })
    }

    /// Sends a request with the login and reads at most `limit` bytes of the answer, whatever it is.
    pub(crate) async fn call(&self, request: RequestBuilder, shown: &str, limit: usize) -> Result<Answer, SendError> {
        let request = match &self.login {
            Some(login) => request.headers(login.headers().await?),
            None => request,
        };
        let answer = Answer::to(request, shown, limit).await?;
        if let Some(login) = self.login.as_ref().filter(|_| answer.status == StatusCode::UNAUTHORIZED) {
            login.forget().await;
        }
        Ok(answer)
    }
}

impl Login {
    /// The headers that say who asks.
    async fn headers(&self) -> Result<HeaderMap, SendError> {
        let credentials = self.credentials().await?;
        let failed = match tokio::time::timeout(self.patience, credentials.headers(Default::default())).await {
            Ok(Ok(CacheableResource::New { data, .. })) => return Ok(data),
            Ok(Ok(CacheableResource::NotModified)) => "none was given".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("none within {:?}", self.patience),
        };
        self.forget().await;
        Err(SendError::outage(format!("no access token of Google: {}; {}", http::one_line(&failed), self.advice())))
    }

    /// The credentials, looked for where they are not known.
    async fn credentials(&self) -> Result<Credentials, SendError> {
        let mut found = self.found.lock().await;
        if let Some(credentials) = found.as_ref() {
            return Ok(credentials.clone());
        }
        let credentials = self.find().map_err(|reason| SendError::outage(format!("no credentials of Google: {reason}")))?;
        Ok(found.insert(credentials).clone())
    }

    fn find(&self) -> Result<Credentials, String> {
        let scopes = [self.scope];
        let built = match &self.file {
            None => credentials::Builder::default().with_scopes(scopes).build(),
            Some(path) => {
                let file = read(path).map_err(|reason| format!("credentials_path names a file {reason}"))?;
                match file["type"].as_str() {
                    Some("external_account") => external_account::Builder::new(file).with_scopes(scopes).build(),
                    Some("authorized_user") => user_account::Builder::new(file).with_scopes(scopes).build(),
                    Some("impersonated_service_account") => impersonated::Builder::new(file).with_scopes(scopes).build(),
                    _ => service_account::Builder::new(file).with_access_specifier(AccessSpecifier::from_scopes(scopes)).build(),
                }
            }
        };
        // The error's own words may repeat the file.
        built.map_err(|error| {
            let what = if error.is_missing_field() || error.is_parsing() { "it lacks fields of its type" } else { "it cannot be read" };
            format!("{what}; {}", self.advice())
        })
    }

    async fn forget(&self) {
        *self.found.lock().await = None;
    }

    fn advice(&self) -> &'static str {
        match self.file {
            Some(_) => "check the file of credentials_path",
            None => "check GOOGLE_APPLICATION_CREDENTIALS or the workload identity, or give credentials_path",
        }
    }
}

/// Reads a credentials file; what is wrong is a clause about it that holds nothing of it.
fn read(path: &Path) -> Result<Value, String> {
    let text =
        small_file::read_text(path).map_err(|error| format!("which cannot be read: {error}; name a credentials file that is there"))?;
    let file: Value = serde_json::from_str(&text).map_err(|_| format!("which holds no JSON; {ADVICE}"))?;
    match file["type"].as_str() {
        Some(type_) if TYPES.contains(&type_) => Ok(file),
        _ => Err(format!("whose type is none of {}; {ADVICE}", TYPES.join(", "))),
    }
}

const ADVICE: &str = "name a credentials file of Google Cloud";

/// What Google says of a request that it did not accept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    error: Fault,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault {
    message: String,
    status: String,
    details: Vec<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    /// Of `google.rpc.RetryInfo`: `3.5s`.
    retry_delay: Option<String>,
}

/// Takes 2xx for acceptance. What is the service's fault or asks for a pause, 409 (aborted), 429, 499 (cancelled) and 5xx, is an outage.
pub(crate) fn accepted(answer: &Answer, shown: &str) -> Result<(), SendError> {
    if answer.status.is_success() {
        return Ok(());
    }
    let fault = serde_json::from_slice::<Failure>(&answer.body).map(|failure| failure.error).unwrap_or_default();
    let said = match (fault.status.as_str(), fault.message.as_str()) {
        (_, "") => answer.said(),
        ("", message) => http::one_line(message),
        (status, message) => http::one_line(&format!("{status}: {message}")),
    };
    let after = answer.after.or_else(|| fault.details.iter().find_map(|detail| delay(detail.retry_delay.as_deref()?)));
    Err(match (answer.status.as_u16(), http::refusal(answer.status, after, &said, shown)) {
        (409 | 499 | 500.., SendError::Refused(refusal)) => SendError::Outage { reason: refusal.reason, after },
        (_, other) => other,
    })
}

/// Reads a duration of protobuf's JSON form: seconds with an `s`.
fn delay(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &'static str) -> Result<(), SendError> {
        let answer = Answer { status: StatusCode::from_u16(status).expect("a code"), after: None, body: body.into() };
        accepted(&answer, "http://h/")
    }

    #[test]
    fn what_is_the_services_fault_is_an_outage_and_what_is_the_events_is_permanent() {
        for status in [401, 403, 404, 409, 429, 499, 500, 503] {
            assert!(matches!(said(status, "{}"), Err(SendError::Outage { .. })), "{status}");
        }
        let bad = r#"{"error":{"code":400,"message":"The value is too long.\n(attribute)","status":"INVALID_ARGUMENT"}}"#;
        let reason = "http://h/ answered 400 Bad Request: INVALID_ARGUMENT: The value is too long.(attribute)";
        assert_eq!(said(400, bad), Err(SendError::permanent(reason.to_owned())));
        assert_eq!(said(200, ""), Ok(()));
    }

    #[test]
    fn a_pause_that_is_asked_for_is_honoured() {
        let busy = r#"{"error":{"message":"m","details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}"#;
        assert!(matches!(said(429, busy), Err(SendError::Outage { after: Some(after), .. }) if after == Duration::from_millis(1500)));
        assert_eq!(delay("-1s"), None);
        assert_eq!(delay("soon"), None);
    }

    #[test]
    fn nothing_of_a_credentials_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for text in ["hunter2", r#"{"type":"hunter2"}"#, "[]"] {
            let path = folder.path().join("key.json");
            std::fs::write(&path, text).expect("written");
            let reason = read(&path).expect_err("is none");
            assert!(!reason.contains("hunter2"), "{reason}");
        }
    }
}
