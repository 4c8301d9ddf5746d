//! A mount namespace of the campaign's own: a small disk for nats-server and a hosts file for the sinks.
//!
//! Where that is permitted (to root on Linux), a process holds the namespace, and servers are started inside it. Nothing is mounted outside, and everything
//! vanishes with that process. Where it is not permitted, [`Mounts::try_new`] says so, and the campaign uses substitutes.

use std::{
    ffi::OsString,
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{process::Process, scratch::Scratch};

/// How long mounting may take.
const BOUND: Duration = Duration::from_secs(10);
/// How much is written at once to fill the disk.
const PIECE: usize = 64 << 10;

/// The namespace.
#[derive(Debug)]
pub(super) struct Mounts {
    holder: Process,
    disk: PathBuf,
    hosts: PathBuf,
    /// What the system's hosts file holds.
    usual: String,
    _scratch: Scratch,
}

impl Mounts {
    /// Makes the namespace with a disk of so many bytes.
    ///
    /// # Errors
    /// When this user or system does not permit it.
    pub(super) async fn try_new(bytes: u64) -> Result<Self> {
        let scratch = Scratch::new("mounts")?;
        let disk = scratch.path().join("disk");
        fs::create_dir(&disk).context("could not make a folder to mount on")?;
        let usual = fs::read_to_string("/etc/hosts").unwrap_or_default();
        let hosts = scratch.write("hosts", &usual)?;
        let script = format!(
            "mount -t tmpfs -o size={bytes} tmpfs \"$0\" && mount --bind \"$1\" /etc/hosts && echo mounted && while :; do sleep 1000; done"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).arg(&disk).arg(&hosts);
        let holder = Process::spawn("a mount namespace", &command, None)?;
        let mounted = || std::future::ready(holder.output().iter().any(|line| line == "mounted").then_some(()));
        holder.wait_for("the mounts", BOUND, mounted).await?;
        Ok(Self { holder, disk, hosts, usual, _scratch: scratch })
    }

    /// What starts a program inside.
    pub(super) fn within(&self) -> Vec<OsString> {
        vec!["nsenter".into(), format!("--mount=/proc/{}/ns/mnt", self.holder.pid()).into()]
    }

    /// The small disk, as it is called inside.
    pub(super) fn disk(&self) -> &Path {
        &self.disk
    }

    /// Gives a name the address 127.0.0.1 inside, or takes all such names away.
    pub(super) fn resolve(&self, name: Option<&str>) -> Result<()> {
        let line = name.map(|name| format!("127.0.0.1 {name}\n")).unwrap_or_default();
        // Written in place: the mount is of this very file.
        fs::write(&self.hosts, format!("{}\n{line}", self.usual)).context("could not write the hosts file")
    }

    /// Fills the disk until nothing more can be written to it.
    pub(super) fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.ballast()).context("could not begin to fill the disk")?;
        loop {
            match file.write_all(&[0; PIECE]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => bail!("could not fill the disk: {error}"),
            }
        }
    }

    /// Frees what [`Mounts::fill`] took.
    pub(super) fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("could not free the disk")
    }

    /// The file that fills the disk, as it is called outside.
    fn ballast(&self) -> PathBuf {
        let inside = self.disk.strip_prefix("/").unwrap_or(&self.disk);
        Path::new("/proc").join(self.holder.pid().to_string()).join("root").join(inside).join("ballast")
    }
}
