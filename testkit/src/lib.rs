//! What Herald is tested against: real servers where they can be had, and scripted ones for what a real one cannot be made to do.
//!
//! ```text
//! tools       where nats-server, etcd, kube-apiserver and the others are, and skipping a test without them
//! nats        one nats-server, or a cluster of three
//! kubernetes  etcd and kube-apiserver with users, permissions and an audit log
//! stage       Herald's own binaries
//! apiserver   a simulated API server: faults on demand, events at any rate
//! servers     the servers of receivers' products: a real one each
//! receiver    a webhook receiver that records and misbehaves
//! chaos       a campaign that breaks everything around the binaries and accounts for every event
//! demo        a small workload for an API server to have events of
//! bench       what the release binaries do, as figures
//! process, scratch, wait, certs, confine   what the above are made of
//! ```
//!
//! Everything listens on 127.0.0.1 and ends with the test process, however that ends. Nothing waits without a bound.

mod client;
mod serve;

pub mod apiserver;
pub mod bench;
pub mod certs;
pub mod chaos;
pub mod confine;
pub mod demo;
pub mod kubernetes;
pub mod nats;
pub mod process;
pub mod receiver;
pub mod scratch;
pub mod servers;
pub mod stage;
pub mod tools;
pub mod wait;
