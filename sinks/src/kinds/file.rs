//! `file`: JSON lines in a file, rotated by size.
//!
//! A batch is one write. A line that a crash tore is ended before the next one, so lines never merge. What is not a regular file (a FIFO, `/dev/stdout`) is
//! written and never rotated. A file that somebody moved away is made anew. Nothing is permanent: an unwritable folder or a full disk is an outage.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::stdout::{LINES, lines};
use crate::{
    keys::Keys,
    registry::Built,
    render::{Body, LayoutKey},
    sink::{Item, SendError, Sink},
    writer::Writer,
};

/// The keys of `file`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// Path of the file; its folder is made when it is not there.
    pub path: PathBuf,
    /// Largest size in MB before the file is rotated; 0 means 100.
    #[schemars(extend("default" = 100))]
    pub maxsize: u64,
    /// Oldest backup kept in days; 0 means no limit.
    pub maxage: u64,
    /// Backups kept; 0 means no limit.
    pub maxbackups: usize,
    /// Whether dots in the keys of labels and annotations become `_`.
    pub de_dot: bool,
    /// What is sent instead of the whole event.
    layout: LayoutKey,
}

const MEGABYTE: u64 = 1_024 * 1_024;
/// The form of the time in a backup's name.
const BACKUP_TIME: &str = "%Y-%m-%dT%H-%M-%S%.3f";

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("path", "name the file to write");
    let body = Body::new(keys, config.de_dot);
    let mut log = Log { config, open: None };
    let writer = Writer::new(move |lines| log.write(lines));
    Some(Built { sink: Box::new(FileSink { writer }), defaults: LINES, body })
}

struct FileSink {
    writer: Writer,
}

impl Sink for FileSink {
    /// Opens the file, which makes it and its folder.
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async { self.writer.write(Vec::new()).await.map_err(SendError::outage) })
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move { self.writer.write(lines(batch)).await.map_err(SendError::outage) })
    }
}

struct Open {
    file: File,
    size: u64,
    /// Device and inode, to notice that the path leads to another file.
    identity: (u64, u64),
    regular: bool,
    /// Whether the last write may have left half a line.
    torn: bool,
}

struct Log {
    config: Config,
    open: Option<Open>,
}

impl Log {
    fn write(&mut self, lines: &[u8]) -> Result<(), String> {
        let path = self.config.path.clone();
        self.try_write(lines).map_err(|error| {
            self.open = None;
            format!("cannot write {}: {error}", path.display())
        })
    }

    fn try_write(&mut self, lines: &[u8]) -> io::Result<()> {
        let moved = self
            .open
            .as_ref()
            .is_some_and(|open| fs::metadata(&self.config.path).map_or(true, |now| (now.dev(), now.ino()) != open.identity));
        if moved {
            self.open = None;
        }
        let limit = if self.config.maxsize == 0 { 100 } else { self.config.maxsize }.saturating_mul(MEGABYTE);
        let full = self.open.as_ref().is_some_and(|open| open.regular && open.size > 0 && open.size + lines.len() as u64 > limit);
        if full {
            self.rotate()?;
        }
        if self.open.is_none() {
            let opened = open(&self.config.path)?;
            let too_large = opened.regular && opened.size > 0 && opened.size + lines.len() as u64 > limit;
            self.open = Some(opened);
            if too_large {
                self.rotate()?;
                self.open = Some(open(&self.config.path)?);
            }
        }
        let Some(open) = self.open.as_mut().filter(|_| !lines.is_empty()) else { return Ok(()) };
        if open.torn {
            open.file.write_all(b"\n")?;
            open.torn = false;
            open.size += 1;
        }
        open.torn = true;
        open.file.write_all(lines)?;
        open.torn = false;
        open.size += lines.len() as u64;
        Ok(())
    }

    /// Moves the file aside and removes backups beyond the limits.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let path = &self.config.path;
        let now = Timestamp::now();
        // Two backups within a millisecond must not become one.
        let names = (0..).map(|more| backup_path(path, now + SignedDuration::from_millis(more)));
        let free = names.into_iter().find(|name| !name.exists()).ok_or_else(|| io::Error::other("no name for a backup"))?;
        fs::rename(path, free)?;
        let mut backups = backups(path);
        backups.sort();
        let age = i64::try_from(self.config.maxage).ok().and_then(|days| days.checked_mul(24)).filter(|hours| *hours > 0);
        let oldest = age.and_then(|hours| now.checked_sub(SignedDuration::from_hours(hours)).ok());
        let surplus = if self.config.maxbackups == 0 { 0 } else { backups.len().saturating_sub(self.config.maxbackups) };
        for (at, (time, backup)) in backups.iter().enumerate() {
            if (at < surplus || oldest.is_some_and(|oldest| *time < oldest))
                && let Err(error) = fs::remove_file(backup)
            {
                tracing::warn!(%error, backup = %backup.display(), "old backup cannot be removed");
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Open> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let regular = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    let mut file = OpenOptions::new().create(true).append(true).read(regular).open(path)?;
    let metadata = file.metadata()?;
    let mut torn = false;
    if regular && metadata.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        torn = last != *b"\n";
    }
    Ok(Open { size: metadata.len(), identity: (metadata.dev(), metadata.ino()), regular, torn, file })
}

/// `events.json` becomes `events-2026-01-31T12-00-00.000.json`.
fn backup_path(path: &Path, now: Timestamp) -> PathBuf {
    let (stem, extension) = parts(path);
    path.with_file_name(format!("{stem}-{}{extension}", now.strftime(BACKUP_TIME)))
}

fn parts(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    (text(path.file_stem()), extension)
}

/// The backups of a file with their times.
fn backups(path: &Path) -> Vec<(Timestamp, PathBuf)> {
    let (stem, extension) = parts(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let time = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
            let time = jiff::civil::DateTime::strptime(BACKUP_TIME, time).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some((time.timestamp(), entry.path()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(path: &Path, maxsize: u64, maxbackups: usize) -> Log {
        Log { config: Config { path: path.to_owned(), maxsize, maxbackups, ..Config::default() }, open: None }
    }

    #[test]
    fn a_full_file_becomes_a_backup_and_old_backups_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/events.json");
        let mut log = log(&path, 1, 2);
        let line = vec![b'x'; 700 * 1_024];
        for _ in 0..5 {
            log.write(&line).expect("written");
            // Backups are told apart by milliseconds.
            while backups(&path).iter().any(|(time, _)| Timestamp::now().duration_since(*time).as_millis() < 2) {
                std::hint::spin_loop();
            }
        }
        assert_eq!(backups(&path).len(), 2);
        assert_eq!(fs::metadata(&path).expect("there").len(), line.len() as u64);
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events");
        fs::write(&path, "{\"half").expect("written");
        log(&path, 0, 0).write(b"{}\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "{\"half\n{}\n");
    }

    #[test]
    fn a_file_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.json");
        let mut log = log(&path, 0, 0);
        log.write(b"1\n").expect("written");
        fs::rename(&path, folder.path().join("moved")).expect("moved");
        log.write(b"2\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "2\n");
    }

    #[test]
    fn what_is_no_regular_file_is_written_and_never_rotated() {
        let mut log = log(Path::new("/dev/null"), 1, 0);
        for _ in 0..3 {
            log.write(&vec![b'x'; 800 * 1_024]).expect("written");
        }
    }
}
