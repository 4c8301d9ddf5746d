//! The bus on real nats-servers.

mod bus;
mod consumer;
mod logging;
mod permissions;
mod readiness;
mod web_config;
