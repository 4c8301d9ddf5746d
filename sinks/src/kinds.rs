//! The kinds of receivers, one file each.

pub mod file;
pub mod stdout;
pub mod webhook;
