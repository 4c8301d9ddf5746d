//! The nats-server that `herald up` runs for itself when it is given none.
//!
//! It listens on 127.0.0.1 only and keeps JetStream below Herald's state folder, where it also leaves its address for `tail`, `status` and `replay`. It
//! runs in a process group of its own, so that Ctrl-C reaches Herald first and the stages drain into a server that still runs. One that outlived a killed
//! Herald is used again instead of a second one on the same folder. When it dies it is started again on the same port.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use herald_common::{CancellationToken, env};
use herald_testkit::tools::Tool;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::JoinHandle,
};

/// The port people expect.
const USUAL_PORT: u16 = 4222;
/// The file in the state folder that holds a running server's address.
const ADDRESS_FILE: &str = "nats-url";

/// A nats-server of our own, or one that an earlier `herald up` left running.
pub(crate) struct NatsServer {
    /// Its address.
    pub(crate) url: String,
    supervisor: Option<(CancellationToken, JoinHandle<()>)>,
}

/// Returns the address a running `herald up` left, when there is one.
pub(crate) fn running() -> Option<String> {
    std::fs::read_to_string(env::state_dir().join(ADDRESS_FILE)).ok().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())
}

impl NatsServer {
    /// Starts a server that keeps its streams below `folder`, or finds the one that still runs there.
    ///
    /// # Errors
    /// When there is no nats-server program, or it does not come up.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let address_file = folder.join(ADDRESS_FILE);
        if let Ok(url) = std::fs::read_to_string(&address_file)
            && answers(url.trim()).await
        {
            tracing::info!(nats = url.trim(), "using the nats-server that runs already");
            return Ok(Self { url: url.trim().to_owned(), supervisor: None });
        }
        let program =
            Tool::NatsServer.path().context("herald up needs a nats-server: get one with `make tools`, or name yours with --nats")?;
        let port = if TcpListener::bind(("127.0.0.1", USUAL_PORT)).await.is_ok() { USUAL_PORT } else { free_port().await? };
        let spec = Spec { program, folder: folder.to_owned(), port };
        let mut child = spec.spawn()?;
        let url = format!("nats://127.0.0.1:{port}");
        let started = tokio::time::Instant::now();
        while !answers(&url).await {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("nats-server ended with {status}, its log is {}", spec.log().display());
            }
            anyhow::ensure!(
                started.elapsed() < Duration::from_secs(30),
                "nats-server does not answer at {url}, its log is {}",
                spec.log().display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::fs::write(&address_file, &url).with_context(|| format!("cannot write {}", address_file.display()))?;
        tracing::info!(nats = url, folder = %folder.display(), "started nats-server");
        let stop = CancellationToken::new();
        let supervisor = tokio::spawn(supervise(spec, child, address_file, stop.clone()));
        Ok(Self { url, supervisor: Some((stop, supervisor)) })
    }

    /// Ends the server, when it is ours, after it has written what it holds.
    pub(crate) async fn stop(self) {
        if let Some((stop, supervisor)) = self.supervisor {
            stop.cancel();
            if let Err(error) = supervisor.await {
                tracing::warn!(%error, "nats-server's supervisor failed");
            }
        }
    }
}

struct Spec {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Spec {
    fn log(&self) -> PathBuf {
        self.folder.join("nats-server.log")
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(["--jetstream", "--addr", "127.0.0.1", "--port", &self.port.to_string()]);
        command.arg("--store_dir").arg(self.folder.join("jetstream")).arg("--log").arg(self.log());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
        command.spawn().with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// Keeps the server running until `stop`, then ends it.
async fn supervise(spec: Spec, mut child: Child, address_file: PathBuf, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            status = child.wait() => {
                tracing::error!(status = status.map(|status| status.to_string()).unwrap_or_default(), log = %spec.log().display(), "nats-server ended, starting it again");
                tokio::time::sleep(Duration::from_secs(1)).await;
                match spec.spawn() {
                    Ok(started) => child = started,
                    Err(error) => tracing::error!(error = format!("{error:#}"), "nats-server does not start"),
                }
            }
        }
    }
    // Best effort: what cannot be removed or signalled is found stale by the next start.
    let _ = std::fs::remove_file(address_file);
    if let Some(pid) = child.id() {
        let _ = Command::new("kill").arg(pid.to_string()).status().await;
    }
    if tokio::time::timeout(Duration::from_secs(10), child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port())
}

/// Tells whether a NATS server greets at an address.
async fn answers(url: &str) -> bool {
    let Some(address) = url.strip_prefix("nats://") else { return false };
    let greeting = async {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.readable().await.ok()?;
        let mut bytes = [0; 5];
        let read = stream.try_read(&mut bytes).ok()?;
        Some(bytes[..read].starts_with(b"INFO"))
    };
    tokio::time::timeout(Duration::from_secs(1), greeting).await.ok().flatten().unwrap_or(false)
}
