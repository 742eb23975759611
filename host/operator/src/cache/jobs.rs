//! The Jobs of streams.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arcane_contract::names::{
    ANNOTATION_BACKFILL_REQUEST, ANNOTATION_CONFIGURATION_HASH, ANNOTATION_RENDER_HASH,
    ANNOTATION_RESTART, ANNOTATIONS_STATE, ENV_BACKFILL_ID, LABEL_BACKFILLING, LABEL_STREAM_ID,
    STATE_SCHEMA_MISMATCH,
};
use arcane_lifecycle::{Failure, JobState, JobView, Outcome, Ownership, Run};
use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::Time};
use kube::{Api, Client, Resource, ResourceExt, api::ObjectMeta, core::NamespaceResourceScope};
use serde::{Deserialize, Deserializer};
use tokio_util::sync::CancellationToken;

use super::{
    Change, Key, Observer, Store, follow as follow_kind,
    routes::{GroupKind, Routes},
    watch::config,
};
use crate::faults::Faults;

/// The parts of a Job that matter; the rest is skipped while it is read.
#[derive(Clone, Debug, Deserialize)]
pub struct JobObject {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Template {
    #[serde(default)]
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodSpec {
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Container {
    #[serde(default)]
    env: Vec<EnvVar>,
}

#[derive(Clone, Debug, Deserialize)]
struct EnvVar {
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "object_name")]
    value: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    ready: u32,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default, rename = "lastTransitionTime")]
    since: Option<Time>,
}

/// Keeps a value that can be an object's name and skips the long ones, such as a whole spec.
fn object_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    const LONGEST_NAME: usize = 253;
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text
        .filter(|text| text.len() <= LONGEST_NAME)
        .map(Cow::into_owned))
}

impl Resource for JobObject {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        Job::kind(&())
    }
    fn group(_: &()) -> Cow<'_, str> {
        Job::group(&())
    }
    fn version(_: &()) -> Cow<'_, str> {
        Job::version(&())
    }
    fn plural(_: &()) -> Cow<'_, str> {
        Job::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What is kept of a Job.
#[derive(Clone, Debug)]
pub struct CachedJob {
    /// uid of the object that controls the Job.
    pub owner: Option<Box<str>>,
    /// Group and kind of that object.
    pub owner_kind: Option<GroupKind>,
    /// The Job is gone from the API server; its outcome still waits to be recorded.
    pub gone: bool,
    /// Time from the Job's creation to its success.
    pub lived: Option<Duration>,
    /// A pod of the Job is ready.
    pub ready: bool,
    /// The view, as if the Job were the stream's own.
    view: JobView,
}

impl CachedJob {
    /// The view of the stream with this uid.
    pub fn view(&self, stream: &str) -> JobView {
        let mut view = self.view.clone();
        view.ownership = if self.owner.as_deref() == Some(stream) {
            Ownership::Ours
        } else {
            Ownership::Foreign
        };
        view
    }
}

impl From<JobObject> for CachedJob {
    fn from(job: JobObject) -> Self {
        let controller = job
            .owner_references()
            .iter()
            .find(|owner| owner.controller == Some(true))
            .cloned();
        let annotations = job.annotations();
        let annotation = |name: &str| annotations.get(name).cloned();
        let view = JobView {
            uid: job.uid().unwrap_or_default(),
            ownership: Ownership::Foreign,
            run: run(&job),
            configuration_hash: annotation(ANNOTATION_CONFIGURATION_HASH),
            render_hash: annotation(ANNOTATION_RENDER_HASH),
            restart: annotation(ANNOTATION_RESTART),
            schema_mismatch: ANNOTATIONS_STATE.iter().any(|name| {
                annotations.get(*name).map(String::as_str) == Some(STATE_SCHEMA_MISMATCH)
            }),
            terminating: job.metadata.deletion_timestamp.is_some(),
            state: state(
                &job.status.conditions,
                job.metadata.deletion_timestamp.as_ref(),
            ),
        };
        CachedJob {
            owner: controller.as_ref().map(|owner| owner.uid.as_str().into()),
            owner_kind: controller.map(|owner| GroupKind::of(&owner.api_version, &owner.kind)),
            gone: false,
            lived: lived(&job),
            ready: job.status.ready > 0,
            view,
        }
    }
}

/// What the Job was made for. Jobs of other operators tell the request in their environment only.
fn run(job: &JobObject) -> Run {
    if job.labels().get(LABEL_BACKFILLING).map(String::as_str) != Some("true") {
        return Run::Streaming;
    }
    let from_environment = || {
        let container = job.spec.template.spec.containers.first()?;
        let variable = container
            .env
            .iter()
            .find(|variable| variable.name == ENV_BACKFILL_ID)?;
        variable.value.clone().filter(|name| !name.is_empty())
    };
    Run::Backfill(
        job.annotations()
            .get(ANNOTATION_BACKFILL_REQUEST)
            .cloned()
            .or_else(from_environment),
    )
}

fn lived(job: &JobObject) -> Option<Duration> {
    let begun = job.metadata.creation_timestamp.as_ref()?.0;
    let mut conditions = job.status.conditions.iter();
    let complete = conditions.find(|condition| condition.kind == "Complete")?;
    let ended = complete.since.as_ref()?.0;
    ended.duration_since(begun).try_into().ok()
}

/// A Job that is being deleted and ends only then was cut off: its pods were told to stop, and may
/// well say that they succeeded. Within the second of its deletion nobody can tell, and running
/// once more is the safe side.
fn state(conditions: &[Condition], deleted: Option<&Time>) -> JobState {
    let holds = |kind: &str| {
        conditions.iter().find(|condition| {
            let in_time = match (&condition.since, deleted) {
                (Some(since), Some(deleted)) => since < deleted,
                _ => true,
            };
            condition.kind == kind && condition.status == "True" && in_time
        })
    };
    if holds("Complete").is_some() {
        JobState::Finished(Outcome::Succeeded)
    } else if let Some(failed) = holds("Failed") {
        JobState::Finished(Outcome::Failed(Failure {
            reason: failed.reason.clone(),
            message: failed.message.clone(),
            ..Failure::default()
        }))
    } else {
        JobState::Active
    }
}

/// The Jobs of all streams, and which of them the operator has deleted itself.
pub struct Jobs {
    /// By name.
    pub store: Store<CachedJob>,
    /// uids of Jobs whose outcome is recorded, until their deletion is seen.
    recorded: Mutex<HashSet<Box<str>>>,
}

impl Jobs {
    /// Empty.
    pub fn new() -> Self {
        Jobs {
            store: Store::new(),
            recorded: Mutex::default(),
        }
    }

    /// The Job of a stream. One that the operator has deleted is only waited for, whatever the
    /// cache still says of it: its outcome is recorded.
    pub fn view(&self, key: &Key, stream: &str) -> Option<JobView> {
        let mut view = self.store.get(key)?.view(stream);
        if self.recorded().contains(view.uid.as_str()) {
            view.terminating = true;
            view.state = JobState::Active;
        }
        Some(view)
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

    /// The operator has deleted this Job: its outcome, if it had one, is recorded.
    pub fn deleted(&self, key: &Key, uid: &str) {
        if self
            .store
            .get(key)
            .is_some_and(|job| job.view.uid == uid && !job.gone)
        {
            self.recorded().insert(uid.into());
        } else {
            self.forget_if_gone(key, uid);
        }
    }

    /// The stream is gone: so is the interest in the outcome of its Job.
    pub fn abandon(&self, key: &Key) {
        if self.store.get(key).is_some_and(|job| job.gone) {
            self.store.remove(key);
        }
    }

    fn recorded(&self) -> std::sync::MutexGuard<'_, HashSet<Box<str>>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the Jobs that carry the stream label.
pub async fn follow(
    client: Client,
    streaming: bool,
    jobs: Arc<Jobs>,
    routes: Arc<Routes>,
    faults: Faults,
    stop: CancellationToken,
) {
    let observer = JobObserver {
        jobs: jobs.clone(),
        routes,
    };
    let config = config(streaming).labels(LABEL_STREAM_ID);
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
    jobs: Arc<Jobs>,
    routes: Arc<Routes>,
}

impl Observer<JobObject> for JobObserver {
    type View = CachedJob;

    fn resource(&self) -> &'static str {
        "jobs.batch"
    }

    fn project(&self, object: JobObject) -> CachedJob {
        object.into()
    }

    fn changed(&self, key: &Key, change: Change<'_, CachedJob>) {
        if let Change::Deleted(last) = &change {
            self.jobs.recorded().remove(last.view.uid.as_str());
        }
        self.routes
            .kind(change.view().owner_kind.as_ref(), key.clone());
    }

    /// A Job that finished and was deleted by somebody else, such as the TTL controller, before
    /// its outcome was recorded.
    fn tombstone(&self, last: JobObject) -> Option<CachedJob> {
        // The runs of a CronJob carry the label, too; what becomes of them is the CronJob's matter.
        if last.labels().get(LABEL_STREAM_ID) != last.metadata.name.as_ref() {
            return None;
        }
        let job = CachedJob::from(last);
        let recorded = self.jobs.recorded().contains(job.view.uid.as_str());
        let finished = matches!(job.view.state, JobState::Finished(_));
        (finished && !recorded).then_some(CachedJob { gone: true, ..job })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(value: serde_json::Value) -> CachedJob {
        serde_json::from_value::<JobObject>(value).unwrap().into()
    }

    #[test]
    fn a_backfill_of_another_operator_tells_its_request_in_the_environment() {
        let cached = job(json!({
            "metadata": {"labels": {"arcane/backfilling": "true"}},
            "spec": {"template": {"spec": {"containers": [{"env": [
                {"name": "STREAMCONTEXT__SPEC", "value": "x".repeat(10_000)},
                {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
                {"name": "STREAMCONTEXT__BACKFILL_ID", "value": "request-1"},
            ]}]}}},
        }));
        assert_eq!(cached.view.run, Run::Backfill(Some("request-1".into())));
    }

    #[test]
    fn a_job_is_its_streams_own_only_if_the_uid_of_its_controller_says_so() {
        let cached = job(json!({"metadata": {"ownerReferences": [
            {"apiVersion": "g/v1", "kind": "K", "name": "s", "uid": "u", "controller": true}
        ]}}));
        assert_eq!(cached.view("u").ownership, Ownership::Ours);
        assert_eq!(cached.view("v").ownership, Ownership::Foreign);
    }

    #[test]
    fn a_job_that_is_about_to_fail_has_not_failed_yet() {
        let cached = job(json!({"status": {"conditions": [
            {"type": "FailureTarget", "status": "True", "reason": "PodFailurePolicy"}
        ]}}));
        assert_eq!(cached.view.state, JobState::Active);
    }

    fn finished(uid: &str) -> JobObject {
        serde_json::from_value(json!({
            "metadata": {
                "namespace": "ns", "name": "s", "uid": uid, "labels": {"arcane/stream-id": "s"}
            },
            "status": {"conditions": [{"type": "Complete", "status": "True"}]},
        }))
        .unwrap()
    }

    #[test]
    fn an_outcome_outlives_a_job_that_somebody_else_deleted() {
        let jobs = Arc::new(Jobs::new());
        let observer = JobObserver {
            jobs: jobs.clone(),
            routes: Arc::default(),
        };
        let gone = observer.tombstone(finished("u")).unwrap();
        assert!(gone.gone && gone.view.state == JobState::Finished(Outcome::Succeeded));
        let key = Key::new("ns", "s");
        jobs.store.insert(key.clone(), gone);
        assert!(jobs.forget_if_gone(&key, "u"));
        assert!(jobs.store.get(&key).is_none(), "recorded, so forgotten");
    }

    #[test]
    fn an_outcome_that_is_recorded_does_not_outlive_its_job() {
        let jobs = Arc::new(Jobs::new());
        let observer = JobObserver {
            jobs: jobs.clone(),
            routes: Arc::default(),
        };
        let key = Key::new("ns", "s");
        jobs.store.insert(key.clone(), finished("u").into());
        jobs.deleted(&key, "u");
        let view = jobs.view(&key, "").unwrap();
        assert!(view.terminating && view.state == JobState::Active);
        assert!(observer.tombstone(finished("u")).is_none());
    }

    #[test]
    fn a_deletion_that_is_seen_before_it_is_answered_leaves_nothing_behind() {
        let jobs = Arc::new(Jobs::new());
        let observer = JobObserver {
            jobs: jobs.clone(),
            routes: Arc::default(),
        };
        let key = Key::new("ns", "s");
        jobs.store
            .insert(key.clone(), observer.tombstone(finished("u")).unwrap());
        jobs.deleted(&key, "u");
        assert!(jobs.store.get(&key).is_none() && jobs.recorded().is_empty());
    }

    #[test]
    fn a_job_that_ends_only_while_it_is_deleted_was_cut_off() {
        let ended = |at: &str| {
            let cached = job(json!({
                "metadata": {"deletionTimestamp": "2026-01-01T00:00:10Z"},
                "status": {"conditions": [
                    {"type": "Complete", "status": "True", "lastTransitionTime": at}
                ]},
            }));
            cached.view.state
        };
        assert_eq!(
            ended("2026-01-01T00:00:09Z"),
            JobState::Finished(Outcome::Succeeded)
        );
        assert_eq!(ended("2026-01-01T00:00:10Z"), JobState::Active);
    }

    #[test]
    fn the_run_of_a_cron_job_leaves_nothing_behind() {
        let observer = JobObserver {
            jobs: Arc::new(Jobs::new()),
            routes: Arc::default(),
        };
        let mut run = finished("u");
        run.metadata.name = Some("s-29000000".into());
        assert!(observer.tombstone(run).is_none());
    }
}
