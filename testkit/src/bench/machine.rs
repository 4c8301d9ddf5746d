//! The machine the bench runs on: what it is, and how busy it is with other things.

use anyhow::{Context, Result};
use serde::Serialize;

/// The name of the whole machine among processes.
pub(super) const ALL: &str = "machine";

/// What the figures depend on beside the programs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    /// Model of the processors.
    processor: String,
    /// How many programs can run at a time.
    processors: usize,
    /// How many wanted to run when the bench began: mean of the last minute.
    load: f64,
    kernel: String,
}

impl Machine {
    /// Looks at this machine; what it does not tell is empty.
    pub(super) fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let model = processor.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
        Self {
            processor: model.map(|(_, name)| name.to_owned()).unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        let Self { processor, processors, load, kernel } = self;
        format!("{processors} × {processor}, Linux {kernel}, load {load} at the beginning")
    }
}

/// Processor seconds that all programs have used since the machine started.
pub(super) fn busy_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat").context("could not read /proc/stat")?;
    busy(&stat).context("/proc/stat is odd")
}

/// Hundredths of a second in user, nice, system, irq, softirq and steal: everything but idle and waiting for disks.
fn busy(stat: &str) -> Option<f64> {
    let fields: Vec<u64> = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let ticks: u64 = [0, 1, 2, 5, 6, 7].iter().map(|&at| fields.get(at).copied().unwrap_or(0)).sum();
    Some(ticks as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn idle_time_and_waiting_for_disks_are_not_busy() {
        assert_eq!(super::busy("cpu  100 20 30 9000 500 1 2 3 0 0\ncpu0 1 1"), Some(1.56));
        assert_eq!(super::busy("intr 1"), None);
    }
}
