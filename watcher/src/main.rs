//! The watcher as a process of its own.

fn main() -> std::process::ExitCode {
    herald_common::stage::main::<herald_watcher::Watcher>()
}
