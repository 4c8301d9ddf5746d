//! Where a receiver is, and how that may be shown.
//!
//! In goes the address as configured; out come request builders and the errors of a bad one. User information, query and fragment may be secrets and are
//! never shown; of an address that is a secret as a whole, only scheme and host are.

use reqwest::{Client, RequestBuilder, Url};

/// An address and the client that speaks to it.
#[derive(Clone)]
pub(crate) struct Address {
    client: Client,
    url: Url,
    hides_path: bool,
    shown: String,
}

impl Address {
    pub(crate) fn new(client: &Client, url: Url) -> Self {
        Self { client: client.clone(), shown: shown(&url, false), hides_path: false, url }
    }

    /// Shows no path from now on, if it `is_secret`: what a variable fills may be one.
    pub(crate) fn hide_path(mut self, is_secret: bool) -> Self {
        self.hides_path |= is_secret;
        self.shown = shown(&self.url, self.hides_path);
        self
    }

    /// The address below this one, its segments encoded.
    pub(crate) fn below(&self, segments: &[&str]) -> Self {
        let mut below = self.clone();
        if let Ok(mut path) = below.url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        below.shown = shown(&below.url, below.hides_path);
        below
    }

    /// This address with a query.
    pub(crate) fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    pub(crate) fn post(&self) -> RequestBuilder {
        self.client.post(self.url.clone())
    }

    #[cfg(feature = "gcp")]
    pub(crate) fn put(&self) -> RequestBuilder {
        self.client.put(self.url.clone())
    }

    pub(crate) fn get(&self) -> RequestBuilder {
        self.client.get(self.url.clone())
    }

    /// The address without what may be secret.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

/// Scheme, host, port, and the path unless it is hidden.
fn shown(url: &Url, hides_path: bool) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if hides_path { "/***" } else { url.path() };
    format!("{}://{}{port}{path}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Address::new(&Client::new(), Url::parse(url).expect("an address"))
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let address = address("https://user:hunter2@h:8443/a/b?token=hunter2#x");
        assert_eq!(address.shown(), "https://h:8443/a/b");
        assert_eq!(address.clone().hide_path(false).shown(), "https://h:8443/a/b");
        let hidden = address.hide_path(true);
        assert_eq!((hidden.shown(), hidden.below(&["c"]).shown()), ("https://h:8443/***", "https://h:8443/***"));
    }

    #[test]
    fn segments_are_encoded() {
        assert_eq!(address("http://h/es/").below(&["a b", "ü/x"]).shown(), "http://h/es/a%20b/%C3%BC%2Fx");
        assert_eq!(address("http://h").below(&["_bulk"]).shown(), "http://h/_bulk");
    }
}
