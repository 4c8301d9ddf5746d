//! The configuration file of an act. Pure.

use std::path::PathBuf;

use super::super::plan::Setting;

/// The cluster's name: not ASCII, as people's are.
pub(in super::super) const CLUSTER: &str = "chaos-\u{e9}t\u{e9}";
/// The variable with the path of the file receiver, another for each replica.
pub(super) const FILE_VARIABLE: &str = "HERALD_CHAOS_FILE";
/// Bytes that `small`'s stream holds: half a minute of usual events.
pub(super) const SMALL_BYTES: i64 = 5 << 19;

/// What the configuration depends on.
#[derive(Clone, Debug)]
pub(super) struct Conf {
    pub(super) setting: Setting,
    /// Addresses of the webhooks.
    pub(super) hook: String,
    pub(super) tls: String,
    pub(super) small: String,
    /// The authority of the TLS receiver.
    pub(super) authority: PathBuf,
    /// Whether a rule and some options are as after a reload.
    pub(super) changed: bool,
}

impl Conf {
    /// The file's text.
    pub(super) fn text(&self) -> String {
        let Self { setting, hook, tls, small, authority, changed } = self;
        let turns = *setting == Setting::Turns;
        let replicas = if *setting == Setting::Cluster { 3 } else { 1 };
        let (concurrency, rule) = if *changed { (2, "drop: [{reason: NeverSeen}], ") } else { (4, "") };
        let authority = authority.display();
        format!(
            "clusterName: \"{CLUSTER}\"\nlogFormat: json\nmaxEventAgeSeconds: 3600\nkubeQPS: 1000\nkubeBurst: 1000\ncacheSize: 64\n\
             lookupPatience: 20s\nshutdownGrace: 12s\nleaderElection: {{enabled: {turns}}}\n\
             route: {{routes: [{{{rule}match: [{{receiver: hook}}, {{receiver: tls}}, {{receiver: small}}, {{receiver: file}}]}}]}}\n\
             receivers:\n\
             - {{name: hook, timeout: 10s, concurrency: {concurrency}, webhook: {{endpoint: \"{hook}\"}}}}\n\
             - {{name: tls, timeout: 45s, webhook: {{endpoint: \"{tls}\", tls: {{caFile: \"{authority}\"}}}}}}\n\
             - {{name: small, webhook: {{endpoint: \"{small}\"}}}}\n\
             - {{name: file, file: {{path: \"${{{FILE_VARIABLE}}}\"}}}}\n\
             nats: {{replicas: {replicas}, ackWaitSeconds: 5, streams: {{raw: {{maxBytes: {MOST}}}, enriched: {{maxBytes: {MOST}}}, \
             out: {{maxBytes: {MOST}}}, dead: {{maxBytes: {LESS}}}, gap: {{maxBytes: {LESS}}}}}}}\n"
        )
    }
}

/// Bytes of a stream through which events pass: minutes of them, and all such streams fit on the small disk.
const MOST: i64 = 48 << 20;
/// Bytes of the other streams.
const LESS: i64 = 8 << 20;
