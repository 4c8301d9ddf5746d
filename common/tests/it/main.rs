//! The bus on real nats-servers.

mod bus;
mod permissions;
mod web_config;
