//! `herald cluster`: says which cluster the kubeconfig leads to, and whether it answers.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub(crate) struct ClusterArgs {
    /// The kubeconfig file; without it KUBECONFIG, the pod's service account, then ~/.kube/config
    #[arg(long, env = "HERALD_KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: ClusterArgs) -> anyhow::Result<()> {
    println!("{}", herald_cluster::version(args.kubeconfig.as_deref()).await?);
    Ok(())
}
