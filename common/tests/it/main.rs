//! The bus on real nats-servers.

mod bus;
mod logging;
mod permissions;
mod web_config;
