//! Every kind of receiver against its product's server: what each is checked for, through the sinks at work on a real nats-server.
//!
//! ```text
//! cargo test -p herald-sinks --test servers -- all          every kind
//! cargo test -p herald-sinks --test servers -- loki kafka   these
//! cargo test -p herald-sinks --test servers -- all -loki    all but those that need this server
//! ```
//!
//! A kind is a file in `kinds/` and a line in `kinds.rs`. What it has to tell is in [`kind::Kind`], what it is checked for in [`check`]. At the end stands a table: kind ×
//! check, what it ran against, and why a product cannot have what it has not. The exit code is 1 when a check failed, or, with `HERALD_REQUIRE_ALL=1`, a server is not
//! there. Without a kind named nothing runs: the servers take minutes.

mod check;
mod events;
#[path = "../it/fixture.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod fixture;
mod kind;
mod kinds;
mod log;
mod table;

use std::process::ExitCode;

use herald_sinks::kinds::KINDS;

use crate::{
    check::{Report, Row},
    kinds::ROWS,
    table::say,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let named = |row: &Row| arguments.iter().any(|argument| argument == row.kind || argument == "all");
    let rows: Vec<&Row> = ROWS.iter().filter(|row| named(row)).collect();
    if rows.is_empty() {
        say("left out: the receivers against their products' servers; name kinds, or all");
        return ExitCode::SUCCESS;
    }
    // What `main` does first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    log::begin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut reports = Vec::new();
    for row in &rows {
        let left_out = row.needs.iter().find(|tool| arguments.iter().any(|argument| argument.strip_prefix('-') == Some(tool.name())));
        reports.push(match left_out {
            Some(tool) => row.left_out(&format!("{tool} is left out as asked")),
            None => runtime.block_on(row.run()),
        });
    }
    let served = KINDS.iter().filter(|row| row.is_served).map(|row| row.kind);
    let forgotten = served.filter(|kind| ROWS.iter().all(|row| row.kind != *kind));
    reports.extend(forgotten.map(|kind| Report::failed(kind, "it has no row in sinks/tests/servers/kinds.rs".to_owned())));
    say(&table::of(&reports));
    if reports.iter().any(Report::is_failure) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
