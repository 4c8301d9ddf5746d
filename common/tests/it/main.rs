//! The bus on real nats-servers.

mod bus;
