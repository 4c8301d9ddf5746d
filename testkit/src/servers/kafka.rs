//! Apache Kafka: one broker that is its own controller, with a listener for each way to connect and log in.

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Certificates, PASSWORD, Server, USER};
use crate::{
    certs::Identity,
    scratch::Port,
    tools::{Recipe, Tool},
};

/// Apache Kafka.
pub const KAFKA: Tool = Tool::Receiver(&Recipe { name: "kafka", script: include_str!("../../tools/kafka.sh"), program: None });

/// Any id will do.
const CLUSTER: &str = "aY0LHBPoSBumMPOE8XnDSQ";
/// `ApiVersions` (key 18, version 0) without a client id.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

/// A way to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Plain.
    Plain,
    /// TLS.
    Tls,
    /// TLS, for clients with a certificate.
    Mutual,
    /// TLS with another server's certificate, for clients with a certificate.
    Other,
    /// A login: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    Login,
    /// A login over TLS.
    LoginTls,
    /// Plain, and told to be at [`KafkaOptions::far`].
    Far,
}

/// How a broker is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaOptions<'a> {
    /// For the listeners with TLS, which are left out without.
    pub certificates: Option<&'a Certificates>,
    /// Whether topics are created by writing to them.
    pub creates_topics: bool,
    /// The port of a proxy in front of [`Listener::Far`], which is left out without.
    pub far: Option<u16>,
}

impl Listener {
    /// All of them, with Kafka's name for what is spoken.
    const ALL: [(Self, &str); 7] = [
        (Self::Plain, "PLAINTEXT"),
        (Self::Tls, "SSL"),
        (Self::Mutual, "SSL"),
        (Self::Other, "SSL"),
        (Self::Login, "SASL_PLAINTEXT"),
        (Self::LoginTls, "SASL_SSL"),
        (Self::Far, "PLAINTEXT"),
    ];

    fn name(self) -> String {
        format!("{self:?}").to_uppercase()
    }
}

/// A running broker.
#[derive(Debug)]
pub struct KafkaServer {
    server: Server,
    /// Those of the listeners but the plain one, and the controller's last.
    ports: Vec<Port>,
}

impl KafkaServer {
    /// Starts a broker, whose topics have three partitions.
    pub async fn start(options: KafkaOptions<'_>) -> Result<Self> {
        let jars = KAFKA.path()?.join("*");
        let ports = (0..Listener::ALL.len()).map(|_| Port::take()).collect::<Result<Vec<_>>>()?;
        let server = Server::new(KAFKA.name(), |scratch, port| {
            let folder = scratch.path();
            let all: Vec<&Port> = std::iter::once(port).chain(&ports).collect();
            let settings = scratch.write("server.properties", &settings(folder, &all, options)?)?;
            let log = scratch.write("log4j2.yaml", LOG)?;
            let java = |heap: &str| {
                let mut java = Command::new("java");
                java.args([heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
                    .arg(format!("-Dlog4j2.configurationFile=file:{}", log.display()));
                java.arg("-cp").arg(&jars).current_dir(folder);
                java
            };
            let mut format = java("-Xmx128m");
            format.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"]).arg(&settings);
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                format.arg("--add-scram").arg(format!("{mechanism}=[name={USER},password={PASSWORD}]"));
            }
            let done = format.output().context("could not run java")?;
            ensure!(done.status.success(), "could not format the storage: {}", String::from_utf8_lossy(&done.stderr));
            let mut run = java("-Xmx384m");
            run.arg("kafka.Kafka").arg(&settings);
            Ok(run)
        })?;
        let mut this = Self { server, ports };
        this.start_again().await?;
        Ok(this)
    }

    /// Ends it at once.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// Starts it again where it was, with the records it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let address = self.server.address();
        self.server
            .start(|| async move {
                let asked = async {
                    let mut stream = TcpStream::connect(address).await?;
                    stream.write_all(&API_VERSIONS).await?;
                    stream.read_u32().await
                };
                timeout(Duration::from_secs(5), asked).await.is_ok_and(|answer| answer.is_ok())
            })
            .await
    }

    /// The producers' ids of the batches in a topic's partition, as they stand in its first segment; -1 of a batch that has none.
    pub fn producers(&self, topic: &str, partition: i32) -> Result<Vec<i64>> {
        // Record batches, version 2: offset (8 bytes), length of what follows (4), and from byte 43 on the producer's id (8).
        const HEAD: usize = 12;
        let file = self.server.folder().join(format!("data/{topic}-{partition}/00000000000000000000.log"));
        let log = fs::read(&file).with_context(|| format!("could not read {}", file.display()))?;
        let number =
            |range: std::ops::Range<usize>| log.get(range).map(|bytes| bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte)));
        let (mut ids, mut at) = (Vec::new(), 0);
        while let (Some(length @ 1..), Some(id)) = (number(at + 8..at + HEAD), number(at + 43..at + 51)) {
            ids.push(id.cast_signed());
            at += HEAD + usize::try_from(length)?;
        }
        Ok(ids)
    }

    /// Where a listener is, as host and port.
    pub fn broker(&self, listener: Listener) -> String {
        format!("localhost:{}", self.address(listener).port())
    }

    /// Where a listener is.
    pub fn address(&self, listener: Listener) -> SocketAddr {
        let place = Listener::ALL.iter().position(|(one, _)| *one == listener).unwrap_or_default();
        place.checked_sub(1).map_or(self.server.address(), |place| self.ports[place].address())
    }
}

const LOG: &str = "Configuration:
  status: ERROR
  Appenders:
    Console: { name: STDOUT, PatternLayout: { pattern: \"[%d] %p %m (%c)%n\" } }
  Loggers:
    Root: { level: WARN, AppenderRef: { ref: STDOUT } }
";

/// The broker's settings; of the ports the last is the controller's.
fn settings(folder: &Path, ports: &[&Port], options: KafkaOptions<'_>) -> Result<String> {
    let KafkaOptions { certificates, creates_topics, far } = options;
    let served: Vec<(Listener, &str, u16)> = Listener::ALL
        .iter()
        .zip(ports)
        .map(|(&(listener, protocol), port)| (listener, protocol, port.number()))
        .filter(|(listener, protocol, _)| match listener {
            Listener::Far => far.is_some(),
            _ => certificates.is_some() || !protocol.ends_with("SSL"),
        })
        .collect();
    let controller = ports.last().map_or(0, |port| port.number());
    let list = |entry: &dyn Fn(&(Listener, &str, u16)) -> String| served.iter().map(entry).collect::<Vec<_>>().join(",");
    let bound = list(&|(listener, _, port)| format!("{}://127.0.0.1:{port}", listener.name()));
    let told = list(&|(listener, _, port)| {
        let port = far.filter(|_| *listener == Listener::Far).unwrap_or(*port);
        format!("{}://localhost:{port}", listener.name())
    });
    let spoken = list(&|(listener, protocol, _)| format!("{}:{protocol}", listener.name()));
    let mut settings = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n\
         listeners={bound},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={told}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,{spoken}\ninter.broker.listener.name=PLAIN\nlog.dirs={}\nnum.partitions=3\n\
         offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=1\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\nauto.create.topics.enable={creates_topics}\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n",
        folder.join("data").display(),
    );
    if let Some(certificates) = certificates {
        for (prefix, Identity { certificate, key }) in [("", &certificates.server), ("listener.name.other.", &certificates.other)] {
            let file = folder.join(format!("{prefix}pem"));
            fs::write(&file, format!("{key}{certificate}")).with_context(|| format!("could not write {}", file.display()))?;
            settings.push_str(&format!("{prefix}ssl.keystore.type=PEM\n{prefix}ssl.keystore.location={}\n", file.display()));
        }
        settings.push_str(&format!(
            "ssl.truststore.type=PEM\nssl.truststore.location={}\nssl.client.auth=none\nlistener.name.mutual.ssl.client.auth=required\n\
             listener.name.other.ssl.client.auth=required\n",
            certificates.file("ca.crt").display(),
        ));
    }
    for listener in ["login", "logintls"] {
        let modules = "org.apache.kafka.common.security";
        settings.push_str(&format!(
            "listener.name.{listener}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n"
        ));
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            settings
                .push_str(&format!("listener.name.{listener}.{mechanism}.sasl.jaas.config={modules}.scram.ScramLoginModule required;\n"));
        }
    }
    Ok(settings)
}
