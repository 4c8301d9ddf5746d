//! The enricher through its public interface, on a real nats-server and a simulated API server.

mod faults;
mod fixture;
mod objects;
mod order;
mod replicas;
mod restart;
