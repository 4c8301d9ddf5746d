//! The watcher through its public interface, on a real nats-server and a simulated API server.

mod fixture;
mod gaps;
mod list;
mod replicas;
mod restart;
mod watch;
