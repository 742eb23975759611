//! The Jobs of streams.

use std::sync::{Arc, Mutex, PoisonError};

use arcane_contract::names::LABEL_STREAM_ID;
use arcane_lifecycle::{Deleted, JobView, Propagation, as_going};
use kube::{Api, Client, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::{
    Change, Key, Observer, Store,
    events::config,
    follow as follow_kind,
    job_object::{CachedJob, JobObject},
    owner::Claimant,
    routes::Routes,
};
use crate::{faults::Faults, shards::Shard};

/// The Jobs of all streams, and which of them the operator has deleted itself.
pub struct Jobs {
    /// By name.
    pub store: Store<CachedJob>,
    deleted: Mutex<Deleted>,
}

impl Jobs {
    /// Empty.
    pub fn new() -> Self {
        Jobs {
            store: Store::new(),
            deleted: Mutex::default(),
        }
    }

    /// The Job of a stream.
    pub fn view(&self, key: &Key, claimant: Claimant<'_>) -> Option<JobView> {
        let job = self.store.get(key)?;
        let view = job.view(claimant);
        let view = if job.gone { as_going(view)? } else { view };
        Some(self.own_deletions().veil(view))
    }

    /// Whether the Job is gone already, so that there is nothing to delete; then it is forgotten:
    /// its outcome is recorded.
    pub fn forget_if_gone(&self, key: &Key, uid: &str) -> bool {
        let gone = self
            .store
            .get(key)
            .is_some_and(|job| job.gone && job.view.uid == uid);
        if gone {
            self.store.remove(key);
        }
        gone
    }

    /// The operator has deleted this Job.
    pub fn deleted(&self, key: &Key, uid: &str, propagation: Propagation) {
        // Held until it is noted: if the watch tells of the deletion in between, it waits to take the
        // note back. Otherwise a Job that is gone would stay veiled, and its stream wait for ever.
        let mut own = self.own_deletions();
        let is_there = |job: &CachedJob| job.view.uid == uid && !job.gone;
        if self.store.get(key).is_some_and(|job| is_there(&job)) {
            own.add(uid, propagation);
        } else if propagation == Propagation::Background {
            self.forget_if_gone(key, uid);
        }
    }

    /// The stream is gone: so is the interest in the outcome of its Job.
    pub fn abandon(&self, key: &Key) {
        if self.store.get(key).is_some_and(|job| job.gone) {
            self.store.remove(key);
        }
    }

    fn own_deletions(&self) -> std::sync::MutexGuard<'_, Deleted> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the Jobs that carry the stream label.
pub async fn follow(
    client: Client,
    jobs: Arc<Jobs>,
    routes: Arc<Routes>,
    shard: Shard,
    faults: Faults,
    stop: CancellationToken,
) {
    let observer = JobObserver {
        shard,
        jobs: jobs.clone(),
        routes,
    };
    let config = config().labels(LABEL_STREAM_ID);
    follow_kind(
        Api::<JobObject>::all(client),
        config,
        &jobs.store,
        &observer,
        &faults,
        &stop,
    )
    .await;
}

struct JobObserver {
    shard: Shard,
    jobs: Arc<Jobs>,
    routes: Arc<Routes>,
}

impl Observer<JobObject> for JobObserver {
    type View = CachedJob;

    fn resource(&self) -> &'static str {
        "jobs.batch"
    }

    /// It has the name of its stream.
    fn concerns(&self, object: &JobObject) -> bool {
        self.shard.owns_object(object)
    }

    fn project(&self, object: JobObject) -> CachedJob {
        object.into()
    }

    fn changed(&self, key: &Key, change: Change<'_, CachedJob>) {
        if let Change::Deleted(last) = &change {
            self.jobs.own_deletions().seen(&last.view.uid);
        }
        let owner = change.view().owner.as_ref();
        self.routes
            .kind(owner.map(|owner| &owner.kind), key.clone());
    }

    /// A Job that finished and was deleted by somebody else, such as the TTL controller, before
    /// its outcome was recorded.
    fn tombstone(&self, last: JobObject) -> Option<CachedJob> {
        // The runs of a CronJob carry the label, too; what becomes of them is the CronJob's matter.
        if last.labels().get(LABEL_STREAM_ID) != last.meta().name.as_ref() {
            return None;
        }
        let job = CachedJob::from(last);
        let is_open = self.jobs.own_deletions().is_outcome_open(&job.view);
        is_open.then_some(CachedJob { gone: true, ..job })
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use arcane_lifecycle::{JobState, Outcome};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
    use serde_json::json;

    use super::{super::routes::GroupKind, *};
    use crate::shards::Layout;

    fn finished(uid: &str) -> JobObject {
        serde_json::from_value(json!({
            "metadata": {
                "namespace": "ns", "name": "s", "uid": uid, "labels": {"arcane/stream-id": "s"}
            },
            "status": {"conditions": [{"type": "Complete", "status": "True"}]},
        }))
        .unwrap()
    }

    /// No Jobs yet, and what follows them.
    fn bed() -> (Arc<Jobs>, JobObserver) {
        let jobs = Arc::new(Jobs::new());
        let observer = JobObserver {
            shard: Layout::of(1).shard(0),
            jobs: jobs.clone(),
            routes: Arc::default(),
        };
        (jobs, observer)
    }

    #[test]
    fn an_outcome_outlives_a_job_that_somebody_else_deleted() {
        let (jobs, observer) = bed();
        let gone = observer.tombstone(finished("u")).unwrap();
        assert!(gone.gone && gone.view.state == JobState::Finished(Outcome::Succeeded));
        let key = Key::new("ns", "s");
        jobs.store.insert(key.clone(), gone);
        assert!(jobs.forget_if_gone(&key, "u"));
        assert!(jobs.store.get(&key).is_none(), "recorded, so forgotten");
    }

    #[test]
    fn an_outcome_does_not_outlive_a_job_for_the_next_definition_of_its_name() {
        let (jobs, observer) = bed();
        let mut job = finished("u");
        job.meta_mut().owner_references = Some(vec![OwnerReference {
            api_version: "g/v1".into(),
            kind: "K".into(),
            name: "s".into(),
            uid: "first".into(),
            controller: Some(true),
            block_owner_deletion: None,
        }]);
        let key = Key::new("ns", "s");
        let kind = GroupKind::of("g/v1", "K");
        let seen_by = |uid| {
            let claimant = Claimant {
                uid,
                name: "s",
                kind: &kind,
            };
            jobs.view(&key, claimant).map(|job| job.terminating)
        };
        jobs.store.insert(key.clone(), job.clone().into());
        assert_eq!(seen_by("second"), Some(false), "it is in the way");
        jobs.store
            .insert(key.clone(), observer.tombstone(job).unwrap());
        assert_eq!(seen_by("first"), Some(true));
        assert_eq!(seen_by("second"), None);
    }

    #[test]
    fn an_outcome_that_is_recorded_does_not_outlive_its_job() {
        let (jobs, observer) = bed();
        let key = Key::new("ns", "s");
        jobs.store.insert(key.clone(), finished("u").into());
        jobs.deleted(&key, "u", Propagation::Background);
        let kind = GroupKind::of("g/v1", "K");
        let claimant = Claimant {
            uid: "",
            name: "s",
            kind: &kind,
        };
        let view = jobs.view(&key, claimant).unwrap();
        assert!(view.terminating && view.state == JobState::Active);
        assert!(observer.tombstone(finished("u")).is_none());
    }

    #[test]
    fn a_deletion_that_is_seen_before_it_is_answered_leaves_nothing_behind() {
        let (jobs, observer) = bed();
        let key = Key::new("ns", "s");
        jobs.store
            .insert(key.clone(), observer.tombstone(finished("u")).unwrap());
        jobs.deleted(&key, "u", Propagation::Background);
        assert!(jobs.store.get(&key).is_none());
        let last = CachedJob::from(finished("u")).view;
        assert!(
            jobs.own_deletions().is_outcome_open(&last),
            "nothing remembered"
        );
    }

    #[test]
    fn a_deletion_that_is_seen_while_it_is_answered_leaves_nothing_behind() {
        let (jobs, observer) = bed();
        let key = Key::new("ns", "s");
        jobs.store.insert(key.clone(), finished("u").into());
        let tombstone = observer.tombstone(finished("u")).unwrap();
        thread::scope(|scope| {
            // The watch is quicker from here on.
            let mut own = jobs.own_deletions();
            let answered = scope.spawn(|| jobs.deleted(&key, "u", Propagation::Background));
            // Time for a wrong one to be misled: the right one has read nothing yet.
            thread::sleep(Duration::from_millis(50));
            jobs.store.insert(key.clone(), tombstone);
            own.seen("u");
            drop(own);
            answered.join().unwrap();
        });
        assert!(jobs.store.get(&key).is_none(), "nobody tells of it again");
        let last = CachedJob::from(finished("u")).view;
        assert!(jobs.own_deletions().is_outcome_open(&last));
    }

    #[test]
    fn the_run_of_a_cron_job_leaves_nothing_behind() {
        let (_, observer) = bed();
        let mut run = finished("u");
        run.meta_mut().name = Some("s-29000000".into());
        assert!(observer.tombstone(run).is_none());
    }
}
