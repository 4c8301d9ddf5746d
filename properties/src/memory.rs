//! How much memory some work takes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use allocation_counter::{AllocationInfo, measure};

/// Does the work and tells what this thread allocated for it. What the work returns counts as kept.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut result = None;
    // A panic must not leave the counter inside its measurement.
    let taken = measure(|| result = Some(catch_unwind(AssertUnwindSafe(work))));
    match result.expect("the closure was called") {
        Ok(result) => (result, taken),
        Err(panic) => resume_unwind(panic),
    }
}

/// Does the work and checks that it never held more than `most` bytes.
pub(crate) fn bounded<T>(most: usize, work: impl FnOnce() -> T) -> T {
    let (result, taken) = measured(work);
    assert!(taken.bytes_max <= most as u64, "{} bytes of memory at a time, more than {most}", taken.bytes_max);
    result
}
