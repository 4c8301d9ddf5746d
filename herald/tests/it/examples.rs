//! The programs of the README that subscribe, run as they stand.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use herald_common::{
    CancellationToken,
    bus::{Bus, Headers, Message, Stream},
    config::Nats,
    health::Health,
};
use herald_testkit::{nats::NatsServer, process::Process, skip_unless, stage, tools::Tool};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

/// A server that holds three enriched events.
async fn server() -> Result<NatsServer> {
    let nats = NatsServer::start().await?;
    let settings = Nats { url: Some(nats.url()), ..Nats::default() };
    let bus = Bus::connect(&settings, "test", Health::default().condition("nats"), &CancellationToken::new()).await?;
    for number in 1..=3 {
        let payload = format!(
            r#"{{"metadata":{{}},"reason":"Tested","message":"number {number}","involvedObject":{{"kind":"Pod","name":"web","deleted":false}}}}"#
        );
        let subject = bus.subjects().enriched("c", "Normal", "shop", "Pod", "Tested");
        bus.publish(Message {
            stream: Stream::Enriched,
            subject,
            id: format!("c/u/{number}"),
            headers: Headers::new(),
            payload: payload.into(),
        })
        .await?;
    }
    Ok(nats)
}

/// Runs a program twice, for two events and then for the third: a durable consumer goes on where it stopped.
async fn goes_on(nats: &NatsServer, program: impl Fn(&str) -> Command) -> Result<()> {
    let mut said = Vec::new();
    for count in ["2", "1"] {
        let mut command = program(count);
        command.env("NATS_URL", nats.url());
        let process = Process::spawn("an example", &command, None)?;
        let status = process.exited(Duration::from_secs(60)).await?;
        ensure!(status.success(), "{status}: {:?}", process.output());
        said.push(process.output().join("\n"));
    }
    let [first, second] = &said[..] else { anyhow::bail!("two runs") };
    ensure!(first.contains("number 1") && first.contains("number 2") && !first.contains("number 3"), "first run: {first}");
    ensure!(second.contains("number 3") && !second.contains("number 2"), "second run: {second}");
    Ok(())
}

#[tokio::test]
async fn the_python_example_goes_on_where_it_stopped() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::NatsPy);
    let library = Tool::NatsPy.path()?;
    goes_on(&server().await?, |count| {
        let mut command = Command::new("python3");
        command.arg(format!("{EXAMPLES}/subscribe.py")).args(["herald.enriched.*.*.shop.>", count]).env("PYTHONPATH", &library);
        command
    })
    .await
}

#[tokio::test]
async fn the_shell_example_goes_on_where_it_stopped() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Nats);
    let nats = Tool::Nats.path()?;
    let folder = nats.parent().context("a folder")?.display().to_string();
    #[allow(clippy::disallowed_methods, reason = "the example finds its program on PATH")]
    let path = format!("{folder}:{}", std::env::var("PATH")?);
    goes_on(&server().await?, |count| {
        let mut command = Command::new("bash");
        command.arg(format!("{EXAMPLES}/subscribe.sh")).args(["herald.enriched.*.*.shop.>", count]).env("PATH", &path);
        command
    })
    .await
}

#[tokio::test]
async fn the_rust_example_goes_on_where_it_stopped() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let program = stage::bin("examples/subscribe")?;
    goes_on(&server().await?, |count| {
        let mut command = Command::new(&program);
        command.args(["herald.enriched.*.*.shop.>", count]);
        command
    })
    .await
}
