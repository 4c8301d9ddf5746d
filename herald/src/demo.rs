//! The demo: a control plane with a small workload, for `herald up --demo`, and the simulated API server alone, for `herald demo`.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use herald_common::{
    CancellationToken,
    config::{LogFormat, LogLevel},
    logging, shutdown,
};
use herald_testkit::{
    apiserver::ApiServer,
    demo::{self, DemoOptions},
    kubernetes::{ControlPlane, ControlPlaneOptions},
    tools::Tool,
};

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Where the simulated API server listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8001")]
    listen: SocketAddr,
    /// Events a second
    #[arg(long, default_value_t = 2.0)]
    rate: f64,
}

/// `herald demo`: serves until stopped.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    logging::init(LogLevel::Info, LogFormat::Pretty);
    anyhow::ensure!(args.rate > 0.0, "--rate {}: must be above 0", args.rate);
    let stop = shutdown::on_signals()?;
    let server = ApiServer::start_at(args.listen).await.with_context(|| format!("--listen: cannot serve on {}", args.listen))?;
    // It may run for days.
    server.keep_events(5_000);
    server.limit_history(20_000);
    tracing::info!(address = server.url(), "simulated API server, try `kubectl --server {} get events -A -w`", server.url());
    let api = server.client()?;
    demo::run(&api, DemoOptions { rate: args.rate, ..DemoOptions::default() }, &stop).await;
    Ok(())
}

/// A control plane with the demo's workload; it ends when dropped.
pub(crate) struct Demo {
    /// Leads to it.
    pub(crate) kubeconfig: PathBuf,
    _plane: Plane,
}

/// Which control plane it is.
enum Plane {
    Real { _plane: Box<ControlPlane> },
    Simulated { _server: ApiServer },
}

impl Demo {
    /// Starts a real control plane where its programs are there, else the simulated one, and its workload.
    ///
    /// # Errors
    /// When the control plane does not start.
    pub(crate) async fn start(stop: CancellationToken) -> anyhow::Result<Self> {
        let (kubeconfig, api, plane) = match (Tool::Etcd.path(), Tool::KubeApiserver.path()) {
            (Ok(_), Ok(_)) => {
                tracing::info!("demo: starting a real etcd and kube-apiserver, about ten seconds");
                let plane = ControlPlane::start(ControlPlaneOptions::default()).await?;
                (plane.kubeconfig().to_owned(), plane.admin()?, Plane::Real { _plane: Box::new(plane) })
            }
            (Err(missing), _) | (_, Err(missing)) => {
                tracing::info!(%missing, "demo: using the simulated API server");
                let server = ApiServer::start().await?;
                (server.kubeconfig()?, server.client()?, Plane::Simulated { _server: server })
            }
        };
        tracing::info!(kubeconfig = %kubeconfig.display(), "demo: running, look into it with `kubectl --kubeconfig`");
        tokio::spawn(async move { demo::run(&api, DemoOptions::default(), &stop).await });
        Ok(Self { kubeconfig, _plane: plane })
    }
}
