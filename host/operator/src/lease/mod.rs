//! One writer of each stream: `coordination.k8s.io` Leases, by client-go's rules.
//!
//! Writes carry the resourceVersion that was read, so of two candidates one loses. Whether a Lease
//! has expired is judged by the local monotonic clock since its last observed change: clocks of
//! different machines are never compared. A holder that cannot renew in time ends its process.
//!
//! Beyond client-go's rules, a Lease is only ever *renewed* by the tenure that took it, and never
//! once that tenure has ended: whoever sees it stand still may rely on that without taking it.

mod held;
#[cfg(test)]
pub mod server;
mod tenure;

use std::time::Duration;

use anyhow::Context;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::time::{Instant, timeout};

pub use held::Held;
pub use tenure::Tenure;

use crate::shards::{ANNOTATION_ASKED_BY, LABEL_SHARDS, Shard};

/// Where Leases are, and how long their times are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace of the Leases.
    pub namespace: String,
    /// Name of the first shard's Lease, with which the names of the others begin.
    pub name: String,
    /// Name of this replica, unique among them.
    pub identity: String,
    /// After this time without a change a Lease is free.
    pub duration: Duration,
    /// A holder that has not renewed for this time gives up.
    pub renew_deadline: Duration,
    /// Time between two attempts.
    pub retry_period: Duration,
}

impl Settings {
    /// An answer later than this could not be used before the deadline.
    fn answer_within(&self) -> Duration {
        self.renew_deadline / 2
    }
}

/// The Leases that replicas share.
pub struct Leases {
    api: Api<Lease>,
    settings: Settings,
}

impl Leases {
    /// `client` must not retry by itself: the attempts here are timed.
    pub fn new(client: Client, settings: Settings) -> Self {
        let api = Api::namespaced(client, &settings.namespace);
        Leases { api, settings }
    }

    /// Where they are, and their times.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All Leases of the replicas, whatever number of shards these have been told of: as they are
    /// now, not as some cache has them.
    pub async fn all(&self) -> anyhow::Result<Vec<Lease>> {
        let limit = self.settings.answer_within();
        timeout(limit, self.read_all())
            .await
            .with_context(|| format!("no answer within {limit:?}"))?
            .with_context(|| {
                format!(
                    "failed to read the leases in namespace {}",
                    self.settings.namespace
                )
            })
    }

    async fn read_all(&self) -> kube::Result<Vec<Lease>> {
        let name = &self.settings.name;
        let labelled = ListParams::default().labels(LABEL_SHARDS);
        let mut leases = self.api.list(&labelled).await?.items;
        leases.retain(|lease| lease.name_any() != *name);
        // The only shard's Lease bears no label: it is found by name.
        leases.extend(self.api.get_opt(name).await?);
        Ok(leases)
    }

    /// One attempt to take the Lease of a shard, as it was `seen`; none if somebody was faster.
    pub async fn take(&self, shard: Shard, seen: Option<&Lease>) -> anyhow::Result<Option<Held>> {
        let (limit, name) = (
            self.settings.answer_within(),
            shard.lease_name(&self.settings.name),
        );
        let claim = claim(&name, shard, seen, &self.settings);
        let params = PostParams::default();
        let sent = Instant::now();
        let write = async {
            match seen {
                Some(_) => self.api.replace(&name, &params, &claim).await,
                None => self.api.create(&params, &claim).await,
            }
        };
        let written = timeout(limit, write).await;
        match written.with_context(|| format!("no answer within {limit:?}"))? {
            Ok(lease) => {
                let (api, settings) = (self.api.clone(), self.settings.clone());
                Ok(Some(Held::new(api, settings, shard, name, lease, sent)))
            }
            // It was made, taken or removed meanwhile.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("failed to take the lease {name}")),
        }
    }

    /// Asks the holder of a Lease, as it was `seen`, to give it back.
    pub async fn ask(&self, seen: &Lease) -> anyhow::Result<()> {
        let (limit, name) = (self.settings.answer_within(), seen.name_any());
        let word = json!({"metadata": {
            "resourceVersion": seen.metadata.resource_version,
            "annotations": {ANNOTATION_ASKED_BY: self.settings.identity},
        }});
        let (params, word) = (PatchParams::default(), Patch::Merge(word));
        let asked = timeout(limit, self.api.patch(&name, &params, &word)).await;
        match asked.with_context(|| format!("no answer within {limit:?}"))? {
            Ok(_) => Ok(()),
            // It was renewed meanwhile, most likely: the next look asks again.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("failed to ask for the lease {name}")),
        }
    }

    /// Frees a Lease, as it was `seen`, whose holder is dead and which nobody is going to take: else
    /// every replica that starts would wait for the dead.
    pub async fn clear(&self, seen: &Lease) -> anyhow::Result<()> {
        let (limit, name) = (self.settings.answer_within(), seen.name_any());
        let (params, free) = (PostParams::default(), freed(seen.clone()));
        let cleared = timeout(limit, self.api.replace(&name, &params, &free)).await;
        match cleared.with_context(|| format!("no answer within {limit:?}"))? {
            Ok(_) => Ok(()),
            // Its holder is not dead, or somebody else was faster: the next look tells.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("failed to free the lease {name}")),
        }
    }
}

/// A Lease that nobody holds.
fn freed(mut lease: Lease) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    lease
}

/// A Lease as this replica would take it.
fn claim(name: &str, shard: Shard, seen: Option<&Lease>, settings: &Settings) -> Lease {
    let mut metadata = seen.map_or_else(
        || ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        |lease| lease.metadata.clone(),
    );
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(ANNOTATION_ASKED_BY);
    }
    match shard.label() {
        Some(label) => {
            let labels = metadata.labels.get_or_insert_default();
            labels.insert(LABEL_SHARDS.to_owned(), label);
        }
        None => {
            if let Some(labels) = &mut metadata.labels {
                labels.remove(LABEL_SHARDS);
            }
        }
    }
    let before = seen.and_then(|lease| lease.spec.clone());
    let is_own = seen.and_then(holder) == Some(settings.identity.as_str());
    let transitions = before.as_ref().map_or(0, |spec| {
        spec.lease_transitions.unwrap_or(0) + i32::from(!is_own)
    });
    Lease {
        metadata,
        spec: Some(LeaseSpec {
            acquire_time: Some(MicroTime(jiff::Timestamp::now())),
            lease_transitions: Some(transitions),
            ..held_until_further(before, settings)
        }),
    }
}

/// A Lease as its holder renews it.
fn renewal(current: &Lease, settings: &Settings) -> Lease {
    Lease {
        metadata: current.metadata.clone(),
        spec: Some(held_until_further(current.spec.clone(), settings)),
    }
}

fn held_until_further(before: Option<LeaseSpec>, settings: &Settings) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(settings.identity.clone()),
        lease_duration_seconds: i32::try_from(settings.duration.as_secs()).ok(),
        renew_time: Some(MicroTime(jiff::Timestamp::now())),
        ..before.unwrap_or_default()
    }
}

/// Who holds the Lease.
pub fn holder(lease: &Lease) -> Option<&str> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// How long the Lease may stand still: the holder's own idea of it counts.
pub fn duration(lease: &Lease) -> Duration {
    let seconds = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_duration_seconds);
    Duration::from_secs(
        seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or(0),
    )
}

/// Whether nobody has taken the Lease in between, not even a namesake of its holder.
fn is_same_tenure(a: &Lease, b: &Lease) -> bool {
    let taken = |lease: &Lease| {
        let spec = lease.spec.as_ref()?;
        Some((spec.acquire_time.clone(), spec.lease_transitions))
    };
    taken(a) == taken(b)
}

#[cfg(test)]
mod tests {
    use super::{
        server::{settings, shard},
        *,
    };

    #[test]
    fn the_only_shards_lease_bears_no_label_and_takes_that_of_others_away() {
        let sole = claim("leader", shard(0, 1), None, &settings("a"));
        assert_eq!(sole.metadata.labels, None);
        let first = claim("leader", shard(0, 3), Some(&sole), &settings("b"));
        assert_eq!(first.labels()[LABEL_SHARDS], "3");
        let again = claim("leader", shard(0, 1), Some(&first), &settings("a"));
        assert!(again.labels().is_empty());
    }

    #[test]
    fn who_takes_a_lease_counts_as_another_holder_and_forgets_who_asked_for_it() {
        let mut first = claim("leader-1", shard(1, 3), None, &settings("a"));
        let spec = first.spec.as_ref().unwrap();
        assert_eq!(spec.lease_transitions, Some(0));
        first
            .annotations_mut()
            .insert(ANNOTATION_ASKED_BY.into(), "b".into());
        let second = claim("leader-1", shard(1, 3), Some(&first), &settings("b"));
        assert_eq!(holder(&second), Some("b"));
        assert_eq!(second.spec.as_ref().unwrap().lease_transitions, Some(1));
        assert!(second.annotations().is_empty());
    }

    #[test]
    fn a_renewal_is_the_same_tenure_and_keeps_who_asked() {
        let mut taken = claim("leader", shard(0, 3), None, &settings("a"));
        taken
            .annotations_mut()
            .insert(ANNOTATION_ASKED_BY.into(), "b".into());
        let renewed = renewal(&taken, &settings("a"));
        assert!(is_same_tenure(&renewed, &taken));
        assert_eq!(renewed.annotations()[ANNOTATION_ASKED_BY], "b");
    }

    #[test]
    fn a_namesake_that_takes_the_lease_begins_a_tenure_of_its_own() {
        let mut taken = claim("leader", shard(0, 1), None, &settings("a"));
        let long_ago = Some(MicroTime(jiff::Timestamp::UNIX_EPOCH));
        taken.spec.as_mut().unwrap().acquire_time = long_ago;
        let by_namesake = claim("leader", shard(0, 1), Some(&taken), &settings("a"));
        assert!(!is_same_tenure(&by_namesake, &taken));
        let transitions = by_namesake.spec.unwrap().lease_transitions;
        assert_eq!(transitions, Some(0), "the holder's name is the same");
    }
}
