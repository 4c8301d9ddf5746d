//! Logging in to NATS: the addresses, and what a connection says of who it is.
//!
//! In go the `nats:` section and the server's nonce; out come addresses without logins, and what is sent to log in. The login is read anew for each
//! connection, so that a secret can be replaced while a stage runs: the next connection uses the new one.
//!
//! Never: a secret in an address, an error or a log line. `async_nats` itself logs addresses as they are.

use std::path::{Path, PathBuf};

use async_nats::{Auth, ServerAddr};
use nkeys::KeyPair;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::{Nats, Secret};

/// What a connection says of who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    Nothing,
    Password { user: String, password: Secret },
    Token(Secret),
    Seed(Secret),
    Credentials(PathBuf),
}

/// A login that cannot be made; the text holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LoginError(String);

/// Where NATS is, and the login its addresses hold.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    pub(super) addresses: Vec<ServerAddr>,
    /// The addresses for people.
    pub(super) shown: String,
    login: Option<Login>,
}

impl Servers {
    /// Takes the configured addresses and their logins apart.
    ///
    /// # Errors
    /// When one is no address, or their logins differ.
    pub(super) fn of(settings: &Nats) -> anyhow::Result<Self> {
        let mut servers = Self { addresses: Vec::new(), shown: String::new(), login: None };
        for server in settings.servers() {
            let shown = without_login(&server);
            let no_address = |error: &dyn std::fmt::Display| anyhow::anyhow!("nats.url: {shown}: {error}");
            let full = if server.contains("://") { server.clone() } else { format!("nats://{server}") };
            let mut url = Url::parse(&full).map_err(|error| no_address(&error))?;
            if let Some(login) = take_login(&mut url) {
                let known = servers.login.get_or_insert_with(|| login.clone());
                anyhow::ensure!(
                    *known == login,
                    "nats.url: {shown}: its login differs from that of the address before it, NATS needs one for all"
                );
            }
            servers.addresses.push(ServerAddr::from_url(url).map_err(|error| no_address(&error))?);
            let comma = if servers.shown.is_empty() { "" } else { "," };
            servers.shown.push_str(&format!("{comma}{shown}"));
        }
        Ok(servers)
    }

    /// Returns the login to use now.
    pub(super) fn login(&self, settings: &Nats) -> Login {
        self.login.clone().unwrap_or_else(|| Login::of(&settings.read_again()))
    }

    /// Returns the user that logs in, where the login has a name for it.
    pub(super) fn user(&self, settings: &Nats) -> Option<String> {
        match self.login(settings) {
            Login::Password { user, .. } => Some(user),
            _ => None,
        }
    }

    /// Says which settings the login comes from.
    pub(super) fn origin(&self, settings: &Nats) -> &'static str {
        if self.login.is_some() {
            return "check the login in the address of nats.url";
        }
        match self.login(settings) {
            Login::Nothing => "it wants a login and none is configured: set nats.user and password, token, nkey or credentials",
            Login::Password { .. } => "check nats.user and nats.password",
            Login::Token(_) => "check nats.token",
            Login::Seed(_) => "check nats.nkey",
            Login::Credentials(_) => "check the file that nats.credentials names",
        }
    }
}

impl Login {
    fn of(settings: &Nats) -> Self {
        let Nats { user, password, token, nkey, credentials, .. } = settings;
        if let Some(path) = credentials {
            Self::Credentials(path.clone())
        } else if let Some(seed) = nkey {
            Self::Seed(seed.clone())
        } else if let Some(token) = token {
            Self::Token(token.clone())
        } else if let Some(user) = user {
            Self::Password { user: user.clone(), password: password.clone().unwrap_or_default() }
        } else {
            Self::Nothing
        }
    }

    /// Returns what is sent, the server's nonce signed where the login has a key.
    ///
    /// # Errors
    /// When the credentials cannot be read, or hold no key.
    pub(super) fn answer(self, nonce: &[u8]) -> Result<Auth, LoginError> {
        let mut auth = Auth::new();
        match self {
            Self::Nothing => {}
            Self::Password { user, password } => {
                auth.username = Some(user);
                auth.password = Some(password.expose().to_owned());
            }
            Self::Token(token) => auth.token = Some(token.expose().to_owned()),
            Self::Seed(seed) => {
                let key = key(seed.expose(), "nats.nkey")?;
                auth.nkey = Some(key.public_key());
                auth.signature = Some(sign(&key, nonce)?);
            }
            Self::Credentials(path) => {
                let (jwt, key) = credentials(&path)?;
                auth.jwt = Some(jwt);
                auth.signature = Some(sign(&key, nonce)?);
            }
        }
        Ok(auth)
    }
}

fn key(seed: &str, origin: &str) -> Result<KeyPair, LoginError> {
    KeyPair::from_seed(seed.trim()).map_err(|_| LoginError(format!("{origin} holds no seed of an NKey, which begins with SU")))
}

fn sign(key: &KeyPair, nonce: &[u8]) -> Result<Vec<u8>, LoginError> {
    key.sign(nonce).map_err(|_| LoginError("the server's nonce cannot be signed".to_owned()))
}

/// Reads a `.creds` file: a JWT and a seed, each between a line that begins and one that ends it.
fn credentials(path: &Path) -> Result<(String, KeyPair), LoginError> {
    let origin = format!("nats.credentials: {}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| LoginError(format!("{origin} cannot be read: {error}")))?;
    let part = |title: &str| {
        let begins = |line: &&str| line.starts_with("---") && line.contains("BEGIN") && line.contains(title);
        let line = text.lines().skip_while(|line| !begins(line)).skip(1).map(str::trim).find(|line| !line.is_empty());
        line.filter(|line| !line.starts_with("---")).ok_or_else(|| LoginError(format!("{origin} holds no {title}")))
    };
    let (jwt, seed) = (part("USER JWT")?, part("USER NKEY SEED")?);
    Ok((jwt.to_owned(), key(seed, &origin)?))
}

/// Takes the login out of an address: user and password, or a token alone.
fn take_login(url: &mut Url) -> Option<Login> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), url.password().map(decoded));
    // Fails for addresses without a host only, which have no login either.
    let _ = url.set_password(None).and_then(|()| url.set_username(""));
    match (user, password) {
        (user, Some(password)) => Some(Login::Password { user, password: password.into() }),
        (token, None) if !token.is_empty() => Some(Login::Token(token.into())),
        _ => None,
    }
}

/// Returns an address without what stands before `@`.
fn without_login(server: &str) -> String {
    match (server.split_once("://"), server.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => server.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &str) -> anyhow::Result<Servers> {
        Servers::of(&Nats { url: Some(urls.to_owned()), ..Nats::default() })
    }

    #[test]
    fn addresses_are_shown_without_their_login() {
        assert_eq!(without_login("nats://u:p@ss@h:4222"), "nats://h:4222");
        assert_eq!(without_login("token@h"), "h");
        assert_eq!(without_login("tls://h:1"), "tls://h:1");
    }

    #[test]
    fn logins_are_taken_out_of_addresses() {
        let found = servers("nats://u:p%40ss@h:4222,u:p%40ss@i").expect("addresses");
        assert_eq!(found.login, Some(Login::Password { user: "u".to_owned(), password: "p@ss".to_owned().into() }));
        assert_eq!(found.shown, "nats://h:4222,i");
        assert!(!format!("{found:?}").contains("p%40ss") && !format!("{found:?}").contains("p@ss"), "{found:?}");
        assert_eq!(servers("tls://hunter2@h").expect("an address").login, Some(Login::Token("hunter2".to_owned().into())));
        assert_eq!(servers("h").expect("an address").login, None);
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_its_login() {
        let refused = |urls| servers(urls).expect_err("refused").to_string();
        assert_eq!(refused("nats://u:hunter2@h:x"), "nats.url: nats://h:x: invalid port number");
        assert_eq!(refused("http://u:hunter2@h"), "nats.url: http://h: invalid scheme for NATS server URL: http");
        assert!(refused("nats://u:hunter2@h,nats://u:hunter3@i").ends_with("NATS needs one for all"));
    }

    #[test]
    fn credentials_are_read_as_nsc_writes_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("x.creds"), KeyPair::new_user());
        let seed = key.seed().expect("a seed");
        let text = format!(
            "-----BEGIN NATS USER JWT-----\r\nabc.def\r\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        let answer = |text: &str| {
            std::fs::write(&path, text).expect("written");
            Login::Credentials(path.clone()).answer(b"nonce").map_err(|error| error.to_string())
        };
        let auth = answer(&text).expect("a login");
        assert_eq!(auth.jwt.as_deref(), Some("abc.def"));
        key.verify(b"nonce", &auth.signature.expect("signed")).expect("by that key");
        for (wrong, why) in [("", "holds no USER JWT"), (text.split("***").next().unwrap_or_default(), "holds no USER NKEY SEED")] {
            assert!(answer(wrong).err().is_some_and(|error| error.ends_with(why)), "{why}");
        }
        let error = answer(&text.replace(&seed, "SUhunter2")).err().expect("refused");
        assert!(error.contains("holds no seed") && !error.contains("hunter2"), "{error}");
    }
}
