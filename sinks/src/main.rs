//! The sinks as a process of their own.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    herald_common::stage::main::<herald_sinks::Sinks>()
}
