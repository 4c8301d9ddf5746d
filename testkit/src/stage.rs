//! Herald's own binaries, run as a user runs them.
//!
//! They are taken from the folder in which the running test was built. A stage binds a port that the system chooses and logs it;
//! it is ready when `/-/ready` says so.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::{
    client,
    confine::confined,
    process::{self, Process},
};

/// How long a stage may take to be ready, the servers it needs being there.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The path of one of Herald's binaries, built with the same profile as the running test.
pub fn bin(name: &str) -> Result<PathBuf> {
    let path = own_folder()?.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!("there is no {}: build it with 'cargo build --workspace --bins'", path.display());
    }
    Ok(path)
}

/// The folder of the binaries that were built with the running test.
fn own_folder() -> Result<PathBuf> {
    let test = std::env::current_exe().context("could not find out which program this is")?;
    // Tests are in PROFILE/deps, examples in PROFILE/examples, binaries in PROFILE.
    let mut folder = test.parent().context("this program is in no folder")?;
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder = folder.parent().context("this program is not in a target folder")?;
    }
    Ok(folder.to_owned())
}

/// How a stage is started.
#[derive(Clone, Debug)]
pub struct StageOptions {
    name: String,
    /// Instead of the binary of the name.
    program: Option<PathBuf>,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    log: Option<PathBuf>,
    wrapper: Vec<OsString>,
    /// Where the program is seen when it is confined, and where it may write.
    confined: Option<(PathBuf, Vec<PathBuf>)>,
}

impl StageOptions {
    /// Begins with the name of a binary, such as `herald-watcher`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            log: None,
            program: None,
            wrapper: Vec::new(),
            confined: None,
        }
    }

    /// Another program that is to be run in its place.
    #[must_use]
    pub fn program(mut self, path: &Path) -> Self {
        self.program = Some(path.to_owned());
        self
    }

    /// The configuration file.
    #[must_use]
    pub fn conf(self, path: &Path) -> Self {
        self.arg("--conf").arg(path)
    }

    /// The kubeconfig.
    #[must_use]
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.arg("--kubeconfig").arg(path)
    }

    /// The NATS servers, separated by commas.
    #[must_use]
    pub fn nats(self, urls: &str) -> Self {
        self.arg("--nats").arg(urls)
    }

    /// A further argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// A file to which all it prints is appended.
    #[must_use]
    pub fn log(mut self, path: &Path) -> Self {
        self.log = Some(path.to_owned());
        self
    }

    /// A program that becomes the stage, with its arguments, such as `nsenter`; none by default.
    #[must_use]
    pub fn within(mut self, wrapper: &[OsString]) -> Self {
        self.wrapper = wrapper.to_vec();
        self
    }

    /// Confines it as [`crate::confine::confined`] does: it is seen at `seen` and may write to these folders only.
    #[must_use]
    pub fn confined(mut self, seen: &Path, writable: &[&Path]) -> Self {
        self.confined = Some((seen.to_owned(), writable.iter().map(|folder| folder.to_path_buf()).collect()));
        self
    }

    /// Starts the stage without waiting for it.
    pub fn start(self) -> Result<Stage> {
        Ok(Stage { process: self.spawn()?, options: self })
    }

    fn spawn(&self) -> Result<Process> {
        let program = self.program.clone().map_or_else(|| bin(&self.name), Ok)?;
        let mut command = match &self.confined {
            None => process::within(&self.wrapper, &program),
            Some((seen, writable)) => confined(&program, seen, writable)?,
        };
        command.args(&self.arguments).args(["--metrics-address", "127.0.0.1:0"]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Process::spawn(&self.name, &command, self.log.as_deref())
    }
}

/// A running stage; dropping it kills the stage.
#[derive(Debug)]
pub struct Stage {
    process: Process,
    options: StageOptions,
}

impl Stage {
    /// Waits until the stage says that it is ready.
    pub async fn ready(&self) -> Result<()> {
        let ready = || async { client::get(&format!("http://{}/-/ready", self.address()?)).await.map(drop) };
        self.process.wait_for(&format!("readiness of {}", self.options.name), READY_WITHIN, ready).await
    }

    /// The address of its metrics and health pages, once it has logged it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.process.output().iter().find_map(|line| listening_address(line))
    }

    /// Its metrics page.
    pub async fn metrics(&self) -> Result<String> {
        let address = self.address().ok_or_else(|| anyhow!("{} does not listen yet", self.options.name))?;
        let page = client::get(&format!("http://{address}/metrics")).await;
        page.ok_or_else(|| anyhow!("{} did not answer with metrics at {address}", self.options.name))
    }

    /// The sum of a metric over those of its series that have all the given labels, such as `reason="expired"`; zero without any.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        Ok(self.metrics().await?.lines().filter_map(|line| sample(line, name, labels)).sum())
    }

    /// Its process: id, memory and output; pausing, resuming and asking it to end.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills the stage (SIGKILL).
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Asks the stage to end (SIGTERM) and waits until it has; an error when it takes longer than `bound` or ends with a failure.
    pub async fn terminate(&self, bound: Duration) -> Result<()> {
        self.process.terminate()?;
        let status = self.process.exited(bound).await?;
        if status.success() { Ok(()) } else { Err(anyhow!("{} ended with {status} when asked to end", self.options.name)) }
    }

    /// Starts the stage again in the same way, killing it before when it runs, without waiting for it.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = self.options.spawn()?;
        Ok(())
    }
}

/// The address in the log line, JSON or text, with which a stage says what it has bound.
fn listening_address(line: &str) -> Option<SocketAddr> {
    if let Ok(entry) = serde_json::from_str::<Value>(line) {
        let fields = entry.get("fields").unwrap_or(&entry);
        return if fields["message"] == "listening" { fields["address"].as_str()?.parse().ok() } else { None };
    }
    let (_, fields) = line.split_once("listening")?;
    let (_, value) = fields.split_once("address=")?;
    value.split_whitespace().next()?.trim_matches('"').parse().ok()
}

/// The value of a line of a metrics page, if it is a sample of the metric with the labels.
fn sample(line: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let (series, value) = line.rsplit_once(' ')?;
    let (its_name, its_labels) = series.split_once('{').unwrap_or((series, ""));
    let matches = its_name == name && labels.iter().all(|label| its_labels.contains(label));
    if matches { value.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_every_log_format() {
        let address = "127.0.0.1:41234".parse().ok();
        for line in [
            r#"{"level":"INFO","message":"listening","address":"127.0.0.1:41234"}"#,
            r#"{"level":"INFO","fields":{"message":"listening","address":"127.0.0.1:41234"}}"#,
            "2026-11-23T02:00:00Z  INFO herald_common::health: listening address=127.0.0.1:41234",
            "INFO herald: listening stage=\"watcher\" address=\"127.0.0.1:41234\" tls=false",
        ] {
            assert_eq!(listening_address(line), address, "{line}");
        }
        assert_eq!(listening_address(r#"{"message":"connected","address":"127.0.0.1:4222"}"#), None);
        assert_eq!(listening_address("INFO connected address=127.0.0.1:4222"), None);
    }

    #[test]
    fn samples_are_chosen_by_name_and_labels() {
        let line = r#"herald_dropped_total{stage="watcher",reason="expired"} 3"#;
        assert_eq!(sample(line, "herald_dropped_total", &[r#"reason="expired""#]), Some(3.0));
        assert_eq!(sample(line, "herald_dropped_total", &[r#"reason="late""#]), None);
        assert_eq!(sample(line, "herald_dropped", &[]), None);
        assert_eq!(sample("herald_lag_seconds 1.5", "herald_lag_seconds", &[]), Some(1.5));
    }

    #[test]
    fn a_binary_that_is_not_built_is_named_with_the_remedy() {
        let error = bin("herald-nothing").unwrap_err().to_string();
        assert!(error.contains("herald-nothing: build it with 'cargo build --workspace --bins'"), "{error}");
    }
}
