//! The kinds of receivers, one file each.
//!
//! A kind is two lines: its module here and its row in [`crate::registry::KINDS`]. A module without a row is dead code, which does not compile.

#![deny(dead_code)]

pub mod file;
pub(crate) mod later;
pub mod stdout;
pub mod webhook;
