//! The enricher as a process of its own.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    herald_common::stage::main::<herald_enricher::Enricher>()
}
