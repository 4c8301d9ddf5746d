//! What is printed.

use std::{fmt::Write as _, io::Write as _};

use comfy_table::{Table, presets};

use crate::check::{CHECKS, Cell, Report};

/// A line on standard output.
pub(crate) fn say(line: &str) {
    // Nothing is left to do when nobody reads.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The table, kind × check, with the reasons below.
pub(crate) fn of(reports: &[Report]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["kind", "against"].into_iter().chain(CHECKS));
    let mut notes: Vec<String> = Vec::new();
    let mut number = |note: String| {
        let at = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
            notes.push(note);
            notes.len() - 1
        });
        at + 1
    };
    let mut failures = String::new();
    for report in reports {
        let cells = report.cells.iter().map(|(check, cell)| match cell {
            Cell::Passed => "passed".to_owned(),
            Cell::Not(reason) => format!("none ({})", number(reason.clone())),
            Cell::LeftOut(reason) => format!("left out ({})", number(reason.clone())),
            Cell::Failed(error) => {
                let _ = writeln!(failures, "FAILED {}: {check}: {error}", report.kind);
                "FAILED".to_owned()
            }
        });
        table.add_row([report.kind.to_owned(), report.product.clone()].into_iter().chain(cells));
    }
    let notes = notes.iter().enumerate().map(|(at, note)| format!("({}) {note}\n", at + 1)).collect::<String>();
    format!("\n{table}\n{notes}{failures}")
}
