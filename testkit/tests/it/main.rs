//! The test kit's own tests: that its servers behave as tests rely on.

#![allow(clippy::unwrap_used, reason = "a failing test shows what was not as expected")]

mod apiserver;
mod bench;
mod chaos;
mod demo;
mod kubernetes;
mod nats;
mod process;
mod receiver;
mod tools;
