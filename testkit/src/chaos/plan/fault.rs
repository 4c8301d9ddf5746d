//! The faults a campaign knows: their names, how long they last, what they touch, where they make sense. Pure.

use std::{fmt, ops::RangeInclusive, str::FromStr};

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `herald-watcher`.
    Watcher,
    /// `herald-enricher`.
    Enricher,
    /// `herald-router`.
    Router,
    /// `herald-sinks`.
    Sinks,
}

impl Part {
    /// All stages in the order of the pipeline.
    pub const ALL: [Self; 4] = [Self::Watcher, Self::Enricher, Self::Router, Self::Sinks];

    /// The name of its binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Watcher => "herald-watcher",
            Self::Enricher => "herald-enricher",
            Self::Router => "herald-router",
            Self::Sinks => "herald-sinks",
        }
    }
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Closed, and new ones refused.
    Cut,
    /// Every piece of data takes its time.
    Slow,
    /// It stays open, and in one direction or both nothing arrives any more.
    HalfOpen,
}

/// Servers and watchers of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// One nats-server, one watcher.
    Single,
    /// One nats-server, two watchers that take turns by a Lease.
    Turns,
    /// Three nats-servers that keep three copies of everything, two watchers side by side.
    Cluster,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 3] = [Self::Single, Self::Turns, Self::Cluster];

    /// How many watchers run.
    pub fn watchers(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Turns | Self::Cluster => 2,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Single => "one nats-server, one watcher",
            Self::Turns => "one nats-server, two watchers taking turns",
            Self::Cluster => "three nats-servers with three copies, two watchers side by side",
        })
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "what each means is its name in the table below")]
pub enum Fault {
    Kill(Part),
    Pause(Part),
    Terminate(Part),
    NatsKill,
    NatsLeaderKill,
    NatsPause,
    NatsDiskFull,
    NatsLine(Line),
    ApiLine(Line),
    ApiGone,
    ApiExpired,
    ApiThrottled,
    ApiThrottledFor,
    ApiBroken,
    ApiHangs,
    WatchSilent,
    WatchCut,
    ApiRestart,
    ApiCompaction,
    LookupHangs,
    ClockAhead,
    ClockBehind,
    AbsurdTimes,
    Huge,
    InvalidUtf8,
    AbsurdNames,
    Recreated,
    HookBroken,
    HookThrottled,
    HookSlow,
    HookReset,
    HookGarbage,
    HookRefuses,
    HookUnresolved,
    TlsExpired,
    OutLimit,
    Partition,
    Reload,
    BadReload,
    Upgrade,
}

/// Every fault with its name and how many seconds it is in force at least and at most.
const TABLE: [(Fault, &str, RangeInclusive<u64>); 53] = [
    (Fault::Kill(Part::Watcher), "watcher SIGKILL", 1..=4),
    (Fault::Kill(Part::Enricher), "enricher SIGKILL", 1..=4),
    (Fault::Kill(Part::Router), "router SIGKILL", 1..=4),
    (Fault::Kill(Part::Sinks), "sinks SIGKILL", 1..=4),
    (Fault::Pause(Part::Watcher), "watcher SIGSTOP", 2..=12),
    (Fault::Pause(Part::Enricher), "enricher SIGSTOP", 2..=12),
    (Fault::Pause(Part::Router), "router SIGSTOP", 2..=12),
    (Fault::Pause(Part::Sinks), "sinks SIGSTOP", 2..=12),
    (Fault::Terminate(Part::Watcher), "watcher SIGTERM", 1..=3),
    (Fault::Terminate(Part::Enricher), "enricher SIGTERM", 1..=3),
    (Fault::Terminate(Part::Router), "router SIGTERM", 1..=3),
    (Fault::Terminate(Part::Sinks), "sinks SIGTERM", 1..=3),
    (Fault::NatsKill, "nats SIGKILL", 1..=4),
    (Fault::NatsLeaderKill, "nats leader SIGKILL", 3..=6),
    (Fault::NatsPause, "nats SIGSTOP", 2..=12),
    (Fault::NatsDiskFull, "nats disk full", 3..=5),
    (Fault::NatsLine(Line::Cut), "nats line cut", 2..=6),
    (Fault::NatsLine(Line::Slow), "nats line slow", 4..=8),
    (Fault::NatsLine(Line::HalfOpen), "nats line half-open", 4..=14),
    (Fault::ApiLine(Line::Cut), "api line cut", 2..=6),
    (Fault::ApiLine(Line::Slow), "api line slow", 4..=8),
    (Fault::ApiLine(Line::HalfOpen), "api line half-open", 4..=10),
    (Fault::ApiGone, "api 410", 1..=3),
    (Fault::ApiExpired, "api 410 in the watch", 1..=3),
    (Fault::ApiThrottled, "api 429", 2..=5),
    (Fault::ApiThrottledFor, "api 429 Retry-After", 2..=5),
    (Fault::ApiBroken, "api 500", 2..=5),
    (Fault::ApiHangs, "api hangs", 3..=6),
    (Fault::WatchSilent, "api watch half-closed", 2..=3),
    (Fault::WatchCut, "api watch cut off", 1..=2),
    (Fault::ApiRestart, "api restart", 1..=4),
    (Fault::ApiCompaction, "api compaction, no watcher", 2..=4),
    (Fault::LookupHangs, "lookup never answers", 4..=8),
    (Fault::ClockAhead, "clock an hour ahead", 2..=4),
    (Fault::ClockBehind, "clock an hour behind", 2..=4),
    (Fault::AbsurdTimes, "absurd timestamps", 2..=4),
    (Fault::Huge, "events about 1 MiB", 2..=4),
    (Fault::InvalidUtf8, "invalid UTF-8", 2..=4),
    (Fault::AbsurdNames, "absurd names", 2..=4),
    (Fault::Recreated, "object re-created", 2..=4),
    (Fault::HookBroken, "receiver 500", 2..=4),
    (Fault::HookThrottled, "receiver 429", 2..=5),
    (Fault::HookSlow, "receiver slow by 30 s", 3..=5),
    (Fault::HookReset, "receiver resets", 2..=4),
    (Fault::HookGarbage, "receiver 200, garbage", 2..=4),
    (Fault::HookRefuses, "receiver 400", 2..=4),
    (Fault::HookUnresolved, "receiver DNS failure", 4..=6),
    (Fault::TlsExpired, "receiver expired cert", 2..=5),
    (Fault::OutLimit, "stream limit reached", 4..=6),
    (Fault::Partition, "watchers partitioned", 5..=20),
    (Fault::Reload, "configuration reload", 3..=4),
    (Fault::BadReload, "unusable configuration", 3..=4),
    (Fault::Upgrade, "rolling upgrade", 3..=5),
];

/// What a fault disturbs; two that disturb the same are not in force at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Part(Part),
    Nats,
    Api,
    Events,
    Hook,
    Tls,
    Small,
    Conf,
}

impl Fault {
    /// All faults in the order of the report.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(fault, ..)| *fault)
    }

    /// How many seconds it is in force, at least and at most.
    pub(super) fn seconds(self) -> RangeInclusive<u64> {
        self.row().map_or(1..=1, |(.., seconds)| seconds.clone())
    }

    fn row(self) -> Option<&'static (Self, &'static str, RangeInclusive<u64>)> {
        TABLE.iter().find(|(fault, ..)| *fault == self)
    }

    /// The settings in which it makes sense.
    pub fn settings(self) -> &'static [Setting] {
        match self {
            Self::NatsLeaderKill => &[Setting::Cluster],
            Self::NatsDiskFull => &[Setting::Single, Setting::Turns],
            Self::Partition => &[Setting::Turns, Setting::Cluster],
            _ => &Setting::ALL,
        }
    }

    /// Whether both may be in force at once.
    pub fn goes_with(self, other: Self) -> bool {
        !self.touches().iter().any(|touch| other.touches().contains(touch))
    }

    /// Whether the two find out together what neither finds out alone: what a stage that is killed has acknowledged and NATS has not taken is lost.
    pub(super) fn is_worse_with(self, other: Self) -> bool {
        let nats_refuses = |fault: Self| matches!(fault, Self::NatsLeaderKill | Self::NatsDiskFull | Self::NatsLine(_));
        let kills = |fault: Self| matches!(fault, Self::Kill(_));
        self.goes_with(other) && (nats_refuses(self) && kills(other) || kills(self) && nats_refuses(other))
    }

    fn touches(self) -> Vec<Touch> {
        match self {
            Self::Kill(part) | Self::Pause(part) | Self::Terminate(part) => vec![Touch::Part(part)],
            Self::NatsKill | Self::NatsLeaderKill | Self::NatsPause | Self::NatsDiskFull => vec![Touch::Nats],
            Self::NatsLine(_) => Part::ALL.map(Touch::Part).to_vec(),
            Self::ApiLine(_) | Self::Partition => vec![Touch::Api, Touch::Part(Part::Watcher), Touch::Part(Part::Enricher)],
            Self::ApiCompaction => vec![Touch::Api, Touch::Part(Part::Watcher)],
            Self::ApiGone
            | Self::ApiExpired
            | Self::ApiThrottled
            | Self::ApiThrottledFor
            | Self::ApiBroken
            | Self::ApiHangs
            | Self::WatchSilent
            | Self::WatchCut
            | Self::ApiRestart
            | Self::LookupHangs => vec![Touch::Api],
            Self::ClockAhead
            | Self::ClockBehind
            | Self::AbsurdTimes
            | Self::Huge
            | Self::InvalidUtf8
            | Self::AbsurdNames
            | Self::Recreated => vec![Touch::Events],
            Self::HookBroken | Self::HookThrottled | Self::HookReset | Self::HookGarbage => vec![Touch::Hook],
            Self::HookSlow => vec![Touch::Hook, Touch::Tls],
            Self::HookRefuses => vec![Touch::Hook, Touch::Events],
            // The substitute for a private hosts file is another configuration.
            Self::HookUnresolved => vec![Touch::Hook, Touch::Conf],
            Self::TlsExpired => vec![Touch::Tls],
            Self::OutLimit => vec![Touch::Small, Touch::Events],
            Self::Reload | Self::BadReload => vec![Touch::Conf],
            // Its restarts and publications want working servers, as a careful operator does.
            Self::Upgrade => [Part::ALL.map(Touch::Part).to_vec(), vec![Touch::Nats]].concat(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.row().map_or("unnamed", |(_, name, _)| name))
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = TABLE.iter().find(|(_, known, _)| *known == name).map(|(fault, ..)| *fault);
        found.ok_or_else(|| format!("there is no fault {name:?}, see --list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_in_the_table_once_and_found_by_its_name() {
        for fault in Fault::all() {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            assert_eq!(Fault::all().filter(|other| *other == fault).count(), 1, "{fault}");
        }
        assert!("no such".parse::<Fault>().is_err());
    }

    #[test]
    fn faults_that_disturb_the_same_do_not_go_together() {
        assert!(!Fault::Kill(Part::Router).goes_with(Fault::Pause(Part::Router)));
        assert!(!Fault::NatsLine(Line::Cut).goes_with(Fault::Kill(Part::Sinks)));
        assert!(Fault::Kill(Part::Router).goes_with(Fault::NatsKill));
        assert!(Fault::all().all(|fault| !fault.goes_with(fault)));
    }
}
