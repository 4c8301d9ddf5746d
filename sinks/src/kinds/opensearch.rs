//! `opensearch`: documents in an index or data stream (OpenSearch `_bulk` API).
//!
//! The same as [`super::elasticsearch`], with the keys that OpenSearch's users have. With `aws` requests are signed, for Amazon OpenSearch Service and
//! OpenSearch Serverless.

use std::collections::BTreeMap;

use herald_common::config::{Located, Secret};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use super::elasticsearch::{Cluster, DEFAULTS, Signing, addresses, index};
#[cfg(feature = "aws")]
use crate::aws::{Signer, SigningKeys};
use crate::{
    bulk::Documents,
    http::{self, Compression, Headers, Login},
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey, TextKey},
    tls::Tls,
};

/// The keys of `opensearch`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Addresses of the servers; of several the next is taken when one is not there.
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<Located<String>>,
    /// User for basic authentication.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// Token for bearer authentication.
    pub bearer_token: Secret,
    /// Signs requests for Amazon OpenSearch Service or OpenSearch Serverless.
    #[cfg(feature = "aws")]
    aws: Option<SigningKeys>,
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
    /// Mapping type, for servers before version 2.
    #[serde(rename = "type")]
    pub type_: String,
    /// How the request's body is compressed.
    compression: Compression,
    /// TLS settings.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("hosts", "name the servers' addresses");
    let nodes = keys.addresses("hosts");
    let authorization = Login { user: &config.username, password: &config.password, bearer: &config.bearer_token }.header(keys);
    let signing = signing(keys, &config, &nodes, authorization.is_some());
    let documents = Documents {
        index: index(keys, &config.index, &config.index_format.value, &config.index_timezone.value),
        type_: config.type_.clone(),
        use_event_id: config.use_event_id,
        data_stream: config.data_stream,
        without_ids: signing.as_ref().is_some_and(|signing| signing.without_ids),
    };
    let headers = Headers::new(&config.headers, keys);
    let client = http::client(keys, &config.tls, DEFAULTS.timeout);
    let body = Body::new(keys, config.de_dot);
    let nodes = addresses(&client?, nodes, &config.hosts);
    let cluster = Cluster::new(nodes, headers, authorization, documents, config.compression, signing)?;
    Some(Built { sink: Box::new(cluster), defaults: DEFAULTS, body })
}

/// How requests are signed, if they are.
#[cfg(feature = "aws")]
fn signing(keys: &mut Keys<'_>, config: &Config, nodes: &[Url], logs_in: bool) -> Option<Signing> {
    let aws = config.aws.as_ref()?;
    keys.require(!logs_in, "aws", "expected no username or bearerToken beside it");
    keys.require(!(aws.time_series && config.use_event_id), "aws.timeSeries", "which takes no ids: expected no useEventID");
    let signer = Signer::new(keys, aws, nodes);
    Some(Signing { has_root: !signer.is_serverless(), without_ids: aws.time_series, signer: Box::new(signer) })
}

#[cfg(not(feature = "aws"))]
fn signing(keys: &mut Keys<'_>, _: &Config, _: &[Url], _: bool) -> Option<Signing> {
    if keys.spec().get("aws").is_some() {
        let message = "this program cannot sign requests, it was built without the cargo feature aws; take the published one, or build with --features aws";
        keys.error(keys.spec().problem_at("aws", message.to_owned()));
    }
    None
}
