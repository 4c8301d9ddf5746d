//! Connecting: waits for NATS, says for what it waits, and reports every loss and return of the connection.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{AuthError, ClientError, ConnectError, ConnectErrorKind, ConnectOptions, Event, jetstream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Bus, Inner, login::Servers};
use crate::{config::Nats, health::Condition, subjects::Subjects};

/// The oldest nats-server that understands everything Herald asks of it.
const OLDEST_SERVER: (u64, u64) = (2, 10);
/// Publishes that may wait for their PubAck on one connection.
const MAX_ACK_INFLIGHT: usize = 8_192;
/// How long to wait for a PubAck or an API answer before asking again.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

impl Bus {
    /// Connects as `client_name` and waits until a server with JetStream answers; `condition` says in `/-/ready` whether the connection stands.
    ///
    /// A refused login, a file that cannot be read and a certificate that does not fit are waited for as well: somebody may be about to put them right.
    ///
    /// # Errors
    /// When the settings can never work: a bad address, a server that is too old or has no JetStream; or when `shutdown` comes first.
    pub async fn connect(settings: &Nats, client_name: &str, condition: Condition, shutdown: &CancellationToken) -> anyhow::Result<Self> {
        let servers = Servers::of(settings)?;
        let shown = servers.shown.clone();
        let subjects = Subjects::new(&settings.prefix);
        let inbox =
            settings.inbox_prefix.clone().unwrap_or_else(|| subjects.inbox(servers.user(settings).as_deref().unwrap_or(client_name)));
        let (connected, mut connects) = watch::channel(0_u64);
        let mut pause = Pauses::default();
        let client = loop {
            let reports = Reports {
                condition: condition.clone(),
                servers: servers.clone(),
                settings: settings.clone(),
                connected: connected.clone(),
            };
            let options = options(settings, &servers, reports).name(client_name).custom_inbox_prefix(&inbox);
            let error = tokio::select! {
                () = shutdown.cancelled() => anyhow::bail!("stopped while waiting for NATS at {shown}"),
                result = options.connect(&servers.addresses[..]) => match result {
                    Ok(client) => break client,
                    Err(error) => error,
                },
            };
            let reason = report(&error, &servers, settings);
            condition.unmet(format!("waiting for NATS at {shown}{reason}"));
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause.next()) => {}
            }
        };
        let info = client.server_info();
        check_server(&info.version, info.jetstream, &shown)?;
        tracing::info!(nats = shown, version = info.version, server = info.server_name, "connected to NATS");
        condition.met();
        // The event of this first connect comes by a task of its own; later ones mean a new connection. An event that is lost only costs a repeat.
        let _ = tokio::time::timeout(Duration::from_secs(1), connects.wait_for(|connects| *connects > 0)).await;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(ANSWER_TIMEOUT)
            .ack_timeout(ANSWER_TIMEOUT)
            .max_ack_inflight(MAX_ACK_INFLIGHT)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Ok(Self { inner: Arc::new(Inner { client, jetstream, subjects, settings: settings.clone(), connects }) })
    }
}

/// Logs why a connection could not be made; returns what to add to `/-/ready`.
fn report(error: &ConnectError, servers: &Servers, settings: &Nats) -> &'static str {
    let nats = &servers.shown;
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation => {
            tracing::error!(nats, "NATS refuses the login, {}; trying again", servers.origin(settings));
            ", which refuses the login"
        }
        ConnectErrorKind::Authentication => {
            // The cause is ours, and says more than async_nats does.
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            tracing::error!(nats, "cannot log in to NATS: {cause}; trying again");
            ", whose login cannot be made"
        }
        _ if is_about_tls(error) => {
            tracing::error!(%error, nats, "TLS with NATS fails, check nats.tls and the server's certificate; trying again");
            ", with which TLS fails"
        }
        _ => {
            tracing::warn!(%error, nats, "waiting for NATS");
            ""
        }
    }
}

/// Tells whether certificates or the handshake are at fault: somewhere among the causes is an error of rustls.
fn is_about_tls(error: &ConnectError) -> bool {
    let inner = |error: &(dyn Error + 'static)| {
        let io = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        error.is::<rustls::Error>() || io.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
    };
    error.kind() == ConnectErrorKind::Tls || std::iter::successors(error.source(), |&error| error.source()).any(inner)
}

fn options(settings: &Nats, servers: &Servers, reports: Reports) -> ConnectOptions {
    let login = Arc::new((servers.clone(), settings.clone()));
    let told = Arc::new(AtomicBool::new(false));
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let login = login.clone();
        async move { login.0.login(&login.1).answer(&nonce).map_err(AuthError::new) }
    })
    .client_capacity(16_384)
    .subscription_capacity(65_536)
    .connection_timeout(Duration::from_secs(5))
    .request_timeout(Some(ANSWER_TIMEOUT))
    .ping_interval(Duration::from_secs(10))
    .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts as u64).min(1_000)))
    .event_callback(move |event| {
        reports.event(&event, &told);
        std::future::ready(())
    });
    if let Some(path) = &settings.tls.ca_file {
        options = options.add_root_certificates(path.clone()).require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&settings.tls.cert_file, &settings.tls.key_file) {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    options
}

/// What becomes of a connection's events.
struct Reports {
    condition: Condition,
    servers: Servers,
    settings: Nats,
    connected: watch::Sender<u64>,
}

impl Reports {
    /// `told` keeps a login that is refused again and again from being reported more than once.
    fn event(&self, event: &Event, told: &AtomicBool) {
        match event {
            Event::Connected => {
                self.connected.send_modify(|connects| *connects += 1);
                self.condition.met();
                told.store(false, Ordering::Relaxed);
                tracing::debug!("NATS connection stands");
            }
            Event::Disconnected => {
                self.condition.unmet("connection to NATS lost".to_owned());
                tracing::warn!("connection to NATS lost, reconnecting");
            }
            Event::SlowConsumer(_) => {
                tracing::error!("NATS messages arrived faster than they were read and were dropped here, they will be handed out again");
            }
            Event::ServerError(error) => tracing::error!(%error, "NATS server error"),
            Event::ClientError(ClientError::Other(error)) if is_about_login(error) => {
                self.condition.unmet(format!("reconnecting to NATS at {}, which refuses the login", self.servers.shown));
                if !told.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, nats = self.servers.shown, "NATS refuses the login, {}; trying again", self.servers.origin(&self.settings));
                }
            }
            other => tracing::debug!(event = %other, "NATS"),
        }
    }
}

/// When it connects again, `async_nats` tells the kind of an error by its text alone.
fn is_about_login(error: &str) -> bool {
    [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Authentication].iter().any(|kind| error == kind.to_string())
}

fn check_server(version: &str, jetstream: bool, shown: &str) -> anyhow::Result<()> {
    let mut numbers = version.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    anyhow::ensure!(found >= OLDEST_SERVER, "nats-server {version} at {shown} is too old, 2.10 or newer is required");
    anyhow::ensure!(jetstream, "nats-server at {shown} runs without JetStream, start it with -js or a jetstream section");
    Ok(())
}

/// Growing pauses between attempts: 200 ms doubling to 5 s, each shortened by up to a third so that many waiting processes spread out.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    attempts: u32,
}

impl Pauses {
    pub(super) fn next(&mut self) -> Duration {
        let full = Duration::from_millis(200).saturating_mul(1 << self.attempts.min(5)).min(Duration::from_secs(5));
        self.attempts += 1;
        full.mul_f64(1.0 - rand::random::<f64>() / 3.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_and_servers_without_jetstream_are_refused() {
        assert!(check_server("2.9.25", true, "h").is_err());
        assert!(check_server("2.10.0", false, "h").is_err());
        assert!(check_server("2.12.1-beta", true, "h").is_ok());
        assert!(check_server("3.0.0", true, "h").is_ok());
    }
}
