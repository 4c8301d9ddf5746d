//! `syslog`: a message for each event, to a server or the local daemon.
//!
//! `format: old` is what kubernetes-event-exporter writes (the form of RFC 3164 with an RFC 3339 time), `format: rfc5424` the standard's, on TCP with octet
//! counting (RFC 6587, RFC 5425 over TLS). Syslog acknowledges nothing. Over TCP and TLS a batch is therefore a connection: it is written, closed on our
//! side, and accepted when the server has closed its own side too, which it does after reading everything. UDP and the local socket promise nothing. A
//! message too large for a datagram is permanent; everything else is an outage.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::{config::Located, env, event::Event};
use jiff::{Timestamp, tz::TimeZone};
use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket, UnixDatagram},
};
use tokio_rustls::TlsConnector;

use crate::{
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `syslog`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// `tcp` or `udp`; nothing for the local daemon's socket.
    pub network: String,
    /// Host and port of the server; nothing for the local daemon.
    #[schemars(with = "String")]
    pub address: Located<String>,
    /// Name of the sender.
    pub tag: String,
    /// Form of the messages.
    pub format: Format,
    /// TLS settings; where the key stands, `network: tcp` is TLS.
    pub tls: Tls,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

/// Form of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `<PRI>TIME HOST TAG[PID]: MESSAGE`, the time that of sending.
    #[default]
    Old,
    /// RFC 5424, the time the event's own.
    Rfc5424,
}

const DEFAULTS: Defaults =
    Defaults { batch: 256, max_batch: 10_000, max_bytes: 8 << 20, concurrency: 1, timeout: Duration::from_secs(10), summarises: false };
const DEFAULT_TAG: &str = "herald";
/// Where the local daemon may listen.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const FACILITY_LOCAL0: u8 = 16;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;

struct Syslog {
    place: Place,
    writer: Writer,
}

enum Place {
    Local,
    Udp(String),
    Tcp(String),
    Tls { address: String, name: ServerName<'static>, connector: TlsConnector },
}

/// What does not change from message to message.
struct Writer {
    format: Format,
    local: bool,
    host: String,
    tag: String,
    pid: u32,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    let place = place(keys, &config);
    let body = Body::new(keys, false);
    let place = place?;
    let tag = if config.tag.is_empty() { DEFAULT_TAG.to_owned() } else { config.tag };
    let writer = Writer { format: config.format, local: matches!(place, Place::Local), host: env::host(), tag, pid: std::process::id() };
    Some(Built { sink: Box::new(Syslog { place, writer }), defaults: DEFAULTS, body })
}

fn place(keys: &mut Keys<'_>, config: &Config) -> Option<Place> {
    let (network, address) = (config.network.as_str(), config.address.value.clone());
    if network.is_empty() {
        keys.require(address.is_empty(), "address", "which needs network: tcp or network: udp beside it");
        return Some(Place::Local);
    }
    keys.one_of("network", &["tcp", "udp"]);
    keys.required("address", "name the server as host:port");
    if address.is_empty() {
        return None;
    }
    let parts = address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    keys.require(parts.is_some(), "address", "expected host and port, for example logs.example.com:514");
    let (host, _) = parts?;
    let has_tls = keys.spec().get("tls").is_some();
    match network {
        "udp" => {
            keys.unused("tls", "datagrams are sent without TLS, say network: tcp");
            Some(Place::Udp(address))
        }
        _ if has_tls => {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok();
            keys.require(name.is_some(), "address", "whose host is no name that a certificate can bear");
            let tls = config.tls.client_config(keys)?;
            Some(Place::Tls { name: name?, connector: TlsConnector::from(Arc::new(tls)), address })
        }
        _ => Some(Place::Tcp(address)),
    }
}

impl Sink for Syslog {
    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        self.writer.message(item, Timestamp::now()).map(Bytes::from)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let now = Timestamp::now();
            let messages: Vec<Vec<u8>> =
                batch.iter().map(|item| self.writer.message(item, now)).collect::<Result<_, _>>().map_err(SendError::Refused)?;
            match &self.place {
                Place::Local => {
                    let path = daemon()?;
                    Socket::local(path)?.deliver(&messages, path).await
                }
                Place::Udp(address) => Socket::udp(address).await?.deliver(&messages, address).await,
                Place::Tcp(address) => {
                    let stream = connect(address).await?;
                    deliver(stream, &self.writer.frame(&messages), address).await
                }
                Place::Tls { address, name, connector } => {
                    let stream = connect(address).await?;
                    let stream = connector.connect(name.clone(), stream).await.map_err(|error| outage(address, "TLS", &error))?;
                    deliver(stream, &self.writer.frame(&messages), address).await
                }
            }
        })
    }
}

impl Writer {
    fn message(&self, item: &Item, now: Timestamp) -> Result<Vec<u8>, Refusal> {
        let event = &item.enriched()?.event;
        let priority = FACILITY_LOCAL0 * 8 + if event.type_ == "Warning" { WARNING } else { INFORMATIONAL };
        let (host, tag, pid) = (&self.host, &self.tag, self.pid);
        let head = match self.format {
            Format::Old if self.local => {
                format!("<{priority}>{} {tag}[{pid}]: ", now.to_zoned(TimeZone::system()).strftime("%b %e %H:%M:%S"))
            }
            Format::Old => {
                format!("<{priority}>{} {host} {tag}[{pid}]: ", now.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z"))
            }
            Format::Rfc5424 => self.rfc5424(priority, event, now),
        };
        let mut message = head.into_bytes();
        message.extend(item.body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        if self.format == Format::Old {
            message.push(b'\n');
        }
        Ok(message)
    }

    /// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD `.
    fn rfc5424(&self, priority: u8, event: &Event, now: Timestamp) -> String {
        let at = event.happened().unwrap_or(now).strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
        let (host, tag, reason) = (field(&self.host, 255), field(&self.tag, 48), field(&event.reason, 32));
        format!("<{priority}>1 {at} {host} {tag} {} {reason} - ", self.pid)
    }

    /// The bytes of a connection.
    fn frame(&self, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::with_capacity(messages.iter().map(|message| message.len() + 8).sum());
        for message in messages {
            if self.format == Format::Rfc5424 {
                out.extend_from_slice(format!("{} ", message.len()).as_bytes());
            }
            out.extend_from_slice(message);
        }
        out
    }
}

/// A header field of RFC 5424: printable ASCII, `-` for nothing.
fn field(text: &str, longest: usize) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

async fn connect(address: &str) -> Result<TcpStream, SendError> {
    TcpStream::connect(address).await.map_err(|error| outage(address, "cannot connect", &error))
}

/// Writes everything, ends our side, and waits until the server has ended its own.
async fn deliver(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8], address: &str) -> Result<(), SendError> {
    let failed = |error: std::io::Error| outage(address, "the connection broke", &error);
    stream.write_all(bytes).await.map_err(failed)?;
    stream.shutdown().await.map_err(failed)?;
    let mut answer = [0; 256];
    loop {
        match stream.read(&mut answer).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // Many servers close a TLS connection without saying so; the handshake and every byte before were fine.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
    }
}

/// A datagram socket that is connected.
enum Socket {
    Udp(UdpSocket),
    Local(UnixDatagram),
}

impl Socket {
    async fn udp(address: &str) -> Result<Self, SendError> {
        let failed = |error: std::io::Error| outage(address, "cannot send", &error);
        let target = tokio::net::lookup_host(address).await.map_err(failed)?.next();
        let target = target.ok_or_else(|| SendError::outage(format!("{address}: the name has no address")))?;
        let own = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own).await.map_err(failed)?;
        socket.connect(target).await.map_err(failed)?;
        Ok(Self::Udp(socket))
    }

    fn local(path: &str) -> Result<Self, SendError> {
        let failed = |error: std::io::Error| outage(path, "cannot send", &error);
        let socket = UnixDatagram::unbound().map_err(failed)?;
        socket.connect(path).map_err(failed)?;
        Ok(Self::Local(socket))
    }

    async fn send(&self, message: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.send(message).await,
            Self::Local(socket) => socket.send(message).await,
        }
    }

    /// Sends a datagram for each message; one that is too large is refused, the others are sent.
    async fn deliver(&self, messages: &[Vec<u8>], address: &str) -> Result<(), SendError> {
        let mut refusals = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            match self.send(message).await {
                Ok(_) => {}
                Err(error) if is_too_large(&error) => refusals.push((at, too_large(message.len()))),
                Err(error) => return Err(outage(address, "cannot send", &error)),
            }
        }
        if refusals.is_empty() { Ok(()) } else { Err(SendError::Partial(refusals)) }
    }
}

/// The socket of the daemon on this machine.
fn daemon() -> Result<&'static str, SendError> {
    let path = LOCAL.into_iter().find(|path| Path::new(path).exists());
    path.ok_or_else(|| SendError::outage(format!("no syslog daemon on this machine, looked for {}", LOCAL.join(", "))))
}

/// EMSGSIZE.
fn is_too_large(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(90)
}

fn too_large(bytes: usize) -> Refusal {
    Refusal::permanent(format!("message of {bytes} bytes does not fit into a datagram"))
}

fn outage(address: &str, what: &str, error: &dyn std::fmt::Display) -> SendError {
    SendError::outage(format!("{address}: {what}: {error}"))
}
