//! The report: rows of figures in sections, as a table for people and as JSON.

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

use super::stats::Spread;

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Goal {
    /// Not below.
    AtLeast(f64),
    /// Below.
    Below(f64),
    /// Exactly.
    Exactly(f64),
}

impl Goal {
    fn is_met(self, spread: Spread) -> bool {
        match self {
            Self::AtLeast(limit) => spread.median >= limit,
            Self::Below(limit) => spread.median < limit,
            // Figures with such a goal are counts.
            Self::Exactly(value) => spread.min == value && spread.max == value,
        }
    }

    fn words(self, spread: Spread) -> String {
        let said = match self {
            Self::AtLeast(limit) => format!("≥ {}", number(limit)),
            Self::Below(limit) => format!("< {}", number(limit)),
            Self::Exactly(value) => format!("= {}", number(value)),
        };
        format!("{said} {}", if self.is_met(spread) { "met" } else { "MISSED" })
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// What was measured.
    pub(super) what: String,
    /// In which unit.
    pub(super) unit: &'static str,
    /// The figure over its runs.
    #[serde(flatten)]
    pub(super) spread: Spread,
    /// What it is to be, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<Goal>,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) met: Option<bool>,
}

/// The rows of one subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Section {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// What was done, for people.
    pub(super) about: String,
    /// The figures.
    pub(super) rows: Vec<Row>,
}

impl Section {
    /// An empty section.
    pub(super) fn new(name: &'static str, about: impl Into<String>) -> Self {
        Self { name, about: about.into(), rows: Vec::new() }
    }

    /// Adds a figure of several runs; nothing when there was none.
    pub(super) fn add(&mut self, what: impl Into<String>, unit: &'static str, values: &[f64]) {
        self.push(what.into(), unit, values, None);
    }

    /// Adds a figure that is to be something.
    pub(super) fn add_with_goal(&mut self, what: impl Into<String>, unit: &'static str, values: &[f64], goal: Goal) {
        self.push(what.into(), unit, values, Some(goal));
    }

    fn push(&mut self, what: String, unit: &'static str, values: &[f64], goal: Option<Goal>) {
        if let Some(spread) = Spread::of(values) {
            let met = goal.map(|goal| goal.is_met(spread));
            self.rows.push(Row { what, unit, spread, goal, met });
        }
    }

    /// The section as text.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(["", "median", "min", "max", "unit", "goal"]);
        for row in &self.rows {
            let Spread { median, min, max } = row.spread;
            let goal = row.goal.map(|goal| goal.words(row.spread)).unwrap_or_default();
            let [median, min, max] = [median, min, max].map(number);
            table.add_row([row.what.clone(), median, min, max, row.unit.to_owned(), goal]);
        }
        for column in table.column_iter_mut().skip(1).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("\n{}: {}\n{}", self.name, self.about, table.trim_fmt())
    }
}

/// Three digits that matter, thousands set apart.
pub(super) fn number(value: f64) -> String {
    let decimals = if value == 0.0 || value.abs() >= 100.0 || (value.fract() == 0.0) {
        0
    } else if value.abs() >= 10.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        let left = whole.len() - at;
        if at > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_precise_as_they_matter() {
        let shown = [20_000.0, 1_234_567.8, 99.95, 9.876, 0.0123, 0.0, 3.0, -1_500.0].map(number);
        assert_eq!(shown, ["20,000", "1,234,568", "100.0", "9.88", "0.012", "0", "3", "-1,500"]);
    }

    #[test]
    fn a_goal_is_judged_by_the_median_and_a_count_by_every_run() {
        let mut section = Section::new("throughput", "events from watch to acceptance");
        section.add_with_goal("ratio", "", &[0.7, 0.9, 0.85], Goal::AtLeast(0.8));
        section.add_with_goal("p99", "ms", &[19.0, 25.0, 20.0], Goal::Below(20.0));
        section.add_with_goal("reads", "", &[10.0, 11.0], Goal::Exactly(10.0));
        section.add("none", "ms", &[]);
        let met: Vec<Option<bool>> = section.rows.iter().map(|row| row.met).collect();
        assert_eq!(met, [Some(true), Some(false), Some(false)]);
        let table = section.table();
        assert!(table.contains("≥ 0.800 met") && table.contains("< 20 MISSED"), "{table}");
        let json = serde_json::to_value(&section).unwrap();
        assert_eq!(json["rows"][0]["median"], 0.85);
        assert_eq!(json["rows"][0]["goal"]["atLeast"], 0.8);
    }
}
