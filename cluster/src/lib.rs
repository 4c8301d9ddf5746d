//! The client of the API server: which cluster, from which file, under which name. Shared by the stages that ask it.
//!
//! In goes the kubeconfig of the command line; without one `KUBECONFIG`, the pod's service account, then `~/.kube/config` are used. The client retries
//! nothing by itself, so that every failure is seen, counted and waited for in one place.

use std::path::Path;

use anyhow::Context as _;
use herald_common::env;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// Makes a client that calls itself `agent` (`herald-watcher`) in the API server's audit log; the API server is not asked yet.
///
/// # Errors
/// When no configuration is found, or it cannot be used.
pub async fn connect(kubeconfig: Option<&Path>, agent: &str) -> anyhow::Result<Client> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path).await.with_context(|| format!("cannot use the kubeconfig {}", path.display()))?,
        None if env::var("KUBECONFIG").is_some() => {
            let merged = Kubeconfig::from_env().context("cannot read the files of KUBECONFIG")?.unwrap_or_default();
            Config::from_custom_kubeconfig(merged, &KubeConfigOptions::default()).await.context("cannot use the files of KUBECONFIG")?
        }
        None => match Config::incluster() {
            Ok(config) => config,
            Err(_) => Config::from_kubeconfig(&KubeConfigOptions::default())
                .await
                .context("neither a pod's service account nor ~/.kube/config can be used, name a file with --kubeconfig")?,
        },
    };
    config.default_retry = false;
    let agent = format!("{agent}/{}", herald_common::VERSION);
    config.headers.push((http::header::USER_AGENT, agent.parse().context("cannot be named in a header")?));
    tracing::info!(server = %config.cluster_url, "using kube-apiserver");
    Client::try_from(config).context("cannot set up the connection to kube-apiserver")
}

/// Says which cluster a kubeconfig leads to, and its version.
///
/// # Errors
/// When no configuration can be used, or the cluster does not answer within three seconds.
pub async fn version(kubeconfig: Option<&Path>) -> anyhow::Result<String> {
    let client = connect(kubeconfig, "herald").await?;
    let answer = tokio::time::timeout(std::time::Duration::from_secs(3), client.apiserver_version());
    let version =
        answer.await.context("kube-apiserver does not answer within three seconds")?.context("kube-apiserver cannot be reached")?;
    Ok(format!("Kubernetes {}", version.git_version))
}

async fn from_file(path: &Path) -> Result<Config, kube::config::KubeconfigError> {
    Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await
}
