//! Logging in to a receiver: basic or bearer authentication (RFC 7617, RFC 6750), or a signature of each request.

use data_encoding::BASE64;
use futures_util::future::BoxFuture;
use herald_common::config::Secret;
use reqwest::{RequestBuilder, header::HeaderValue};

use crate::{keys::Keys, sink::SendError};

/// Signs each request, where no header is good for all.
pub(crate) trait Sign: Send + Sync {
    /// Signs a request that is complete.
    fn sign(&self, request: RequestBuilder) -> BoxFuture<'_, Result<RequestBuilder, SendError>>;

    /// Takes note that the server did not like a signature.
    fn refused(&self) -> BoxFuture<'_, ()>;
}

/// The credentials of a receiver, as configured.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a Secret,
    pub(crate) bearer: &'a Secret,
}

impl Login<'_> {
    /// The `Authorization` header they mean; none without credentials. What is wrong with them is among the findings.
    pub(crate) fn header(&self, keys: &mut Keys<'_>) -> Option<HeaderValue> {
        let bearer = self.bearer.expose();
        keys.beside("password", "username");
        if !bearer.is_empty() && !self.user.is_empty() {
            keys.error(keys.spec().problem_at("bearerToken", "username and bearerToken are both set, keep one of them".to_owned()));
        }
        let text = match (self.user.is_empty(), bearer.is_empty()) {
            (_, false) => format!("Bearer {bearer}"),
            (false, true) => format!("Basic {}", BASE64.encode(format!("{}:{}", self.user, self.password.expose()).as_bytes())),
            (true, true) => return None,
        };
        secret(&text, keys, if bearer.is_empty() { "username" } else { "bearerToken" })
    }
}

/// A header's value that no message shows; what no header can hold is an error about the key.
pub(crate) fn secret(text: &str, keys: &mut Keys<'_>, path: &str) -> Option<HeaderValue> {
    let Ok(mut value) = HeaderValue::from_str(text) else {
        keys.error(keys.spec().problem_at(path, "the value holds a line break or control character, remove it".to_owned()));
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
