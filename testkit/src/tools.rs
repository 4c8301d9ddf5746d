//! Finds the servers and programs that tests use, and skips a test that lacks one.
//!
//! The places, in this order: the variable of the tool (`HERALD_NATS_SERVER` is a program, `KUBEBUILDER_ASSETS` a folder), `PATH`
//! when the version there is new enough, the cache that `make tools` fills (`HERALD_TOOLS`, by default
//! `~/.cache/herald/tools`). Nothing is fetched here. `tools.sh` has the same order; the pinned versions are those of the files in `tools/`.

use std::{
    ffi::OsString,
    fmt,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::confine;

/// A program that tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The NATS server.
    NatsServer,
    /// The store behind kube-apiserver.
    Etcd,
    /// The Kubernetes API server.
    KubeApiserver,
    /// The Kubernetes command line.
    Kubectl,
    /// The NATS command line.
    Nats,
    /// The Python client of NATS: a folder for `PYTHONPATH`.
    NatsPy,
    /// `unshare` of util-linux, where it may make mount namespaces.
    Unshare,
    /// The server of a receiver.
    Receiver(&'static Recipe),
}

/// A receiver's server, as `tools/<name>.sh` gets it: a program or a folder, looked for in the cache alone unless it has a program on `PATH`.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub name: &'static str,
    /// The text of `tools/<name>.sh`.
    pub script: &'static str,
    /// The name of its program, where one on `PATH` will do, whatever its version.
    pub program: Option<&'static str>,
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why a tool is not to be had: where it was looked for and what to do.
#[derive(Debug, thiserror::Error)]
#[error("no {tool} in {places}; {remedy}")]
pub struct Missing {
    tool: Tool,
    places: String,
    remedy: &'static str,
}

impl Tool {
    /// The name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::NatsServer => "nats-server",
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::Kubectl => "kubectl",
            Self::Nats => "nats",
            Self::NatsPy => "nats-py",
            Self::Unshare => "unshare",
            Self::Receiver(recipe) => recipe.name,
        }
    }

    /// The version that `tools.sh` gets, `None` for a tool that it does not get.
    pub fn pinned(self) -> Option<&'static str> {
        let script = match self {
            Self::NatsServer => include_str!("../tools/nats-server.sh"),
            Self::Etcd => include_str!("../tools/etcd.sh"),
            Self::KubeApiserver => include_str!("../tools/kube-apiserver.sh"),
            Self::Kubectl | Self::Unshare => return None,
            Self::Nats => include_str!("../tools/nats.sh"),
            Self::NatsPy => include_str!("../tools/nats-py.sh"),
            Self::Receiver(recipe) => recipe.script,
        };
        script.lines().find_map(|line| line.split_once("_version=")).map(|(_, version)| version)
    }

    /// The oldest version taken from `PATH`.
    fn oldest(self) -> [u32; 2] {
        match self {
            Self::NatsServer => [2, 10],
            Self::Etcd => [3, 5],
            Self::KubeApiserver => [1, 30],
            Self::Nats => [0, 1],
            Self::Kubectl | Self::NatsPy | Self::Unshare | Self::Receiver(_) => [0, 0],
        }
    }

    /// The path of the program, or where it was looked for in vain.
    pub fn path(self) -> Result<PathBuf, Missing> {
        if self == Self::Unshare && !confine::is_possible() {
            let remedy = "install util-linux, and run the tests as root or allow user namespaces";
            return Err(Missing { tool: self, places: "PATH that may make a mount namespace".to_owned(), remedy });
        }
        let mut places = Vec::new();
        match self {
            Self::NatsServer => match environment("HERALD_NATS_SERVER") {
                Some(program) => return Ok(program.into()),
                None => places.push("HERALD_NATS_SERVER (not set)".to_owned()),
            },
            Self::Receiver(_) => {}
            _ => match environment("KUBEBUILDER_ASSETS") {
                Some(folder) => {
                    let program = Path::new(&folder).join(self.name());
                    if program.is_file() {
                        return Ok(program);
                    }
                    places.push(format!("KUBEBUILDER_ASSETS ({})", folder.display()));
                }
                None => places.push("KUBEBUILDER_ASSETS (not set)".to_owned()),
            },
        }
        match self.on_path() {
            Found::Usable(program) => return Ok(program),
            Found::TooOld(program) => {
                let [major, minor] = self.oldest();
                places.push(format!("PATH ({} is older than {major}.{minor})", program.display()));
            }
            Found::Nothing if self.program().is_none() => {}
            Found::Nothing => places.push("PATH".to_owned()),
        }
        let Some(version) = self.pinned() else {
            return Err(Missing { tool: self, places: places.join(", "), remedy: "install it" });
        };
        let program = cache().join(format!("{self}-{version}")).join(self.name());
        if program.exists() {
            return Ok(program);
        }
        places.push(program.display().to_string());
        let remedy =
            if matches!(self, Self::Receiver(_)) { "get it with 'testkit/tools.sh receivers'" } else { "get it with 'make tools'" };
        Err(Missing { tool: self, places: places.join(", "), remedy })
    }

    /// The name of the program that is looked for on `PATH`.
    fn program(self) -> Option<&'static str> {
        if let Self::Receiver(recipe) = self { recipe.program } else { Some(self.name()) }
    }

    fn on_path(self) -> Found {
        let path = environment("PATH").unwrap_or_default();
        let of = |name| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
        let Some(program) = self.program().and_then(of) else { return Found::Nothing };
        if self.oldest() == [0, 0] {
            return Found::Usable(program);
        }
        let said = Command::new(&program).arg("--version").output().map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
        match said.ok().as_deref().and_then(version) {
            Some(version) if version >= self.oldest() => Found::Usable(program),
            _ => Found::TooOld(program),
        }
    }
}

enum Found {
    Usable(PathBuf),
    TooOld(PathBuf),
    Nothing,
}

/// The first two numbers of the first `x.y.z` in a text, with or without a `v` before it.
fn version(text: &str) -> Option<[u32; 2]> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').splitn(3, '.');
        let two = [numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?];
        numbers.next().map(|_| two)
    })
}

fn cache() -> PathBuf {
    if let Some(folder) = environment("HERALD_TOOLS") {
        return folder.into();
    }
    let user = match environment("XDG_CACHE_HOME") {
        Some(folder) => folder.into(),
        None => PathBuf::from(environment("HOME").unwrap_or_default()).join(".cache"),
    };
    user.join("herald/tools")
}

/// A variable of the environment that is set and not empty.
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Says that a test is skipped and why, and appends the line to the file named by `HERALD_SKIPPED`; [`skip_unless!`](crate::skip_unless) calls it.
///
/// # Panics
///
/// With `HERALD_REQUIRE_ALL=1`, where nothing may be skipped.
pub fn skip(test: &str, why: &Missing) {
    assert!(environment("HERALD_REQUIRE_ALL").is_none_or(|value| value != "1"), "{test} may not be skipped: {why}");
    let line = format!("SKIPPED {test}: {why}\n");
    // Written past the test harness, which hides what a passing test prints. Nothing is left to do when it cannot be written.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = environment("HERALD_SKIPPED") {
        let file = std::fs::File::options().create(true).append(true).open(&path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            let _ = writeln!(std::io::stderr(), "could not append to {}: {error}", path.display());
        }
    }
}

/// What a test returns when it is skipped.
pub trait Skipped {
    /// The value of a test that passes.
    fn skipped() -> Self;
}

impl Skipped for () {
    fn skipped() -> Self {}
}

impl<E> Skipped for Result<(), E> {
    fn skipped() -> Self {
        Ok(())
    }
}

/// Ends a test, as skipped, unless all the named [`Tool`]s are there: `skip_unless!(Tool::NatsServer);`
#[macro_export]
macro_rules! skip_unless {
    ($($tool:expr),+ $(,)?) => {
        $(
            if let Err(why) = $tool.path() {
                // The name of a function inside the test tells the test's.
                fn here() {}
                let name = std::any::type_name_of_val(&here).trim_end_matches("::here").replace("::{{closure}}", "");
                $crate::tools::skip(&name, &why);
                return $crate::tools::Skipped::skipped();
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_print_them() {
        assert_eq!(version("nats-server: v2.15.1"), Some([2, 15]));
        assert_eq!(version("etcd Version: 3.6.7\nGit SHA: Not provided"), Some([3, 6]));
        assert_eq!(version("Kubernetes v1.36.3"), Some([1, 36]));
        assert_eq!(version("go1.26"), None);
    }

    #[test]
    fn pins_are_read_from_the_scripts() {
        for tool in [Tool::NatsServer, Tool::Etcd, Tool::KubeApiserver, Tool::Nats, Tool::NatsPy] {
            assert!(tool.pinned().and_then(version).is_some(), "{tool}");
        }
    }
}
