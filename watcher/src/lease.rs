//! Taking turns: one watcher of several holds a Lease (coordination.k8s.io/v1), the way Kubernetes' own controllers do.
//!
//! Writes carry the version they are based on, so that of two who try at once one is refused. Another's lease counts as expired when it has not changed for
//! [`DURATION`] by this process's own clock; clocks of other machines are never compared. A holder that cannot renew for [`RENEW_WITHIN`] stands back
//! before others may take over.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams, core::ObjectMeta};
use rand::RngExt as _;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a lease is honoured after its last renewal.
const DURATION: Duration = Duration::from_secs(15);
/// How long renewals may fail before the holder stands back.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// The pause between attempts, for holders and others alike.
const RETRY: Duration = Duration::from_secs(2);

/// A candidate for a lease.
pub(crate) struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    /// The version of the lease seen last, and since when.
    seen: Option<(String, Instant)>,
}

/// How a lease stands towards a candidate. Pure.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Ours,
    Free,
    Taken,
}

fn standing(spec: &LeaseSpec, identity: &str, unchanged_for: Duration) -> Standing {
    let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(DURATION, Duration::from_secs);
    match spec.holder_identity.as_deref() {
        Some(holder) if holder == identity => Standing::Ours,
        None | Some("") => Standing::Free,
        Some(_) if unchanged_for >= duration => Standing::Free,
        Some(_) => Standing::Taken,
    }
}

impl Candidate {
    /// A candidate for the lease `name` in `namespace`, known as `identity`.
    pub(crate) fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, seen: None }
    }

    /// Holds the lease whenever it can, says so in `leading`, and gives it back at `stop`.
    pub(crate) async fn run(mut self, leading: watch::Sender<bool>, stop: CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            let attempt = tokio::time::timeout(RENEW_WITHIN / 2, self.hold());
            let held = tokio::select! {
                held = attempt => held.unwrap_or_else(|_| Err(kube::Error::Service("no answer in time".into()))),
                () = stop.cancelled() => break,
            };
            let lead = match held {
                Ok(true) => {
                    renewed = Instant::now();
                    true
                }
                Ok(false) => false,
                Err(error) => {
                    tracing::warn!(lease = self.name, %error, "lease cannot be renewed or taken, trying again");
                    *leading.borrow() && renewed.elapsed() + RETRY < RENEW_WITHIN
                }
            };
            leading.send_if_modified(|was| std::mem::replace(was, lead) != lead);
            let pause = RETRY.mul_f64(rand::rng().random_range(0.8..1.2));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
        }
        if *leading.borrow() {
            let release = tokio::time::timeout(RETRY, self.release()).await;
            if !matches!(release, Ok(Ok(()))) {
                tracing::warn!(lease = self.name, "lease not given back, others wait until it expires");
            }
        }
    }

    /// Renews the lease or takes it; false when another holds it.
    async fn hold(&mut self) -> kube::Result<bool> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let fresh = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.taken(&LeaseSpec::default())),
            };
            return accepted(self.api.create(&PostParams::default(), &fresh).await);
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let unchanged_for = match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed(),
            _ => {
                self.seen = Some((version, Instant::now()));
                Duration::ZERO
            }
        };
        let mut spec = lease.spec.unwrap_or_default();
        match standing(&spec, &self.identity, unchanged_for) {
            Standing::Taken => return Ok(false),
            Standing::Ours => spec.renew_time = Some(MicroTime(Timestamp::now())),
            Standing::Free => spec = self.taken(&spec),
        }
        lease.spec = Some(spec);
        // The version in the metadata makes this fail when anybody wrote in between.
        accepted(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    /// The lease as this candidate takes it over.
    fn taken(&self, before: &LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0).saturating_add(i32::from(before.holder_identity.is_some()))),
            ..before.clone()
        }
    }

    async fn release(&self) -> kube::Result<()> {
        let mut lease = self.api.get(&self.name).await?;
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() == Some(&self.identity) {
            spec.holder_identity = Some(String::new());
            self.api.replace(&self.name, &PostParams::default(), &lease).await?;
        }
        Ok(())
    }
}

/// A conflict means that another was quicker.
fn accepted(result: kube::Result<Lease>) -> kube::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_free_without_holder_or_when_it_stood_still_for_its_duration() {
        let held =
            |holder: &str| LeaseSpec { holder_identity: Some(holder.to_owned()), lease_duration_seconds: Some(15), ..LeaseSpec::default() };
        let seconds = Duration::from_secs;
        assert_eq!(standing(&LeaseSpec::default(), "a", seconds(0)), Standing::Free);
        assert_eq!(standing(&held(""), "a", seconds(0)), Standing::Free);
        assert_eq!(standing(&held("a"), "a", seconds(100)), Standing::Ours);
        assert_eq!(standing(&held("b"), "a", seconds(14)), Standing::Taken);
        assert_eq!(standing(&held("b"), "a", seconds(15)), Standing::Free);
    }
}
