//! A Job, reduced to what is kept of it.

use std::{borrow::Cow, time::Duration};

use arcane_contract::{
    api::RecordedDecision,
    names::{
        ANNOTATION_ATTEMPT, ANNOTATION_BACKFILL_REQUEST, ANNOTATION_CONFIGURATION_HASH,
        ANNOTATION_DECISION, ANNOTATION_LAST_FAILURE, ANNOTATION_RENDER_HASH, ANNOTATION_RESTART,
        ANNOTATIONS_STATE, ENV_BACKFILL_ID, LABEL_BACKFILLING, STATE_SCHEMA_MISMATCH,
    },
    stream::lean_metadata,
};
use arcane_lifecycle::{Failure, JobState, JobView, Outcome, Ownership, Run};
use jiff::Timestamp;
use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::Time};
use kube::{Resource, ResourceExt, api::ObjectMeta, core::NamespaceResourceScope};
use serde::{Deserialize, Deserializer};

use super::{
    owner::{Claimant, Owner},
    record,
};

/// The parts of a Job that matter; the rest is skipped while it is read.
#[derive(Clone, Debug, Deserialize)]
pub struct JobObject {
    #[serde(default, deserialize_with = "lean_metadata")]
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
#[derive(Clone, Debug, PartialEq)]
pub struct CachedJob {
    /// The object that controls the Job.
    pub owner: Option<Owner>,
    /// The Job is gone from the API server; its outcome still waits to be recorded.
    pub gone: bool,
    /// Time from the Job's creation to its success.
    pub lived: Option<Duration>,
    /// A pod of the Job is ready.
    pub ready: bool,
    /// The failure that the run follows, as JSON.
    pub last_failure: Option<Box<str>>,
    /// What a plugin decided about the Job.
    pub(super) decision: Option<Box<RecordedDecision>>,
    /// The view, as if the Job were nobody's.
    pub(super) view: JobView,
}

impl CachedJob {
    /// What a stream of the same name sees, were it still there.
    pub fn view(&self, claimant: Claimant<'_>) -> JobView {
        let mut view = self.view.clone();
        view.ownership = claimant.ownership(self.owner.as_ref());
        let decision = self.decision.as_ref();
        view.record = decision.and_then(|it| record::of_job(it, Timestamp::now()));
        view
    }
}

impl From<JobObject> for CachedJob {
    fn from(job: JobObject) -> Self {
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
            attempt: attempt(&job),
            record: None,
            terminating: job.metadata.deletion_timestamp.is_some(),
            state: state(
                &job.status.conditions,
                job.metadata.deletion_timestamp.as_ref(),
            ),
        };
        CachedJob {
            owner: Owner::of(job.meta()),
            gone: false,
            lived: lived(&job),
            ready: job.status.ready > 0,
            last_failure: annotation(ANNOTATION_LAST_FAILURE).map(Into::into),
            decision: annotation(ANNOTATION_DECISION)
                .and_then(|decision| serde_json::from_str(&decision).ok()),
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
    lived_until(job, "Complete")
}

fn lived_until(job: &JobObject, end: &str) -> Option<Duration> {
    let begun = job.metadata.creation_timestamp.as_ref()?.0;
    let mut conditions = job.status.conditions.iter();
    let end = conditions.find(|condition| condition.kind == end && condition.status == "True")?;
    let ended = end.since.as_ref()?.0;
    ended.duration_since(begun).try_into().ok()
}

/// A run that lived this long before it failed is no further try in a row: what it was restarted
/// for is over.
const RECOVERED: Duration = Duration::from_secs(600);

/// How many failures in a row the run follows.
fn attempt(job: &JobObject) -> u32 {
    let has_recovered = lived_until(job, "Failed").is_some_and(|lived| lived >= RECOVERED);
    let annotations = job.annotations();
    annotations
        .get(ANNOTATION_ATTEMPT)
        .filter(|_| !has_recovered)
        .and_then(|attempt| attempt.parse().ok())
        .unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::routes::GroupKind, *};

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
    fn who_manages_which_field_of_a_job_is_not_read() {
        let job: JobObject = serde_json::from_value(json!({"metadata": {
            "name": "orders",
            "managedFields": [{"manager": "kube-controller-manager", "fieldsV1": {"f:status": {}}}],
        }}))
        .unwrap();
        assert_eq!(job.metadata.name.as_deref(), Some("orders"));
        assert_eq!(job.metadata.managed_fields, None);
    }

    #[test]
    fn a_job_is_its_owners_and_its_owners_successors_leftover() {
        let cached = job(json!({"metadata": {"ownerReferences": [
            {"apiVersion": "g/v1", "kind": "K", "name": "s", "uid": "u", "controller": true}
        ]}}));
        let kind = GroupKind::of("g/v1", "K");
        let view = |uid| {
            cached.view(Claimant {
                uid,
                name: "s",
                kind: &kind,
            })
        };
        assert_eq!(view("u").ownership, Ownership::Ours);
        assert!(!view("u").terminating);
        assert_eq!(view("v").ownership, Ownership::Predecessors);
        assert!(!view("v").terminating, "nobody has deleted it");
    }

    #[test]
    fn a_job_that_is_about_to_fail_has_not_failed_yet() {
        let cached = job(json!({"status": {"conditions": [
            {"type": "FailureTarget", "status": "True", "reason": "PodFailurePolicy"}
        ]}}));
        assert_eq!(cached.view.state, JobState::Active);
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
    fn a_run_that_went_well_for_long_before_it_failed_is_no_further_try() {
        let failed = |at: &str| {
            let cached = job(json!({
                "metadata": {
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                    "annotations": {"arcane.sneaksanddata.com/attempt": "3"},
                },
                "status": {"conditions": [
                    {"type": "Failed", "status": "True", "lastTransitionTime": at}
                ]},
            }));
            cached.view.attempt
        };
        assert_eq!(failed("2026-01-01T00:09:59Z"), 3);
        assert_eq!(failed("2026-01-01T00:10:00Z"), 0);
    }
}
