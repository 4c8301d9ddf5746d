//! `pipe` and a program that reads a FIFO; a place is a FIFO.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    process::Process,
    scratch::{Scratch, json_lines},
    servers::Certificates,
    tools::Tool,
};
use serde_json::Value;

use crate::kind::{Kind, Refused, Wrong, not, quoted};

/// A FIFO's readers append what they read to a file beside it.
pub(crate) struct Pipe {
    scratch: Scratch,
    readers: Mutex<Vec<Process>>,
}

const NO_SERVER: &str = "a reader answers nothing";

impl Pipe {
    fn path(&self, place: &str, end: &str) -> PathBuf {
        self.scratch.path().join(format!("{place}.{end}"))
    }

    /// Starts a reader that keeps the FIFO open, as a log collector does.
    fn read(&self, place: &str) -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", "exec cat <>\"$0\" >>\"$1\""]).arg(self.path(place, "fifo")).arg(self.path(place, "out"));
        let reader = Process::spawn("cat", &command, None)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(())
    }

    fn each(&self, act: impl Fn(&Process) -> Result<()>) -> Result<()> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).iter().try_for_each(act)
    }
}

impl Kind for Pipe {
    const KIND: &'static str = "pipe";
    const NEEDS: &'static [Tool] = &[];
    const EXACTLY_ONCE: bool = false;

    async fn start() -> Result<Self> {
        Ok(Self { scratch: Scratch::new("pipes")?, readers: Mutex::default() })
    }

    async fn product(&self) -> Result<String> {
        Ok("cat at a FIFO, paused instead of restarted".to_owned())
    }

    async fn prepare(&self, place: &str) -> Result<()> {
        let made = Command::new("mkfifo").arg(self.path(place, "fifo")).stdin(Stdio::null()).status().context("no mkfifo")?;
        ensure!(made.success(), "could not make a FIFO");
        self.read(place)
    }

    fn keys(&self, place: &str) -> String {
        format!("{{path: {}}}", quoted(&self.path(place, "fifo")))
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        json_lines(&self.path(place, "out"))
    }

    /// The readers stop reading; what a reader that ends has not read is lost, whoever wrote it.
    async fn stop(&mut self) -> Result<()> {
        self.each(Process::pause)
    }

    async fn start_again(&mut self) -> Result<()> {
        self.each(Process::resume)
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        not(NO_SERVER)
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        not("a reader that is slow makes the writer wait, as at its restart")
    }

    async fn wrong_credentials(&mut self, _: &str) -> Result<Wrong> {
        not(NO_SERVER)
    }

    async fn start_tls(_: &Certificates) -> Result<Self> {
        not(NO_SERVER)
    }
}
