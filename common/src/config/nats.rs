//! The `nats:` section: where NATS is, how to log in, how streams are kept. Every key has a default.

mod outside;

use std::{fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Findings, Node, Secret};

/// How to reach NATS and how to keep the streams there.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Nats {
    /// The file this section was read from, to read the login again for each new connection; none when it comes from elsewhere.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// One server, `nats://host:4222` or `tls://host:4222`; several may be separated by commas. It may hold a login: `nats://user:password@host`.
    pub url: Option<String>,
    /// Several servers of one cluster.
    pub urls: Vec<String>,
    /// First token of every subject and, in capitals, of every stream.
    pub prefix: String,
    /// Where answers are received: `_INBOX.<prefix>.<user>`, or the stage's name without a user, when left out.
    pub inbox_prefix: Option<String>,
    /// User name for user and password login.
    pub user: Option<String>,
    /// Password for user and password login.
    pub password: Option<Secret>,
    /// Token login.
    pub token: Option<Secret>,
    /// NKey login: the seed (`SU…`).
    pub nkey: Option<Secret>,
    /// JWT login: path of a `.creds` file.
    pub credentials: Option<PathBuf>,
    /// TLS settings; a `tls://` address alone uses the system's roots.
    pub tls: Tls,
    /// Copies of each stream, 1 or 3 (5 is possible).
    pub replicas: usize,
    /// Where streams are kept.
    pub storage: Storage,
    /// How long nats-server remembers message ids, in seconds; about 290 bytes of its memory for each id.
    pub duplicate_window_seconds: u64,
    /// How long a stage may hold a message before it is handed out again, in seconds; must stay well below the duplicate window.
    pub ack_wait_seconds: u64,
    /// Limits of the streams.
    pub streams: Streams,
    /// Encodings of the payloads.
    pub encoding: Encodings,
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            file: None,
            url: None,
            urls: Vec::new(),
            prefix: "herald".to_owned(),
            inbox_prefix: None,
            user: None,
            password: None,
            token: None,
            nkey: None,
            credentials: None,
            tls: Tls::default(),
            replicas: 1,
            storage: Storage::File,
            duplicate_window_seconds: 120,
            ack_wait_seconds: 30,
            streams: Streams::default(),
            encoding: Encodings::default(),
        }
    }
}

/// An address may hold a login, so none is printed.
impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Nats {
    /// Returns this section with the logins that its file holds now; as it is when the file cannot be used.
    #[must_use]
    pub fn read_again(&self) -> Self {
        let found = self.file.as_ref().and_then(|file| super::Config::load(file).ok()).map(|loaded| loaded.config.nats);
        let Some(Self { user, password, token, nkey, credentials, .. }) = found else { return self.clone() };
        Self { user, password, token, nkey, credentials, ..self.clone() }
    }

    /// Returns every configured server, `nats://127.0.0.1:4222` when there is none.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let mut servers: Vec<String> = self
            .url
            .iter()
            .chain(&self.urls)
            .flat_map(|urls| urls.split(','))
            .map(|url| url.trim().to_owned())
            .filter(|url| !url.is_empty())
            .collect();
        if servers.is_empty() {
            servers.push("nats://127.0.0.1:4222".to_owned());
        }
        servers
    }

    /// Returns how long a stage may hold a message.
    #[must_use]
    pub fn ack_wait(&self) -> Duration {
        Duration::from_secs(self.ack_wait_seconds)
    }

    /// Checks what the types cannot; `root` is the whole file.
    pub(super) fn check(&self, root: &Node, findings: &mut Findings) {
        let mut require = |holds: bool, path: &str, message: &str| {
            if !holds {
                findings.errors.push(root.unfit(&format!("nats.{path}"), message));
            }
        };
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        require(!self.prefix.is_empty() && self.prefix.chars().all(valid), "prefix", "must be letters, digits, - or _");
        require(matches!(self.replicas, 1 | 3 | 5), "replicas", "must be 1, 3 or 5");
        let (window, wait) = (self.duplicate_window_seconds, self.ack_wait_seconds);
        let is_told = |key: &str| root.get("nats").is_some_and(|nats| nats.get(key).is_some());
        require(window <= MOST_SECONDS, "duplicateWindowSeconds", &format!("must be at most {MOST_SECONDS}"));
        require(wait > 0, "ackWaitSeconds", "must be above 0");
        // The key to change is the one that is set.
        let (key, message) = if is_told("ackWaitSeconds") && window >= 2 {
            ("ackWaitSeconds", format!("must be at most half of duplicateWindowSeconds, {}", window / 2))
        } else {
            ("duplicateWindowSeconds", format!("must be at least twice ackWaitSeconds, {}", wait.saturating_mul(2)))
        };
        require(wait.saturating_mul(2) <= window || window > MOST_SECONDS, key, &message);
        let Streams { raw, enriched, out, dead, gap } = &self.streams;
        for (name, limits) in [("raw", raw), ("enriched", enriched), ("out", out), ("dead", dead), ("gap", gap)] {
            let bytes = limits.max_bytes.is_none_or(|bytes| bytes == -1 || bytes > 0);
            require(bytes, &format!("streams.{name}.maxBytes"), "must be above 0, or -1 for no limit");
            let age = limits.max_age_seconds.is_none_or(|age| age <= MOST_SECONDS);
            require(age, &format!("streams.{name}.maxAgeSeconds"), &format!("must be at most {MOST_SECONDS}, or 0 for no limit"));
        }
        let is_token = |token: &str| !token.is_empty() && token.chars().all(|c| valid(c) || c == '$');
        let is_inbox = self.inbox_prefix.as_ref().is_none_or(|inbox| inbox.split('.').all(is_token));
        require(is_inbox, "inboxPrefix", "must be words of letters, digits, -, _ or $ with dots between, such as _INBOX.router");
        let mut refuse = |path: &str, message: String| findings.errors.push(root.problem_at(&format!("nats.{path}"), message));
        for (present, absent, pair) in [
            (&self.tls.cert_file, &self.tls.key_file, ["tls.certFile", "keyFile"]),
            (&self.tls.key_file, &self.tls.cert_file, ["tls.keyFile", "certFile"]),
        ] {
            if present.is_some() && absent.is_none() {
                refuse(pair[0], format!("needs {} beside it", pair[1]));
            }
        }
        let logins = [
            ("user", self.user.is_some()),
            ("token", self.token.is_some()),
            ("nkey", self.nkey.is_some()),
            ("credentials", self.credentials.is_some()),
            ("url", self.servers().iter().any(|server| server.contains('@'))),
        ];
        let set: Vec<&str> = logins.into_iter().filter(|(_, set)| *set).map(|(key, _)| key).collect();
        if let [_, second, ..] = set[..] {
            let all: Vec<&str> = set.iter().map(|key| if *key == "url" { "a login in the address" } else { key }).collect();
            refuse(second, format!("{} exclude each other, keep one of them", all.join(" and ")));
        }
        if self.password.is_some() && self.user.is_none() {
            refuse("password", "needs user beside it".to_owned());
        }
        self.check_outside(root, findings);
    }
}

/// TLS to NATS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// PEM file of the authorities that sign the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
}

/// Where a stream is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// On disk: survives a restart of nats-server.
    File,
    /// In memory: lost when nats-server stops.
    Memory,
}

/// How raw or enriched events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// MessagePack with field names.
    MessagePack,
    /// JSON as Go prints it.
    Json,
}

impl Encoding {
    /// The `Content-Type` header of such a message.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::MessagePack => "application/msgpack",
            Self::Json => "application/json",
        }
    }
}

/// Encodings of the payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Encodings {
    /// Of raw events.
    pub raw: Encoding,
    /// Of enriched events and what receivers are sent.
    pub enriched: Encoding,
}

impl Default for Encodings {
    fn default() -> Self {
        Self { raw: Encoding::MessagePack, enriched: Encoding::Json }
    }
}

/// Limits of the streams.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Streams {
    /// Raw events.
    pub raw: Limits,
    /// Enriched events.
    pub enriched: Limits,
    /// What waits for a receiver, each receiver for itself.
    pub out: Limits,
    /// Dead letters.
    pub dead: Limits,
    /// Gap markers.
    pub gap: Limits,
}

/// NATS counts in nanoseconds, in 63 bits.
const MOST_SECONDS: u64 = 9_000_000_000;

const HOUR: u64 = 3_600;
const MIB: i64 = 1 << 20;

impl Default for Streams {
    fn default() -> Self {
        let limits = |hours: u64, max_bytes: i64| Limits { max_age_seconds: Some(hours * HOUR), max_bytes: Some(max_bytes) };
        Self {
            raw: limits(2, 512 * MIB),
            enriched: limits(24, 1024 * MIB),
            out: limits(72, 1024 * MIB),
            dead: limits(7 * 24, 256 * MIB),
            gap: limits(7 * 24, 16 * MIB),
        }
    }
}

/// Limits of one stream; what is left out keeps the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Oldest message kept, in seconds; 0 means no limit.
    pub max_age_seconds: Option<u64>,
    /// Most bytes kept; -1 means no limit.
    pub max_bytes: Option<i64>,
}

impl Limits {
    /// Returns these limits with `default` where nothing is set.
    #[must_use]
    pub fn or(self, default: Self) -> Self {
        Self { max_age_seconds: self.max_age_seconds.or(default.max_age_seconds), max_bytes: self.max_bytes.or(default.max_bytes) }
    }
}
