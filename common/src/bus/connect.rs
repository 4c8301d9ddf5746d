//! Connecting: waits for NATS, says for what it waits, and reports every loss and return of the connection.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_nats::{ConnectOptions, Event, jetstream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Bus, Inner};
use crate::{config::Nats, health::Condition, subjects::Subjects};

/// The oldest nats-server that understands everything Herald asks of it.
const OLDEST_SERVER: (u64, u64) = (2, 10);
/// Publishes that may wait for their PubAck on one connection.
const MAX_ACK_INFLIGHT: usize = 8_192;
/// How long to wait for a PubAck or an API answer before asking again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

impl Bus {
    /// Connects as `client_name` and waits until a server with JetStream answers; `condition` says in `/-/ready` whether the connection stands.
    ///
    /// # Errors
    /// When the settings cannot work: a bad address, an unreadable file, a refused login, a server that is too old or has no JetStream; or when `shutdown` comes first.
    pub async fn connect(settings: &Nats, client_name: &str, condition: Condition, shutdown: &CancellationToken) -> anyhow::Result<Self> {
        let servers = settings.servers();
        let addresses = servers
            .iter()
            .map(|server| {
                server.parse::<async_nats::ServerAddr>().map_err(|error| anyhow::anyhow!("nats.url: {}: {error}", without_login(server)))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let shown = servers.iter().map(|server| without_login(server)).collect::<Vec<_>>().join(",");
        let (connected, mut connects) = watch::channel(0_u64);
        let mut pause = Pauses::default();
        let client = loop {
            let options = options(settings, client_name, condition.clone(), connected.clone()).await?;
            let attempt = options.connect(&addresses[..]);
            let error = tokio::select! {
                () = shutdown.cancelled() => anyhow::bail!("stopped while waiting for NATS at {shown}"),
                result = attempt => match result {
                    Ok(client) => break client,
                    Err(error) => error,
                },
            };
            if matches!(error.kind(), async_nats::ConnectErrorKind::Authentication | async_nats::ConnectErrorKind::AuthorizationViolation) {
                tracing::error!(%error, nats = shown, "NATS refuses the login, check nats.user, password, token, nkey or credentials");
            } else {
                tracing::warn!(%error, nats = shown, "waiting for NATS");
            }
            condition.unmet(format!("waiting for NATS at {shown}"));
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
        Ok(Self {
            inner: Arc::new(Inner { client, jetstream, subjects: Subjects::new(&settings.prefix), settings: settings.clone(), connects }),
        })
    }
}

async fn options(
    settings: &Nats,
    client_name: &str,
    condition: Condition,
    connected: watch::Sender<u64>,
) -> anyhow::Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name(client_name)
        .client_capacity(16_384)
        .subscription_capacity(65_536)
        .connection_timeout(Duration::from_secs(5))
        .request_timeout(Some(ANSWER_TIMEOUT))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts as u64).min(1_000)))
        .event_callback(move |event| {
            match event {
                Event::Connected => {
                    connected.send_modify(|connects| *connects += 1);
                    condition.met();
                    tracing::debug!("NATS connection stands");
                }
                Event::Disconnected => {
                    condition.unmet("connection to NATS lost".to_owned());
                    tracing::warn!("connection to NATS lost, reconnecting");
                }
                Event::SlowConsumer(_) => {
                    tracing::error!(
                        "NATS messages arrived faster than they were read and were dropped here, they will be handed out again"
                    );
                }
                Event::ServerError(error) => tracing::error!(%error, "NATS server error"),
                other => tracing::debug!(event = %other, "NATS"),
            }
            std::future::ready(())
        });
    if let Some(user) = &settings.user {
        options = options
            .user_and_password(user.clone(), settings.password.as_ref().map(|password| password.expose().to_owned()).unwrap_or_default());
    }
    if let Some(token) = &settings.token {
        options = options.token(token.expose().to_owned());
    }
    if let Some(seed) = &settings.nkey {
        options = options.nkey(seed.expose().to_owned());
    }
    if let Some(path) = &settings.credentials {
        options = options.credentials_file(path).await.with_context(|| format!("nats.credentials: cannot use {}", path.display()))?;
    }
    if let Some(path) = &settings.tls.ca_file {
        options = options.add_root_certificates(path.clone()).require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&settings.tls.cert_file, &settings.tls.key_file) {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(options)
}

fn check_server(version: &str, jetstream: bool, shown: &str) -> anyhow::Result<()> {
    let mut numbers = version.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    anyhow::ensure!(found >= OLDEST_SERVER, "nats-server {version} at {shown} is too old, 2.10 or newer is required");
    anyhow::ensure!(jetstream, "nats-server at {shown} runs without JetStream, start it with -js or a jetstream section");
    Ok(())
}

/// Returns an address without what stands before `@`.
fn without_login(server: &str) -> String {
    match (server.split_once("://"), server.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => server.to_owned(),
    }
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
    fn addresses_are_shown_without_their_login() {
        assert_eq!(without_login("nats://u:p@ss@h:4222"), "nats://h:4222");
        assert_eq!(without_login("token@h"), "h");
        assert_eq!(without_login("tls://h:1"), "tls://h:1");
    }

    #[test]
    fn old_servers_and_servers_without_jetstream_are_refused() {
        assert!(check_server("2.9.25", true, "h").is_err());
        assert!(check_server("2.10.0", false, "h").is_err());
        assert!(check_server("2.12.1-beta", true, "h").is_ok());
        assert!(check_server("3.0.0", true, "h").is_ok());
    }
}
