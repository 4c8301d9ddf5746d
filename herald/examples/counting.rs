//! A stage under an allocator that counts: started by `make bench` to tell how often a stage allocates for an event.
//!
//! It is the stage by whose name it is called, `herald-watcher` and so on, and takes the same arguments; ten times a second it says on standard error how
//! many allocations and bytes there were so far.

use std::{alloc::System, path::Path, process::ExitCode, time::Duration};

use herald_common::stage;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    std::thread::spawn(report);
    let called = std::env::args_os().next().unwrap_or_default();
    match Path::new(&called).file_name().and_then(|name| name.to_str()) {
        Some("herald-watcher") => stage::main::<herald_watcher::Watcher>(),
        Some("herald-enricher") => stage::main::<herald_enricher::Enricher>(),
        Some("herald-router") => stage::main::<herald_router::Router>(),
        Some("herald-sinks") => stage::main::<herald_sinks::Sinks>(),
        _ => ExitCode::FAILURE,
    }
}

#[allow(clippy::print_stderr, clippy::disallowed_methods, reason = "it is for the bench, from a thread of its own that may block")]
fn report() {
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let so_far = ALLOCATOR.stats();
        eprintln!("allocations {} {}", so_far.allocations + so_far.reallocations, so_far.bytes_allocated);
    }
}
