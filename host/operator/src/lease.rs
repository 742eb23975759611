//! One leader: a `coordination.k8s.io` Lease, by client-go's rules.
//!
//! Writes carry the resourceVersion that was read, so of two candidates one loses. Whether a Lease
//! has expired is judged by the local monotonic clock since its last observed change: clocks of
//! different machines are never compared. A leader that cannot renew in time ends its process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

/// Where the Lease is and how long its times are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Name of this candidate, unique among replicas.
    pub identity: String,
    /// After this time without a change the Lease is free.
    pub duration: Duration,
    /// A leader that has not renewed for this time gives up.
    pub renew_deadline: Duration,
    /// Time between two attempts.
    pub retry_period: Duration,
}

/// Whether this process may still write, by its own clock: asked before every write, so that a
/// process that was paused past its lease writes nothing more even before it notices.
#[derive(Clone, Debug)]
pub struct Tenure {
    start: Instant,
    /// Milliseconds from `start` to the last renewal.
    renewed: Arc<AtomicU64>,
    deadline: Duration,
}

impl Tenure {
    fn new(deadline: Duration) -> Self {
        Tenure {
            start: Instant::now(),
            renewed: Arc::default(),
            deadline,
        }
    }

    /// Counts from the moment the renewing request was sent: the server's clock started no earlier.
    fn renew(&self, sent: Instant) {
        let elapsed = sent.saturating_duration_since(self.start).as_millis();
        self.renewed.store(
            u64::try_from(elapsed).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Whether the last renewal is recent enough.
    pub fn holds(&self) -> bool {
        let renewed = Duration::from_millis(self.renewed.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(renewed) < self.deadline
    }
}

/// A candidate, or the leader.
pub struct Candidate {
    api: Api<Lease>,
    settings: Settings,
    observed: Option<Sighting>,
    tenure: Tenure,
}

/// The Lease as last read, and when it was first seen so.
struct Sighting {
    lease: Lease,
    since: Instant,
}

impl Candidate {
    /// A candidate that has not looked yet. `client` must not retry by itself: the attempts here
    /// are timed.
    pub fn new(client: Client, settings: Settings) -> Self {
        let api = Api::namespaced(client, &settings.namespace);
        Candidate {
            api,
            tenure: Tenure::new(settings.renew_deadline),
            settings,
            observed: None,
        }
    }

    /// Whether the Lease, once acquired, is still held.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Returns once this candidate holds the Lease. `contact` is called after each attempt with
    /// whether the API server answered.
    pub async fn acquire(&mut self, contact: impl Fn(bool)) {
        loop {
            match self.attempt().await {
                Ok(true) => {
                    contact(true);
                    info!(lease = %self.settings.name, identity = %self.settings.identity, "became the leader");
                    return;
                }
                Ok(false) => contact(true),
                Err(error) => {
                    contact(false);
                    warn!(lease = %self.settings.name, namespace = %self.settings.namespace, "failed to take the lease: {error:#}");
                }
            }
            sleep(self.settings.retry_period).await;
        }
    }

    /// Renews for ever; returns only when the Lease is lost, with the reason.
    pub async fn hold(&mut self) -> anyhow::Error {
        loop {
            sleep(self.settings.retry_period).await;
            match self.attempt().await {
                Ok(true) => {}
                Ok(false) => return anyhow::anyhow!("another replica holds the lease"),
                Err(error) => debug!("failed to renew the lease: {error:#}"),
            }
            if !self.tenure.holds() {
                return anyhow::anyhow!(
                    "the lease was not renewed for {:?}",
                    self.settings.renew_deadline
                );
            }
        }
    }

    /// Gives the Lease back, so that another replica need not wait for its end.
    pub async fn release(&mut self) {
        let Some(Sighting { lease, .. }) = self.observed.take() else {
            return;
        };
        if holder(&lease) != Some(self.settings.identity.as_str()) {
            return;
        }
        let mut free = lease;
        let spec = free.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        let name = self.settings.name.clone();
        match timeout(
            self.settings.retry_period,
            self.api.replace(&name, &PostParams::default(), &free),
        )
        .await
        {
            Ok(Ok(_)) => info!(lease = %name, "released the lease"),
            Ok(Err(error)) => warn!(lease = %name, "failed to release the lease: {error}"),
            Err(_) => warn!(lease = %name, "failed to release the lease in time"),
        }
    }

    /// One attempt to take or renew; true if this candidate is the leader now.
    async fn attempt(&mut self) -> anyhow::Result<bool> {
        // An answer later than this could not be used before the deadline.
        let limit = self.settings.renew_deadline / 2;
        let sent = Instant::now();
        let held = timeout(limit, self.take_or_renew())
            .await
            .with_context(|| format!("no answer within {limit:?}"))??;
        if held {
            self.tenure.renew(sent);
        }
        Ok(held)
    }

    async fn take_or_renew(&mut self) -> anyhow::Result<bool> {
        let Some(current) = self.api.get_opt(&self.settings.name).await? else {
            let lease = self.claim(None);
            return match self.api.create(&PostParams::default(), &lease).await {
                Ok(created) => Ok(self.note(created)),
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
                Err(error) => Err(error.into()),
            };
        };
        self.observe(current);
        let Some(sighting) = &self.observed else {
            return Ok(false);
        };
        if !is_free(
            &sighting.lease,
            sighting.since.elapsed(),
            &self.settings.identity,
        ) {
            return Ok(false);
        }
        let claim = self.claim(Some(&sighting.lease));
        match self
            .api
            .replace(&self.settings.name, &PostParams::default(), &claim)
            .await
        {
            Ok(written) => Ok(self.note(written)),
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers a Lease that this candidate has written.
    fn note(&mut self, lease: Lease) -> bool {
        self.observe(lease);
        true
    }

    fn observe(&mut self, lease: Lease) {
        let unchanged = self
            .observed
            .as_ref()
            .is_some_and(|seen| seen.lease.resource_version() == lease.resource_version());
        if !unchanged {
            self.observed = Some(Sighting {
                lease,
                since: Instant::now(),
            });
        }
    }

    /// The Lease as this candidate would write it.
    fn claim(&self, current: Option<&Lease>) -> Lease {
        let now = MicroTime(jiff::Timestamp::now());
        let before = current.and_then(|lease| lease.spec.clone());
        let renewal = current.and_then(holder) == Some(self.settings.identity.as_str());
        let (acquired, transitions) = match &before {
            Some(spec) if renewal => (spec.acquire_time.clone(), spec.lease_transitions),
            Some(spec) => (
                Some(now.clone()),
                Some(spec.lease_transitions.unwrap_or(0) + 1),
            ),
            None => (Some(now.clone()), Some(0)),
        };
        Lease {
            metadata: current.map_or_else(
                || ObjectMeta {
                    name: Some(self.settings.name.clone()),
                    ..ObjectMeta::default()
                },
                |lease| lease.metadata.clone(),
            ),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.settings.identity.clone()),
                lease_duration_seconds: i32::try_from(self.settings.duration.as_secs()).ok(),
                acquire_time: acquired,
                renew_time: Some(now),
                lease_transitions: transitions,
                ..before.unwrap_or_default()
            }),
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// Whether `identity` may write a Lease that has stood unchanged for `unchanged`. The holder's own
/// idea of the duration counts, as it is written in the Lease.
fn is_free(lease: &Lease, unchanged: Duration, identity: &str) -> bool {
    let duration = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_duration_seconds)
        .map_or(Duration::ZERO, |seconds| {
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        });
    match holder(lease) {
        None => true,
        Some(holder) => holder == identity || unchanged >= duration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, seconds: i32) -> Lease {
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.into()),
                lease_duration_seconds: Some(seconds),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tenure_ends_a_renew_deadline_after_the_last_renewal() {
        let tenure = Tenure::new(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(tenure.holds());
        tenure.renew(Instant::now());
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(tenure.holds());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!tenure.holds());
    }

    #[test]
    fn a_lease_without_a_holder_is_free() {
        assert!(is_free(&lease("", 15), Duration::ZERO, "a"));
        assert!(is_free(&Lease::default(), Duration::ZERO, "a"));
    }

    #[test]
    fn the_holder_may_renew_at_any_time() {
        assert!(is_free(&lease("a", 15), Duration::ZERO, "a"));
    }

    #[test]
    fn anothers_lease_is_free_only_after_it_stood_still_for_its_own_duration() {
        let held = lease("b", 15);
        assert!(!is_free(&held, Duration::from_secs(14), "a"));
        assert!(is_free(&held, Duration::from_secs(15), "a"));
    }
}
