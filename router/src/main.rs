//! The router as a process of its own.

fn main() -> std::process::ExitCode {
    herald_common::stage::main::<herald_router::Router>()
}
