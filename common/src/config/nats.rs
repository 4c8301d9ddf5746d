//! The `nats:` section: where NATS is, how to log in, how streams are kept. Every key has a default.

use std::{fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::Secret;

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

    /// Checks what the types cannot; each problem is the key and what is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.prefix.is_empty() || !self.prefix.chars().all(valid) {
            problems.push(("prefix", "must be letters, digits, - or _".to_owned()));
        }
        let is_token = |token: &str| !token.is_empty() && token.chars().all(|c| valid(c) || c == '$');
        if self.inbox_prefix.as_ref().is_some_and(|inbox| !inbox.split('.').all(is_token)) {
            problems
                .push(("inboxPrefix", "must be words of letters, digits, -, _ or $ with dots between, such as _INBOX.router".to_owned()));
        }
        if !matches!(self.replicas, 1 | 3 | 5) {
            problems.push(("replicas", format!("found {}, must be 1, 3 or 5", self.replicas)));
        }
        if self.ack_wait_seconds == 0 || self.ack_wait_seconds * 2 > self.duplicate_window_seconds {
            problems.push((
                "ackWaitSeconds",
                format!(
                    "found {}, must be at least 1 and at most half of duplicateWindowSeconds ({})",
                    self.ack_wait_seconds, self.duplicate_window_seconds
                ),
            ));
        }
        if self.tls.cert_file.is_some() != self.tls.key_file.is_some() {
            problems.push(("tls", "certFile and keyFile belong together, one of them is missing".to_owned()));
        }
        let in_address = self.servers().iter().any(|server| server.contains('@'));
        let logins = [self.user.is_some(), self.token.is_some(), self.nkey.is_some(), self.credentials.is_some(), in_address];
        if logins.iter().filter(|set| **set).count() > 1 {
            let message = "user, token, nkey, credentials and a login in the address exclude each other, keep one";
            problems.push(("user", message.to_owned()));
        }
        if self.password.is_some() && self.user.is_none() {
            problems.push(("password", "needs user beside it".to_owned()));
        }
        problems
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// On disk: survives a restart of nats-server.
    File,
    /// In memory: lost when nats-server stops.
    Memory,
}

/// How raw or enriched events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
