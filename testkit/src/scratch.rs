//! Folders for the data of test servers, what they write there, and ports for servers that cannot choose one themselves.
//!
//! Folders and ports are held by a lock on a file, so that test processes running at the same time do not get in each other's way, and so
//! that what a killed test process left behind is recognised and removed by the next one.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// The ports handed out: below the range from which systems take the ports of outgoing connections, so that no client can take a
/// port while its server is being restarted.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// The port that this process looks at next, once it has taken one.
static NEXT: Mutex<Option<u16>> = Mutex::new(None);

/// A folder that is removed when it goes out of scope, or by a later test process when this one was killed.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes an empty folder; `name` only helps a person to recognise it.
    pub fn new(name: &str) -> Result<Self> {
        let root = root("folders")?;
        // One process at a time, so that none takes for left behind what another has made but not locked yet.
        let turn = open_lock(&root.join(".turn"))?;
        turn.lock().context("could not lock the scratch folders")?;
        remove_left_behind(&root);
        let folder = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&root).context("could not make a scratch folder")?;
        let lock = open_lock(&folder.path().join(".lock"))?;
        lock.lock().context("could not lock a new scratch folder")?;
        Ok(Self { folder, _lock: lock })
    }

    /// The path of the folder, absolute.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder and returns its path.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, content).with_context(|| format!("could not write {}", path.display()))?;
        Ok(path)
    }
}

/// A port of 127.0.0.1 that no other test process takes while this value lives.
///
/// This process does not take it again before it has taken all others: a client that goes on looking for a server that is gone would find a stranger.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a port on which nothing listens.
    ///
    /// A program that knows nothing of these locks may still take the port before the server does; starting is to be repeated then.
    pub fn take() -> Result<Self> {
        let root = root("ports")?;
        let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        let first = next.unwrap_or_else(|| rand::rng().random_range(PORTS));
        for number in (first..PORTS.end).chain(PORTS.start..first) {
            let lock = open_lock(&root.join(number.to_string()))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                *next = Some(number + 1);
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("every port from {} to {} of 127.0.0.1 is taken", PORTS.start, PORTS.end - 1)
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port with its address, 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

/// The lines of a file of JSON lines that another process appends to, none while there is no such file. A last line that is still being
/// written is left for the next time.
pub fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.with_context(|| format!("could not read {}", path.display()))?,
    };
    let whole = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    whole
        .map(|line| {
            let said = || format!("not a line of {}: {}", path.display(), String::from_utf8_lossy(line));
            serde_json::from_slice(line).with_context(said)
        })
        .collect()
}

/// This user's part of the system's temporary folder.
fn root(part: &str) -> Result<PathBuf> {
    // A file just made tells which user this is without asking the system in an unsafe way.
    let user = tempfile::tempfile().and_then(|file| file.metadata()).context("could not make a temporary file")?.uid();
    let root = std::env::temp_dir().join(format!("herald-testkit-{user}")).join(part);
    fs::create_dir_all(&root).with_context(|| format!("could not make {}", root.display()))?;
    Ok(root)
}

fn open_lock(path: &Path) -> Result<File> {
    File::options().create(true).truncate(false).write(true).open(path).with_context(|| format!("could not open {}", path.display()))
}

/// Removes folders whose owner is gone.
fn remove_left_behind(root: &Path) {
    for folder in fs::read_dir(root).into_iter().flatten().flatten() {
        if let Ok(lock) = File::options().write(true).open(folder.path().join(".lock"))
            && lock.try_lock().is_ok()
        {
            // Another process may be removing it too; what remains is removed next time.
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_removed_with_its_value_or_once_its_owner_is_gone() {
        let kept = Scratch::new("kept").unwrap();
        let dropped = Scratch::new("dropped").unwrap();
        let dropped_path = dropped.path().to_owned();
        drop(dropped);
        assert!(!dropped_path.exists());

        let orphan = Scratch::new("orphan").unwrap();
        let orphan_path = orphan.path().to_owned();
        // A killed process closes its files and removes nothing.
        let Scratch { mut folder, _lock } = orphan;
        folder.disable_cleanup(true);
        drop(folder);
        drop(_lock);
        assert!(orphan_path.exists());
        let _next = Scratch::new("next").unwrap();
        assert!(!orphan_path.exists());
        assert!(kept.path().exists());
    }

    #[test]
    fn a_line_that_is_still_written_is_left_for_the_next_time() {
        let folder = Scratch::new("lines").unwrap();
        let path = folder.path().join("lines");
        assert!(json_lines::<u32>(&path).unwrap().is_empty());
        fs::write(&path, "1\n2\n3").unwrap();
        assert_eq!(json_lines::<u32>(&path).unwrap(), [1, 2]);
        fs::write(&path, "1\nx\n").unwrap();
        let error = json_lines::<u32>(&path).unwrap_err().to_string();
        assert!(error.ends_with("lines: x\n") && error.starts_with("not a line of /"), "{error}");
    }

    #[test]
    fn ports_taken_at_the_same_time_differ_and_are_free() {
        let ports: Vec<Port> = (0..50).map(|_| Port::take().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
        assert!(ports.iter().all(|port| TcpListener::bind(port.address()).is_ok()));
    }

    #[test]
    fn a_port_that_was_given_back_is_not_taken_soon() {
        let numbers: Vec<u16> = (0..500).map(|_| Port::take().unwrap().number()).collect();
        let different: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!(different.len(), numbers.len());
    }
}
