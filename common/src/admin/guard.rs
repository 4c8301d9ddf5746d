//! What stands before the metrics address: TLS for its connections, a login for each request.
//!
//! In goes the file of `--metrics-tls-config`; out come a listener and a layer. The file and those it names are looked at for each connection and each
//! request, and read again when they differ, so certificates, keys and users can be replaced while a stage runs. Files that cannot be used change nothing
//! and are reported once.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use data_encoding::BASE64;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::either::Either;

use super::{
    login::{Logins, Outcome},
    web_config::{self, Settings, Sources},
};
use crate::config::ConfigError;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at a time; further connections wait in the system's queue.
const HANDSHAKES: usize = 64;

/// The protection of a metrics address.
pub struct Guard {
    path: PathBuf,
    current: Mutex<(Sources, Arc<Settings>)>,
    logins: Logins,
}

impl Guard {
    /// Reads the file.
    ///
    /// # Errors
    /// Every problem found in it and in the files it names.
    pub fn load(path: &Path) -> Result<Arc<Self>, ConfigError> {
        let (sources, settings) = web_config::load(path);
        let current = Mutex::new((sources, Arc::new(settings?)));
        Ok(Arc::new(Self { path: path.to_owned(), current, logins: Logins::default() }))
    }

    /// Tells whether it speaks TLS, and whether it asks for a login.
    pub(super) fn protects(&self) -> (bool, bool) {
        let settings = self.lock().1.clone();
        (settings.tls.is_some(), !settings.users.is_empty())
    }

    /// Returns the settings that the files hold now.
    async fn current(self: &Arc<Self>) -> Arc<Settings> {
        let guard = self.clone();
        let read = tokio::task::spawn_blocking(move || guard.read_again()).await;
        // It fails only when the process ends.
        read.unwrap_or_else(|_| self.lock().1.clone())
    }

    fn read_again(&self) -> Arc<Settings> {
        let mut current = self.lock();
        if !current.0.are_current() {
            let (sources, settings) = web_config::load(&self.path);
            match settings {
                Ok(settings) => {
                    tracing::info!(file = %self.path.display(), "the protection of the metrics address changed");
                    *current = (sources, Arc::new(settings));
                }
                Err(error) => {
                    tracing::error!("the changed protection of the metrics address cannot be used, the old one stays in use: {error}");
                    current.0 = sources;
                }
            }
        }
        current.1.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Sources, Arc<Settings>)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener whose connections have shaken hands.
pub(super) struct Guarded {
    address: SocketAddr,
    connections: mpsc::Receiver<(Io, SocketAddr)>,
}

type Io = Either<TcpStream, Box<TlsStream<TcpStream>>>;

impl Guarded {
    pub(super) fn new(listener: TcpListener, guard: Arc<Guard>) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, connections) = mpsc::channel(HANDSHAKES);
        tokio::spawn(accept(listener, guard, sender));
        Ok(Self { address, connections })
    }
}

impl Listener for Guarded {
    type Io = Io;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Accepts connections for ever; one that is slow to shake hands holds up nobody.
async fn accept(mut listener: TcpListener, guard: Arc<Guard>, sender: mpsc::Sender<(Io, SocketAddr)>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(permit) = handshakes.clone().acquire_owned().await {
        let (stream, peer) = Listener::accept(&mut listener).await;
        let (guard, sender) = (guard.clone(), sender.clone());
        tokio::spawn(async move {
            let io = match &guard.current().await.tls {
                None => Either::Left(stream),
                Some(config) => match tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config.clone()).accept(stream)).await {
                    Ok(Ok(stream)) => Either::Right(Box::new(stream)),
                    Ok(Err(error)) => return tracing::debug!(%error, %peer, "handshake failed"),
                    Err(_) => return tracing::debug!(%peer, "handshake took too long"),
                },
            };
            drop(permit);
            // The server is gone only when the process ends.
            let _ = sender.send((io, peer)).await;
        });
    }
}

/// Lets a request through when it has the login that is asked for, and adds the configured headers to the answer.
pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let settings = guard.current().await;
    let outcome = match login(request.headers()) {
        _ if settings.users.is_empty() => Outcome::Right,
        Some((user, password)) => guard.logins.check(&settings.users, &user, &password).await,
        None => Outcome::Wrong,
    };
    let mut response = match outcome {
        Outcome::Right => next.run(request).await,
        Outcome::Wrong => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic")], "Unauthorized\n").into_response(),
        Outcome::Busy => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "Too many logins\n").into_response(),
    };
    response.headers_mut().extend(settings.headers.iter().cloned());
    response
}

/// User and password of a request.
fn login(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}
