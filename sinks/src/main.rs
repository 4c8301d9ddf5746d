//! The sinks as a process of their own.

fn main() -> std::process::ExitCode {
    herald_common::stage::main::<herald_sinks::Sinks>()
}
