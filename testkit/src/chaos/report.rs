//! What a campaign found: the table, and the same as JSON. Pure.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use super::{
    ledger::{Account, Lost, Tally},
    plan::{Fault, Setting},
};

/// What came of a step.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// The setting.
    pub setting: Setting,
    /// What was injected.
    pub faults: Vec<Fault>,
    /// The events made from its beginning to that of the next.
    pub tally: Tally,
    /// The longest time in which some receiver got nothing new.
    pub stall: Duration,
    /// How long after the faults' end every stage was ready and every receiver got something new; `None` when it did not come to that.
    pub recovered: Option<Duration>,
    /// What was not as it should be.
    pub problems: Vec<String>,
}

/// The result of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How long it ran.
    pub took: Duration,
    /// What came of each step.
    pub steps: Vec<StepResult>,
    /// What is lost, the first few of each act.
    pub lost: Vec<Lost>,
    /// Deliveries, dead letters and markers of events that were never made.
    pub unknown: u64,
    /// Deliveries without an idempotency key where there has to be one.
    pub unkeyed: u64,
    /// Deliveries with another object's metadata.
    pub mistaken: u64,
    /// How faults were carried out that could not be as meant.
    pub substitutes: Vec<String>,
    /// What went wrong outside of steps.
    pub problems: Vec<String>,
}

/// A line of the table.
#[derive(Clone, Debug, Default)]
struct Row {
    injected: u64,
    tally: Tally,
    stall: Duration,
    recovered: Duration,
    unrecovered: u64,
    problems: usize,
}

impl Row {
    fn add(&mut self, step: &StepResult) {
        self.injected += 1;
        self.tally.add(step.tally);
        self.stall = self.stall.max(step.stall);
        self.problems += step.problems.len();
        match step.recovered {
            Some(after) => self.recovered = self.recovered.max(after),
            None => self.unrecovered += 1,
        }
    }

    fn json(&self) -> Value {
        let Self { injected, tally, stall, recovered, unrecovered, problems } = self;
        json!({"injected": injected, "sent": tally.made, "delivered": tally.delivered, "deadLettered": tally.dead, "namedByGap": tally.named,
            "lost": tally.lost, "duplicated": tally.duplicated, "repeated": tally.repeated, "longestStallSeconds": stall.as_secs_f64(),
            "recoveredAfterSeconds": recovered.as_secs_f64(), "notRecovered": unrecovered, "problems": problems})
    }
}

impl Report {
    /// Adds an act: its steps, whose tallies are put in, and its balance.
    pub(super) fn add(&mut self, mut steps: Vec<StepResult>, account: Account) {
        for (step, tally) in steps.iter_mut().zip(&account.steps) {
            step.tally = *tally;
        }
        self.steps.extend(steps);
        self.lost.extend(account.lost);
        self.unknown += account.unknown;
        self.unkeyed += account.unkeyed;
        self.mistaken += account.mistaken;
    }

    /// Everything together.
    pub fn total(&self) -> Tally {
        self.steps.iter().fold(Tally::default(), |mut total, step| {
            total.add(step.tally);
            total
        })
    }

    /// Whether nothing was lost, doubled, mixed up or invented, and everything recovered by itself.
    pub fn is_good(&self) -> bool {
        let total = self.total();
        let recovered = self.steps.iter().all(|step| step.recovered.is_some() && step.problems.is_empty());
        recovered
            && self.problems.is_empty()
            && (total.lost, total.duplicated, self.unknown, self.unkeyed, self.mistaken) == (0, 0, 0, 0, 0)
    }

    fn rows(&self) -> Vec<(Fault, Row)> {
        let row = |fault: Fault| {
            let mut row = Row::default();
            self.steps.iter().filter(|step| step.faults.contains(&fault)).for_each(|step| row.add(step));
            (fault, row)
        };
        Fault::all().map(row).collect()
    }

    /// The result as JSON.
    pub fn json(&self) -> Value {
        let faults: serde_json::Map<String, Value> = self.rows().iter().map(|(fault, row)| (fault.to_string(), row.json())).collect();
        let steps = self.steps.iter().map(|step| {
            let mut row = Row::default();
            row.add(step);
            let mut step_json = row.json();
            step_json["faults"] = json!(step.faults.iter().map(ToString::to_string).collect::<Vec<_>>());
            step_json["setting"] = json!(step.setting.to_string());
            step_json["problems"] = json!(step.problems);
            step_json
        });
        let lost = self.lost.iter().map(|lost| json!({"event": lost.identity, "receiver": lost.receiver, "seenIn": lost.places}));
        let total = self.total();
        json!({"seed": self.seed, "seconds": self.took.as_secs(), "good": self.is_good(), "sent": total.made, "delivered": total.delivered,
            "deadLettered": total.dead, "namedByGap": total.named, "lost": total.lost, "duplicated": total.duplicated,
            "repeated": total.repeated, "unknown": self.unknown, "unkeyed": self.unkeyed, "mistaken": self.mistaken,
            "substitutes": self.substitutes, "problems": self.problems, "faults": faults, "steps": steps.collect::<Vec<_>>(),
            "lostEvents": lost.collect::<Vec<_>>()})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<28} {:>8} {:>7} {:>5} {:>6} {:>6} {:>10} {:>8} {:>9} {:>9}",
            "fault", "injected", "sent", "lost", "named", "dead", "duplicated", "repeats", "stall", "recovered"
        )?;
        for (fault, row) in self.rows() {
            let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
            let recovered = match (row.injected, row.unrecovered) {
                (0, _) => "-".to_owned(),
                (_, 0) => seconds(row.recovered),
                (_, number) => format!("NOT ({number})"),
            };
            let stall = if row.injected == 0 { "-".to_owned() } else { seconds(row.stall) };
            let Row { injected, tally: Tally { made, lost, named, dead, duplicated, repeated, .. }, .. } = row;
            write!(
                out,
                "{fault:<28} {injected:>8} {made:>7} {lost:>5} {named:>6} {dead:>6} {duplicated:>10} {repeated:>8} {stall:>9} {recovered:>9}"
            )?;
            writeln!(out, "{}", if row.problems > 0 { "  !" } else { "" })?;
        }
        let Tally { made, delivered, dead, named, lost, duplicated, repeated } = self.total();
        writeln!(
            out,
            "\nseed {}, {} s, {} steps: {made} events sent, {delivered} delivered everywhere, {dead} kept as dead letters, {named} named by gap \
             markers, {lost} lost; {duplicated} duplicated at an idempotent receiver, {repeated} repeats dropped there or written to the file",
            self.seed,
            self.took.as_secs(),
            self.steps.len()
        )?;
        for substitute in &self.substitutes {
            writeln!(out, "instead: {substitute}")?;
        }
        for (what, number) in [
            ("deliveries of what was never made", self.unknown),
            ("deliveries without an idempotency key", self.unkeyed),
            ("deliveries with another object's metadata", self.mistaken),
        ] {
            if number > 0 {
                writeln!(out, "WRONG: {number} {what}")?;
            }
        }
        for Lost { identity, receiver, step, places } in &self.lost {
            writeln!(out, "LOST: {identity} at {receiver}, made in step {step} of its act, seen in {places:?}")?;
        }
        let of_steps = self.steps.iter().flat_map(|step| step.problems.iter().map(|problem| format!("{}: {problem}", names(&step.faults))));
        for problem in of_steps.chain(self.problems.iter().cloned()) {
            writeln!(out, "PROBLEM: {problem}")?;
        }
        write!(out, "{}", if self.is_good() { "nothing lost, nothing unaccounted for, everything recovered" } else { "NOT GOOD" })
    }
}

/// The faults' names.
pub(super) fn names(faults: &[Fault]) -> String {
    if faults.is_empty() {
        return "no fault".to_owned();
    }
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(faults: Vec<Fault>, recovered: Option<Duration>) -> StepResult {
        let (tally, stall, problems) = (Tally { made: 10, delivered: 10, ..Tally::default() }, Duration::from_secs(2), Vec::new());
        StepResult { setting: Setting::Single, faults, tally, stall, recovered, problems }
    }

    #[test]
    fn a_fault_in_a_pair_counts_for_both_and_the_total_counts_it_once() {
        let steps = vec![step(vec![Fault::NatsKill, Fault::HookBroken], Some(Duration::ZERO)), step(vec![Fault::NatsKill], None)];
        let report = Report { steps, ..Report::default() };
        let json = report.json();
        assert_eq!((&json["sent"], &json["faults"]["nats SIGKILL"]["injected"]), (&json!(20), &json!(2)));
        assert_eq!(json["faults"]["nats SIGKILL"]["notRecovered"], 1);
        assert_eq!(json["faults"]["receiver 500"]["sent"], 10);
        assert!(!report.is_good() && report.to_string().contains("NOT (1)"));
    }

    #[test]
    fn a_loss_or_a_problem_makes_it_bad() {
        let good = Report { steps: vec![step(vec![], Some(Duration::ZERO))], ..Report::default() };
        assert!(good.is_good());
        let mut lossy = good.clone();
        lossy.steps[0].tally.lost = 1;
        assert!(!lossy.is_good());
        assert!(!Report { problems: vec!["x".to_owned()], ..good }.is_good());
    }
}
