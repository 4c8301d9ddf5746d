//! The file of `--metrics-tls-config`: TLS, client certificates and logins for the metrics address, as the Prometheus exporter-toolkit reads them.
//!
//! In goes the path of a `web-config.yml`; out comes what a server needs of it, or every problem with line and column. Unlike in `config.yaml`, an unknown
//! key is refused: a lock that is misspelt is no lock. Paths are relative to the file's folder. Never: a key or a hash in a message.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::http::{HeaderName, HeaderValue};
use rustls::ServerConfig;
use serde::Deserialize;

use super::tls;
use crate::config::{self, ConfigError, Findings, Located, Node, Problem, Secret};

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    tls_server_config: Tls,
    http_server_config: Http,
    basic_auth_users: BTreeMap<String, Located<Secret>>,
}

/// `tls_server_config`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Tls {
    pub(super) cert: Option<Located<String>>,
    pub(super) key: Option<Located<Secret>>,
    pub(super) client_ca: Option<Located<String>>,
    pub(super) cert_file: Option<Located<PathBuf>>,
    pub(super) key_file: Option<Located<PathBuf>>,
    pub(super) client_ca_file: Option<Located<PathBuf>>,
    pub(super) client_auth_type: Located<ClientAuth>,
    pub(super) client_allowed_sans: Vec<Located<String>>,
    pub(super) min_version: Option<Located<Version>>,
    pub(super) max_version: Option<Located<Version>>,
    pub(super) cipher_suites: Vec<Located<String>>,
    pub(super) curve_preferences: Vec<Located<String>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
}

/// Whether clients show a certificate, in the words of Go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum ClientAuth {
    #[default]
    NoClientCert,
    RequestClientCert,
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum Version {
    #[serde(rename = "TLS10")]
    Tls10,
    #[serde(rename = "TLS11")]
    Tls11,
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Http {
    /// Taken and without effect: HTTP/1.1 is spoken.
    #[serde(rename = "http2")]
    _http2: Option<bool>,
    headers: BTreeMap<String, Located<String>>,
}

/// The headers that may be added to answers.
const HEADERS: [&str; 5] =
    ["Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection"];

/// What a server needs of the file.
pub(super) struct Settings {
    /// None for plain HTTP.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Hashes of the passwords by user; empty when nobody has to log in.
    pub(super) users: BTreeMap<String, Secret>,
    /// Added to every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// A file as it was read, with the files it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Sources {
    /// Reads a file, once.
    fn read(&mut self, path: &Path) -> std::io::Result<&[u8]> {
        if !self.0.contains_key(path) {
            self.0.insert(path.to_owned(), None);
            let content = std::fs::read(path)?;
            self.0.insert(path.to_owned(), Some(content));
        }
        self.0[path].as_deref().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    /// Tells whether the files hold what they held.
    pub(super) fn are_current(&self) -> bool {
        self.0.iter().all(|(path, content)| std::fs::read(path).ok() == *content)
    }
}

/// Reads the file at `path`; the sources are what it was read from, also when it cannot be used.
pub(super) fn load(path: &Path) -> (Sources, Result<Settings, ConfigError>) {
    let mut sources = Sources::default();
    let name = path.display().to_string();
    let settings = read(path, &mut sources).map_err(|problems| ConfigError::new(&name, problems));
    (sources, settings)
}

fn read(path: &Path, sources: &mut Sources) -> Result<Settings, Vec<Problem>> {
    let text = sources.read(path).map_err(|error| vec![Problem::general(format!("cannot read the file: {error}"))])?;
    let text = std::str::from_utf8(text).map_err(|_| vec![Problem::general("this is not UTF-8".to_owned())])?.to_owned();
    let root = config::document(&text, &|name| crate::env::var(name))
        .map_err(|problems| problems.into_iter().map(without_line).collect::<Vec<_>>())?;
    let mut findings = Findings::default();
    let file: File = root.read(&mut findings).unwrap_or_default();
    let mut problems = findings.errors;
    problems.extend(findings.mistakes.into_iter().map(refused));
    let headers = file.http_server_config.headers.iter().filter_map(|(name, value)| header(name, value, &mut problems)).collect();
    for (user, hash) in &file.basic_auth_users {
        if !is_bcrypt(hash.value.expose()) {
            problems.push(hash.problem(format!(
                "the hash of {user:?} is none of bcrypt, such as htpasswd -nBC 10 makes; it is secret, so it is not shown"
            )));
        }
    }
    let node = root.get("tls_server_config").unwrap_or(&root);
    let tls = Reader { folder: path.parent().unwrap_or(Path::new("")), sources, node }.server(&file.tls_server_config, &mut problems);
    if problems.is_empty() {
        let users = file.basic_auth_users.into_iter().map(|(user, hash)| (user, hash.value)).collect();
        Ok(Settings { tls, users, headers })
    } else {
        Err(problems)
    }
}

/// What `config.yaml` ignores is no reason to start here.
fn refused(problem: Problem) -> Problem {
    Problem { message: problem.message.replace(" is ignored", ""), ..problem }
}

/// Any line may hold a hash or a key.
fn without_line(problem: Problem) -> Problem {
    let message = problem.message.split("; the line is: ").next().unwrap_or_default().to_owned();
    Problem { message, ..problem }
}

fn header(name: &str, value: &Located<String>, problems: &mut Vec<Problem>) -> Option<(HeaderName, HeaderValue)> {
    let known = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(name));
    match (known.map(|known| known.parse()), HeaderValue::from_str(&value.value)) {
        (Some(Ok(name)), Ok(value)) => Some((name, value)),
        (Some(_), _) => {
            problems.push(value.problem("this is no value of a header".to_owned()));
            None
        }
        (None, _) => {
            problems.push(value.problem(format!("header {name:?} cannot be set, known are {}", HEADERS.join(", "))));
            None
        }
    }
}

/// `$2y$10$` and 53 characters, the cost being one that a login can wait for.
fn is_bcrypt(hash: &str) -> bool {
    let parts: Option<bcrypt::HashParts> = hash.parse().ok();
    parts.is_some_and(|parts| (4..=16).contains(&parts.get_cost()))
}

/// Reads what `tls_server_config` names.
pub(super) struct Reader<'a> {
    folder: &'a Path,
    sources: &'a mut Sources,
    /// Where the section stands.
    node: &'a Node,
}

impl Reader<'_> {
    fn server(mut self, section: &Tls, problems: &mut Vec<Problem>) -> Option<Arc<ServerConfig>> {
        match tls::server(section, &mut self) {
            Ok(server) => server.map(Arc::new),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    /// Returns the bytes that stand in the file itself or in the one it names; `None` for neither.
    pub(super) fn pem(
        &mut self,
        name: &str,
        inline: Option<Located<String>>,
        file: Option<&Located<PathBuf>>,
    ) -> Result<Option<Pem>, Problem> {
        match (inline, file) {
            (Some(inline), Some(_)) => Err(inline.problem(format!("{name} and {name}_file are both set, keep one"))),
            (Some(inline), None) => Ok(Some(Pem { bytes: inline.value.clone().into_bytes(), place: inline.problem(String::new()) })),
            (None, Some(file)) => {
                let path = self.folder.join(&file.value);
                let read = self.sources.read(&path).map(<[u8]>::to_vec);
                let bytes = read.map_err(|error| file.problem(format!("cannot read {}: {error}", path.display())))?;
                Ok(Some(Pem { bytes, place: file.problem(String::new()) }))
            }
            (None, None) => Ok(None),
        }
    }

    /// A problem of the section as a whole.
    pub(super) fn problem(&self, message: &str) -> Problem {
        self.node.problem(message.to_owned())
    }
}

/// Bytes with the place they come from.
pub(super) struct Pem {
    pub(super) bytes: Vec<u8>,
    place: Problem,
}

impl Pem {
    pub(super) fn problem(&self, message: String) -> Problem {
        Problem { message, ..self.place.clone() }
    }
}
