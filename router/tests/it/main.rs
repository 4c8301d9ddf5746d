//! The router through its public interface: the recorded decisions, and the stage on a real nats-server.

mod conformance;
mod rules;
mod stage;
