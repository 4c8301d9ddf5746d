//! The sinks through their public interface: the registry's contract, and delivery on a real nats-server to receivers that misbehave.

mod aws;
#[cfg(feature = "gcp")]
mod bigquery;
mod chat;
mod compression;
mod conformance;
mod contract;
mod deliver;
mod fixture;
#[cfg(feature = "gcp")]
mod gcp;
mod hostile;
mod layouts;
mod loki;
#[cfg(feature = "otlp")]
mod otlp;
mod outage;
mod refusal;
mod restart;
mod search;
mod secrets;
mod tls;
mod webhook;
mod wire;
