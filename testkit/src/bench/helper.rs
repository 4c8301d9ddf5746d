//! Parts of the bench that run as processes of their own, so that what they cost is not mixed with anything else.
//!
//! A helper is this same program with a hidden command. It says what the bench has to know, such as its address, in lines of `word value`.

use std::{
    io::Write as _,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};

use crate::process::Process;

/// How long a helper may take to say what is waited for, unless told otherwise.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// A running helper; dropping it kills it.
#[derive(Debug)]
pub(super) struct Helper {
    name: String,
    process: Process,
}

impl Helper {
    /// Starts this program with the arguments of a helper.
    pub(super) fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("could not find out which program this is")?);
        command.args(arguments);
        Ok(Self { name: name.to_owned(), process: Process::spawn(name, &command, None)? })
    }

    /// Waits until the helper says a word, and returns its value.
    pub(super) async fn said(&self, word: &str, bound: Duration) -> Result<String> {
        let find = || {
            let lines = self.process.output();
            std::future::ready(lines.iter().find_map(|line| Some(line.strip_prefix(word)?.strip_prefix(' ')?.to_owned())))
        };
        self.process.wait_for(&format!("{word:?} of {}", self.name), bound, find).await
    }

    /// Its process.
    pub(super) fn process(&self) -> &Process {
        &self.process
    }
}

/// Says a word and its value to the bench that started this helper.
pub(super) fn say(word: &str, value: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{word} {value}").context("the bench does not listen")
}

/// Microseconds since 1970: all processes of one machine share this clock.
pub(super) fn now_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
