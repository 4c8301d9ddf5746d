//! Apache Kafka: one broker that is its own controller, with a listener for each way to connect and log in.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Certificates, Server};
use crate::{
    scratch::Port,
    tools::{Recipe, Tool},
};

/// Apache Kafka.
pub const KAFKA: Tool = Tool::Receiver(&Recipe { name: "kafka", script: include_str!("../../tools/kafka.sh"), program: None });

/// The user of the listeners that ask for a login, whatever the mechanism.
pub const USER: &str = "tester";
/// The user's password.
pub const PASSWORD: &str = "tester-secret";

/// Any id will do.
const CLUSTER: &str = "aY0LHBPoSBumMPOE8XnDSQ";
/// ApiVersions (key 18, version 0) without a client id.
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
    /// A login: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    Login,
    /// A login over TLS.
    LoginTls,
}

impl Listener {
    /// All of them, with Kafka's name for what is spoken.
    const ALL: [(Self, &str); 5] = [
        (Self::Plain, "PLAINTEXT"),
        (Self::Tls, "SSL"),
        (Self::Mutual, "SSL"),
        (Self::Login, "SASL_PLAINTEXT"),
        (Self::LoginTls, "SASL_SSL"),
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
    /// Starts a broker; without certificates it has the plain listener and that with a login. Topics have three partitions, and are created by writing to
    /// them if it `creates_topics`.
    pub async fn start(certificates: Option<&Certificates>, creates_topics: bool) -> Result<Self> {
        let jars = KAFKA.path()?.join("*");
        let ports = (0..Listener::ALL.len()).map(|_| Port::take()).collect::<Result<Vec<_>>>()?;
        let server = Server::new(KAFKA.name(), |scratch, port| {
            let folder = scratch.path();
            let all: Vec<&Port> = std::iter::once(port).chain(&ports).collect();
            let settings = scratch.write("server.properties", &settings(folder, &all, certificates, creates_topics)?)?;
            let log = scratch.write("log4j2.yaml", LOG)?;
            let java = |heap: &str| {
                let mut java = Command::new("java");
                java.args([heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]).arg(format!("-Dlog4j2.configurationFile=file:{}", log.display()));
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

    /// Where a listener is, as host and port.
    pub fn broker(&self, listener: Listener) -> String {
        let place = Listener::ALL.iter().position(|(one, _)| *one == listener).unwrap_or_default();
        let port = place.checked_sub(1).map_or(self.server.address().port(), |place| self.ports[place].number());
        format!("localhost:{port}")
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
fn settings(folder: &Path, ports: &[&Port], certificates: Option<&Certificates>, creates_topics: bool) -> Result<String> {
    let served: Vec<(Listener, &str, u16)> = Listener::ALL
        .iter()
        .zip(ports)
        .map(|(&(listener, protocol), port)| (listener, protocol, port.number()))
        .filter(|(_, protocol, _)| certificates.is_some() || !protocol.ends_with("SSL"))
        .collect();
    let controller = ports.last().map_or(0, |port| port.number());
    let list = |entry: &dyn Fn(&(Listener, &str, u16)) -> String| served.iter().map(entry).collect::<Vec<_>>().join(",");
    let bound = list(&|(listener, _, port)| format!("{}://127.0.0.1:{port}", listener.name()));
    let told = list(&|(listener, _, port)| format!("{}://localhost:{port}", listener.name()));
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
        let whole = format!("{}{}", certificates.server.key, certificates.server.certificate);
        let file = folder.join("server.pem");
        fs::write(&file, whole).with_context(|| format!("could not write {}", file.display()))?;
        settings.push_str(&format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={}\nssl.truststore.type=PEM\nssl.truststore.location={}\nssl.client.auth=none\n\
             listener.name.mutual.ssl.client.auth=required\n",
            file.display(),
            certificates.file("ca.crt").display(),
        ));
    }
    for listener in ["login", "logintls"] {
        let modules = "org.apache.kafka.common.security";
        settings.push_str(&format!(
            "listener.name.{listener}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n"
        ));
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            settings.push_str(&format!(
                "listener.name.{listener}.{mechanism}.sasl.jaas.config={modules}.scram.ScramLoginModule required;\n"
            ));
        }
    }
    Ok(settings)
}
