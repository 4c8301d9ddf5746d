//! The stages as the manifests run them: as nobody in particular, without capabilities, on a read-only file system.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use herald_testkit::{
    apiserver::ApiServer,
    confine::confined,
    nats::NatsServer,
    process::Process,
    scratch::Scratch,
    skip_unless, stage,
    stage::{Stage, StageOptions},
    tools::Tool,
    wait,
};

use crate::harness::{BOUND, STAGES, TO_FILE, USUAL, event, identity, namespace, pod};

/// Runs a program confined to its end and returns what it printed.
async fn run(scratch: &Scratch, program: &Path, writable: &[PathBuf], arguments: &[&str]) -> Result<Vec<String>> {
    let mut command = confined(program, &scratch.path().join("program"), writable)?;
    command.args(arguments);
    let process = Process::spawn("a confined program", &command, None)?;
    let status = process.exited(BOUND).await?;
    ensure!(status.success(), "{status}: {:?}", process.output());
    Ok(process.output())
}

fn folder(scratch: &Scratch, name: &str) -> Result<PathBuf> {
    let folder = scratch.path().join(name);
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// What the kernel says of a process's user and rights.
fn is_powerless(stage: &Stage) -> Result<bool> {
    let status = fs::read_to_string(format!("/proc/{}/status", stage.process().pid()))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let users = field("Uid:");
    Ok(users.split_whitespace().all(|user| user != "0")
        && ["CapEff:", "CapPrm:", "CapBnd:"].iter().all(|set| field(set) == "0000000000000000")
        && field("NoNewPrivs:") == "1")
}

#[tokio::test]
async fn what_is_confined_can_write_nowhere_but_where_it_may() -> Result<()> {
    skip_unless!(Tool::Unshare);
    let scratch = Scratch::new("confined")?;
    let (writable, other) = (folder(&scratch, "writable")?, folder(&scratch, "other")?);
    let everywhere = format!("/ /tmp /var/tmp /dev/shm /run /etc /usr/bin {} {} .", scratch.path().display(), other.display());
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    let script = format!(
        "for folder in {everywhere}; do if touch \"$folder/herald-was-here\" 2>/dev/null; then echo \"wrote to $folder\"; fi; done; touch {}/x && echo written",
        writable.display()
    );
    let said = run(&scratch, Path::new("/bin/sh"), &[writable], &["-c", &script]).await?;
    ensure!(said.last().is_some_and(|line| line == "written") && !said.iter().any(|line| line.starts_with("wrote")), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn the_pipeline_writes_where_its_receivers_say_and_nowhere_else() -> Result<()> {
    skip_unless!(Tool::NatsServer, Tool::Unshare);
    let scratch = Scratch::new("readonly")?;
    let (data, nats, api) = (folder(&scratch, "data")?, NatsServer::start().await?, ApiServer::start().await?);
    let kubeconfig = scratch.write("kubeconfig", &fs::read_to_string(api.kubeconfig()?)?)?;
    let file = data.join("out.json");
    let conf = scratch.write("config.yaml", &format!("{USUAL}{}", TO_FILE.replace("OUT", &file.display().to_string())))?;
    let mut stages = Vec::new();
    for name in STAGES {
        let writable: &[&Path] = if name == "herald-sinks" { &[&data] } else { &[] };
        let options = StageOptions::new(name).conf(&conf).kubeconfig(&kubeconfig).nats(&nats.url());
        stages.push(options.confined(&folder(&scratch, name)?.join("program"), writable).start()?);
    }
    for stage in &stages {
        stage.ready().await?;
        ensure!(is_powerless(stage)?, "a stage runs with rights");
    }
    let admin = api.client()?;
    namespace(&admin, "shop").await?;
    let web = pod(&admin, "shop", "web").await?;
    let mut wanted = Vec::new();
    for number in 0..20 {
        wanted.push(identity(&event(&admin, "shop", &format!("e-{number}"), &web, "Pod").await?));
    }
    let delivered = || async {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let found: Vec<String> = text.lines().filter_map(|line| Some(identity(&serde_json::from_str(line).ok()?))).collect();
        wanted.iter().all(|identity| found.contains(identity))
    };
    wait::until("every event in the file", BOUND, delivered).await?;
    let url = nats.url();
    let lines = run(&scratch, &stage::bin("herald")?, &[], &["tail", "--no-follow", "--from", "all", "--nats", &url]).await?;
    ensure!(lines.len() == wanted.len(), "{lines:?}");
    run(&scratch, &stage::bin("herald")?, &[], &["status", "--nats", &url]).await?;
    for stage in &stages {
        stage.terminate(BOUND).await?;
    }
    let written: Vec<PathBuf> = fs::read_dir(&data)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    ensure!(written == [file], "{written:?}");
    Ok(())
}
