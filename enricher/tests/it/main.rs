//! The enricher on a real nats-server and the simulated API server.

mod fixture;
mod objects;
mod sharing;
mod trouble;
