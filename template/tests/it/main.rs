//! Tests of the whole crate, in one program.

#![allow(clippy::unwrap_used, reason = "a failing test shows what was not as expected")]

mod check;
mod conformance;
mod language;
mod limits;
