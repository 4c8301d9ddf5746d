//! The four binaries together, on a real nats-server and a real kube-apiserver.

mod authorization;
mod bad_configs;
mod check;
mod delivery;
mod examples;
mod gone;
mod guard;
mod harness;
mod hostile;
mod kill;
mod login;
mod manifests;
mod outage;
mod permissions;
mod readme;
mod readonly;
mod reload;
mod secrets;
mod seed;
