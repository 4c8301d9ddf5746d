//! A process is ready when its stages have started, not merely because nothing was found that keeps it from being so.

use clap::{Args as _, Command, FromArgMatches as _};
use herald_common::{
    CancellationToken,
    args::StageArgs,
    config::Config,
    stage::{self, Context, Process, Stage},
};
use herald_testkit::{nats::NatsServer, skip_unless, tools::Tool, wait};
use tokio::sync::oneshot;

use crate::bus::{BOUND, settings};

/// A stage that starts when it is told to.
struct Slow {
    /// Told that it runs.
    runs: oneshot::Sender<()>,
    start: oneshot::Receiver<()>,
}

impl Stage for Slow {
    const NAME: &'static str = "slow";
    const BINARY: &'static str = "herald-slow";
    const ABOUT: &'static str = "Starts slowly";

    fn from_matches(_: &clap::ArgMatches) -> anyhow::Result<Self> {
        anyhow::bail!("made by the test alone")
    }

    async fn run(self, context: Context) -> anyhow::Result<()> {
        let _ = self.runs.send(());
        self.start.await?;
        context.started.met();
        context.stop.cancelled().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_process_is_not_ready_before_its_stages_have_started() {
    skip_unless!(Tool::NatsServer);
    let nats = NatsServer::start().await.expect("starts");
    let config = Config { nats: settings(nats.url()), ..Config::default() };
    let matches =
        StageArgs::augment_args(Command::new("herald-slow")).get_matches_from(["herald-slow", "--metrics-address", "127.0.0.1:0"]);
    let args = StageArgs::from_arg_matches(&matches).expect("arguments");
    let process = Process::start(config, &args, &[Slow::NAME], CancellationToken::new()).await.expect("starts");
    let not_started = ["slow: started: not there yet"];
    assert_eq!(process.health.unready(), not_started, "before NATS is connected to");
    let context = process.context::<Slow>(None).await.expect("connects");
    assert_eq!(process.health.unready(), not_started, "NATS is there, the stage is not");
    let ((runs, begun), (go, start)) = (oneshot::channel(), oneshot::channel());
    let running = tokio::spawn(stage::run(Slow { runs, start }, context));
    begun.await.expect("it runs");
    assert_eq!(process.health.unready(), not_started);
    go.send(()).expect("the stage waits");
    wait::until("the process to be ready", BOUND, || async { process.health.unready().is_empty() }).await.expect("ready");
    process.stop.cancel();
    running.await.expect("no panic").expect("ends well");
}
