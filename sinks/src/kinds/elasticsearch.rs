//! `elasticsearch`: documents in an index or data stream (Elasticsearch `_bulk` API, all versions).
//!
//! What is written and what the answers mean is in [`crate::bulk`]. Of several hosts the next is taken when one is not there.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::future::BoxFuture;
use herald_common::config::{Located, Secret};
use herald_template::go::time::Location;
use reqwest::{
    Client, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    bulk::{self, Documents, Index},
    http::{self, Address, Compression, Headers, Login, Sign},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey, Secrecy, TextKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `elasticsearch`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Addresses of the servers; of several the next is taken when one is not there.
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<Located<String>>,
    /// Elastic Cloud's id of the deployment, instead of `hosts`.
    #[serde(rename = "cloudID")]
    #[schemars(with = "String")]
    pub cloud_id: Located<String>,
    /// User for basic authentication.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// API key as the server encodes it; goes before user and password.
    pub api_key: Secret,
    /// Token for bearer authentication.
    pub bearer_token: Secret,
    /// More headers, each a template.
    headers: BTreeMap<String, TextKey>,
    /// Whether a recurring event is one document, its id the event's UID, that keeps its newest version.
    #[serde(rename = "useEventID")]
    pub use_event_id: bool,
    /// Whether `index` is a data stream.
    pub data_stream: bool,
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
    /// Name of the index, a template.
    index: TextKey,
    /// Name of the index with a time layout of Go's in braces: `kube-events-{2006-01-02}`; goes before `index`.
    #[schemars(with = "String")]
    pub index_format: Located<String>,
    /// Time zone of `indexFormat`; UTC when it is not set.
    #[schemars(with = "String")]
    pub index_timezone: Located<String>,
    /// Mapping type, for servers before version 7.
    #[serde(rename = "type")]
    pub type_: String,
    /// How the request's body is compressed.
    compression: Compression,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

pub(super) const DEFAULTS: Defaults =
    Defaults { batch: 500, max_batch: 10_000, max_bytes: 8 << 20, concurrency: 2, timeout: Duration::from_secs(30), summarises: false };

/// A cluster's nodes, and what is sent to them.
pub(super) struct Cluster {
    nodes: Vec<Address>,
    /// Each node's `_bulk`.
    bulk: Vec<Address>,
    /// The node that answered last.
    current: AtomicUsize,
    headers: Headers,
    authorization: Option<HeaderValue>,
    documents: Documents,
    compression: Compression,
    signing: Option<Signing>,
}

/// How requests are signed, and what else is different where they are.
pub(super) struct Signing {
    pub(super) signer: Box<dyn Sign>,
    /// Whether `GET /` tells of the server.
    pub(super) has_root: bool,
    /// Whether the server takes no ids for documents.
    pub(super) without_ids: bool,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    let cloud = config.cloud_id.value.as_str();
    if cloud.is_empty() {
        keys.required("hosts", "name the servers' addresses, or give cloudID");
    } else if !config.hosts.is_empty() {
        keys.error(config.cloud_id.problem("hosts and cloudID are both set, keep one of them".to_owned()));
    }
    let mut nodes = keys.addresses("hosts");
    if !cloud.is_empty() {
        match self::cloud(cloud).and_then(|address| Url::parse(&address).ok()) {
            Some(address) => nodes.push(address),
            None => keys.error(config.cloud_id.problem("this is no Elastic Cloud id, copy it from the deployment's page".to_owned())),
        }
    }
    let api_key = config.api_key.expose();
    let authorization = if api_key.is_empty() {
        Login { user: &config.username, password: &config.password, bearer: &config.bearer_token }.header(keys)
    } else {
        http::secret(&format!("APIKey {api_key}"), keys, "apiKey")
    };
    let documents = Documents {
        index: index(keys, &config.index, &config.index_format.value, &config.index_timezone.value),
        type_: config.type_,
        use_event_id: config.use_event_id,
        data_stream: config.data_stream,
        without_ids: false,
    };
    let headers = Headers::new(&config.headers, keys);
    let client = http::client(keys, &config.tls, DEFAULTS.timeout);
    let body = Body::new(keys, config.de_dot);
    let nodes = addresses(&client?, nodes, &config.hosts);
    let cluster = Cluster::new(nodes, headers, authorization, documents, config.compression, None)?;
    Some(Built { sink: Box::new(cluster), defaults: DEFAULTS, body })
}

/// The nodes' addresses; where a variable fills one, no path is shown.
pub(super) fn addresses(client: &Client, nodes: Vec<Url>, hosts: &[Located<String>]) -> Vec<Address> {
    let is_secret = hosts.iter().any(|host| host.hidden);
    nodes.into_iter().map(|node| Address::new(client, node).hide_path(is_secret)).collect()
}

/// The index that the keys name.
pub(super) fn index(keys: &mut Keys<'_>, name: &TextKey, format: &str, zone: &str) -> Index {
    if name.0.value.is_empty() && format.is_empty() {
        keys.error(keys.spec().problem("index is missing, name it, or give indexFormat".to_owned()));
    }
    let is_format = format.contains('{') == format.contains('}');
    keys.require(is_format, "indexFormat", "expected a time in braces, for example kube-events-{2006-01-02}");
    let location = if zone.is_empty() { Ok(Location::Utc) } else { Location::load(zone.as_bytes()) };
    keys.require(location.is_ok(), "indexTimezone", "expected the name of a time zone, for example Europe/Berlin");
    let name = keys.text(name, Secrecy::Public);
    if format.is_empty() { Index::Name(name) } else { Index::dated(format, location.unwrap_or(Location::Utc)) }
}

/// The address in an Elastic Cloud id: `name:base64(domain$elasticsearch$kibana)`.
fn cloud(id: &str) -> Option<String> {
    let decoded = BASE64.decode(id.rsplit(':').next()?.as_bytes()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let mut parts = decoded.split('$');
    let (domain, server) = (parts.next().filter(|domain| !domain.is_empty())?, parts.next()?);
    let (domain, port) = domain.split_once(':').unwrap_or((domain, "443"));
    let host = if server.is_empty() { domain.to_owned() } else { format!("{server}.{domain}") };
    Some(format!("https://{host}:{port}"))
}

impl Sink for Cluster {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async {
            let headers = self.authorization.iter().map(|value| (AUTHORIZATION, value.clone())).collect();
            let can_be_asked = self.signing.as_ref().is_none_or(|signing| signing.has_root);
            if can_be_asked { bulk::check(&self.nodes[0], headers, self.signer()).await } else { Ok(()) }
        })
    }

    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        self.documents.encode(std::slice::from_ref(item)).map(Bytes::from)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let Some(first) = batch.first() else { return Ok(()) };
            let headers = self.headers(first).map_err(SendError::Refused)?;
            let body = self.documents.encode(batch).map_err(SendError::Refused)?;
            let at = self.current.load(Ordering::Relaxed);
            let sent = bulk::send(&self.bulk[at % self.bulk.len()], headers, self.compression, body, self.signer()).await;
            if matches!(sent, Err(SendError::Outage { .. })) {
                // The core tries again, at the next node.
                let _ = self.current.compare_exchange(at, at.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed);
            }
            sent
        })
    }
}

impl Cluster {
    /// Nothing without a node.
    pub(super) fn new(
        nodes: Vec<Address>,
        headers: Headers,
        authorization: Option<HeaderValue>,
        documents: Documents,
        compression: Compression,
        signing: Option<Signing>,
    ) -> Option<Self> {
        let bulk = nodes.iter().map(bulk::address).collect();
        let current = AtomicUsize::new(0);
        (!nodes.is_empty()).then_some(Self { nodes, bulk, current, headers, authorization, documents, compression, signing })
    }

    fn signer(&self) -> Option<&dyn Sign> {
        self.signing.as_ref().map(|signing| &*signing.signer)
    }

    fn headers(&self, item: &Item) -> Result<HeaderMap, Refusal> {
        let mut headers = self.headers.render(item)?;
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(headers)
    }
}
