//! Kinds that write on their own machine: a file, a FIFO that `cat` reads, and standard output, which the bench reads. Nothing is away from them.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};

use super::kind::{Kind, MANY};
use crate::{
    process::Process,
    scratch::{Port, Scratch},
};

pub(super) struct File(Scratch);

impl Kind for File {
    const NAME: &'static str = "file";
    const EVENTS: u64 = MANY;

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self(Scratch::new("files")?))
    }

    fn keys(&self, _: &str, place: &str) -> String {
        format!("file: {{path: \"{}\"}}", self.0.path().join(place).display())
    }
}

pub(super) struct Pipe {
    folder: Scratch,
    /// Of each FIFO its reader, which keeps it open.
    readers: Mutex<Vec<Process>>,
}

impl Kind for Pipe {
    const NAME: &'static str = "pipe";
    const EVENTS: u64 = MANY;

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self { folder: Scratch::new("pipes")?, readers: Mutex::default() })
    }

    async fn prepare(&self, place: &str) -> Result<()> {
        let path = self.folder.path().join(place);
        let made = Command::new("mkfifo").arg(&path).status().context("no mkfifo")?;
        ensure!(made.success(), "could not make a FIFO");
        let mut command = Command::new("sh");
        command.args(["-c", "exec cat <>\"$0\" >/dev/null"]).arg(path);
        let reader = Process::spawn("cat", &command, None)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(())
    }

    fn keys(&self, _: &str, place: &str) -> String {
        format!("pipe: {{path: \"{}\"}}", self.folder.path().join(place).display())
    }
}

pub(super) struct Stdout;

impl Kind for Stdout {
    const NAME: &'static str = "stdout";
    const EVENTS: u64 = MANY;

    async fn start(_: &Port) -> Result<Self> {
        Ok(Self)
    }

    fn keys(&self, _: &str, _: &str) -> String {
        "stdout: {}".to_owned()
    }
}
