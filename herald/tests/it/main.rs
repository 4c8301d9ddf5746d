//! The four binaries together, on a real nats-server and a real kube-apiserver.

mod bad_configs;
mod check;
mod delivery;
mod examples;
mod gone;
mod harness;
mod kill;
mod outage;
mod permissions;
mod readme;
mod reload;
mod seed;
