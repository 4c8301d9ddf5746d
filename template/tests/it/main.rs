//! Tests of the whole crate, in one program.

mod check;
mod conformance;
mod event;
mod language;
mod limits;
