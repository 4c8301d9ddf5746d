//! A real Kubernetes control plane: etcd and kube-apiserver, with RBAC and an audit log.
//!
//! There are no controllers, no scheduler and no nodes: an object is what a test writes, owners are not followed and a deleted
//! namespace stays. Users are made with client certificates, service accounts with the API server's own tokens, so that
//! permissions are tested for real. The audit log counts every request that anyone makes.

mod api;
mod audit;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use serde_json::json;
use tokio::sync::OnceCell;

pub use self::{
    api::{ApiClient, ApiError},
    audit::AuditRecord,
};
use crate::{
    certs::{self, Authority, Identity},
    client,
    process::Process,
    scratch::{Port, Scratch},
    tools::Tool,
};

/// How long the pair may take to be ready; on an idle machine it is about seven seconds.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often a start is tried when other programs take its ports.
const STARTS: usize = 3;

/// How a control plane differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct ControlPlaneOptions {
    /// How long events live; an hour by default.
    pub event_ttl: Option<Duration>,
    /// How often etcd's history is cut, after which a watch from before is answered 410; five minutes by default.
    pub compaction_interval: Option<Duration>,
    /// More flags for kube-apiserver, such as `--watch-cache=false`.
    pub apiserver_flags: Vec<String>,
}

/// Who makes requests.
#[derive(Clone, Debug)]
pub struct User {
    name: String,
    credentials: Credentials,
}

#[derive(Clone, Debug)]
enum Credentials {
    Certificate(Identity),
    Token(String),
}

/// A running control plane; dropping it kills both servers.
#[derive(Debug)]
pub struct ControlPlane {
    apiserver: Process,
    etcd: Process,
    setup: Setup,
    admin: User,
    kubeconfig: PathBuf,
}

impl ControlPlane {
    /// Starts etcd and kube-apiserver and waits until they are ready.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self> {
        let mut tries = 1;
        loop {
            let plane = Self::spawn(&options)?;
            match plane.ready().await {
                Err(_) if tries < STARTS && plane.lost_a_port() => tries += 1,
                ready => return ready.map(|()| plane),
            }
        }
    }

    /// The control plane that all tests of a test binary share, started by the first that asks and killed with the test process.
    ///
    /// Each test keeps to namespaces of its own.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start(ControlPlaneOptions::default())).await
    }

    fn spawn(options: &ControlPlaneOptions) -> Result<Self> {
        let setup = Setup::new(options)?;
        let etcd = setup.spawn_etcd()?;
        let apiserver = setup.spawn_apiserver()?;
        let admin = setup.user("admin", &["system:masters"])?;
        let kubeconfig = setup.write_kubeconfig(&admin)?;
        Ok(Self { apiserver, etcd, setup, admin, kubeconfig })
    }

    /// Waits until the API server says that it is ready and its first namespaces are there.
    pub async fn ready(&self) -> Result<()> {
        let admin = &self.admin()?;
        let answers = || async move {
            let ready = admin.text("/readyz").await.is_ok() && admin.get("/api/v1/namespaces/default").await.is_ok();
            ready.then_some(())
        };
        let what = "a ready kube-apiserver";
        let ready = || async { Some(self.apiserver.wait_for(what, READY_WITHIN, answers).await) };
        // The wait ends when either server does; the longer bound leaves it to the inner wait to say what did not come.
        self.etcd.wait_for(what, READY_WITHIN * 2, ready).await?
    }

    fn lost_a_port(&self) -> bool {
        let taken = |process: &Process| process.output().iter().any(|line| line.contains("address already in use"));
        taken(&self.etcd) || taken(&self.apiserver)
    }

    /// The address of the API server, `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.setup.url()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client that may do everything. Each test makes its own: a client does not survive the runtime that it was used in.
    pub fn admin(&self) -> Result<ApiClient> {
        self.client_for(&self.admin)
    }

    /// Makes a user with a client certificate, with at most two groups; `system:authenticated` comes by itself.
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<User> {
        self.setup.user(name, groups)
    }

    /// Makes a token, valid for an hour, of a service account that exists.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<User> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let answer = self.admin()?.create(&path, &request).await?;
        let token = answer.pointer("/status/token").and_then(|token| token.as_str());
        let token = token.ok_or_else(|| anyhow!("{path} answered without a token"))?.to_owned();
        Ok(User { name: format!("system:serviceaccount:{namespace}:{name}"), credentials: Credentials::Token(token) })
    }

    /// A client that makes requests as the user.
    pub fn client_for(&self, user: &User) -> Result<ApiClient> {
        self.setup.client(user)
    }

    /// Writes a kubeconfig with which a program makes requests as the user.
    pub fn kubeconfig_for(&self, user: &User) -> Result<PathBuf> {
        self.setup.write_kubeconfig(user)
    }

    /// The requests made so far, one record each, in the order in which they were first logged. A watch is there from its start;
    /// any other request once it is answered, which may be a moment after its client has the answer.
    pub fn audit(&self) -> Result<Vec<AuditRecord>> {
        audit::read(&self.setup.audit_log())
    }

    /// The API server's process.
    pub fn apiserver(&self) -> &Process {
        &self.apiserver
    }

    /// Kills the API server (SIGKILL); etcd goes on.
    pub fn kill_apiserver(&mut self) {
        self.apiserver.kill();
    }

    /// Starts the API server again on the same port and etcd, killing it before when it runs, and waits until it is ready.
    pub async fn restart_apiserver(&mut self) -> Result<()> {
        self.apiserver.kill();
        self.apiserver = self.setup.spawn_apiserver()?;
        self.ready().await
    }
}

/// What makes a control plane the same one over a restart: ports, keys, files.
#[derive(Debug)]
struct Setup {
    etcd: PathBuf,
    apiserver: PathBuf,
    apiserver_flags: Vec<String>,
    store: Port,
    port: Port,
    authority: Authority,
    scratch: Scratch,
}

impl Setup {
    fn new(options: &ControlPlaneOptions) -> Result<Self> {
        let scratch = Scratch::new("kubernetes")?;
        let authority = Authority::new("herald-testkit")?;
        let server = authority.server(&["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
        let (public, private) = certs::signing_keys()?;
        let files = [
            ("ca.crt", authority.certificate()),
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("tokens.pub", &public),
            ("tokens.key", &private),
            ("audit.yaml", audit::POLICY),
        ];
        for (name, content) in files {
            scratch.write(name, content)?;
        }
        let seconds = |flag: &str, value: Option<Duration>| value.map(|value| format!("--{flag}={}ms", value.as_millis()));
        let mut apiserver_flags = options.apiserver_flags.clone();
        apiserver_flags.extend(seconds("event-ttl", options.event_ttl));
        apiserver_flags.extend(seconds("etcd-compaction-interval", options.compaction_interval));
        Ok(Self {
            etcd: Tool::Etcd.path()?,
            apiserver: Tool::KubeApiserver.path()?,
            apiserver_flags,
            store: Port::take()?,
            port: Port::take()?,
            authority,
            scratch,
        })
    }

    fn spawn_etcd(&self) -> Result<Process> {
        let clients = format!("http://{}", self.store.address());
        // etcd has no peers, so that any port serves; it is not told to anyone.
        let peers = format!("http://{}", SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut command = Command::new(&self.etcd);
        command
            .arg(format!("--data-dir={}", self.file("etcd")))
            .arg(format!("--listen-client-urls={clients}"))
            .arg(format!("--advertise-client-urls={clients}"))
            .arg(format!("--listen-peer-urls={peers}"))
            .arg(format!("--initial-advertise-peer-urls={peers}"))
            .arg(format!("--initial-cluster=default={peers}"))
            // Nothing here is to survive the machine.
            .arg("--unsafe-no-fsync");
        Process::spawn("etcd", &command, None)
    }

    fn spawn_apiserver(&self) -> Result<Process> {
        let mut command = Command::new(&self.apiserver);
        command
            .arg(format!("--etcd-servers=http://{}", self.store.address()))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={}", self.port.number()))
            .arg(format!("--cert-dir={}", self.file("generated")))
            .arg(format!("--tls-cert-file={}", self.file("server.crt")))
            .arg(format!("--tls-private-key-file={}", self.file("server.key")))
            .arg(format!("--client-ca-file={}", self.file("ca.crt")))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(format!("--service-account-key-file={}", self.file("tokens.pub")))
            .arg(format!("--service-account-signing-key-file={}", self.file("tokens.key")))
            .args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"])
            // Pods are to be creatable without a controller that makes the service account they name.
            .arg("--disable-admission-plugins=ServiceAccount")
            .arg(format!("--audit-policy-file={}", self.file("audit.yaml")))
            .arg(format!("--audit-log-path={}", self.audit_log().display()))
            // One file, whatever its size (in MB): its reader does not look for rotated ones.
            .arg("--audit-log-maxsize=100000")
            .args(&self.apiserver_flags);
        Process::spawn("kube-apiserver", &command, None)
    }

    fn url(&self) -> String {
        format!("https://{}", self.port.address())
    }

    fn file(&self, name: &str) -> String {
        self.scratch.path().join(name).display().to_string()
    }

    fn audit_log(&self) -> PathBuf {
        self.scratch.path().join("audit.log")
    }

    fn user(&self, name: &str, groups: &[&str]) -> Result<User> {
        Ok(User { name: name.to_owned(), credentials: Credentials::Certificate(self.authority.client(name, groups)?) })
    }

    fn client(&self, user: &User) -> Result<ApiClient> {
        let (identity, token) = match &user.credentials {
            Credentials::Certificate(identity) => (Some(identity), None),
            Credentials::Token(token) => (None, Some(token.clone())),
        };
        let builder = client::trusting(self.authority.certificate(), identity)?;
        let http = builder.build().with_context(|| format!("could not make a client for {}", user.name))?;
        Ok(ApiClient::new(http, self.url(), token))
    }

    /// A kubeconfig is YAML, of which JSON is a part.
    fn write_kubeconfig(&self, user: &User) -> Result<PathBuf> {
        let name = user.name.replace([':', '/'], "-");
        let credentials = match &user.credentials {
            Credentials::Certificate(identity) => json!({
                "client-certificate": self.scratch.write(&format!("{name}.crt"), &identity.certificate)?,
                "client-key": self.scratch.write(&format!("{name}.key"), &identity.key)?,
            }),
            Credentials::Token(token) => json!({ "token": token }),
        };
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url(), "certificate-authority": self.file("ca.crt")}}],
            "users": [{"name": user.name, "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user.name}}],
        });
        self.scratch.write(&format!("{name}.kubeconfig"), &format!("{config:#}\n"))
    }
}
