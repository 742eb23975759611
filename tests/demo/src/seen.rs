//! What can be seen to happen to streams, told from two looks at an object.

use arcane_contract::api::BackfillRequest;
use arcane_contract::names;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

/// Something that happened to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The definition's phase changed.
    Phase {
        /// The new phase.
        phase: String,
        /// What the definition's first condition says.
        says: String,
    },
    /// The operator told why it did something.
    Told {
        /// `type` is `Warning`.
        warning: bool,
        reason: String,
        note: String,
    },
    /// A Job is there.
    JobStarted {
        run: Run,
        /// `metadata.uid`
        uid: String,
    },
    /// A Job's run has ended.
    JobEnded {
        /// `metadata.uid`
        uid: String,
        succeeded: bool,
    },
    /// A CronJob is there, or was changed.
    Scheduled {
        /// `metadata.uid`
        uid: String,
        schedule: String,
    },
    /// The CronJob is gone.
    Unscheduled,
    /// A backfill request is completed.
    Completed {
        /// Its name.
        request: String,
    },
}

/// What a Job was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    Streaming,
    Backfill {
        /// Name of the request.
        request: String,
        /// What the pod is told in its environment: the request's spec.
        order: String,
    },
}

/// A kind that is watched.
pub trait Watched: Sized {
    /// The stream that the object belongs to.
    fn stream(&self) -> String;

    /// What happened between the two looks; `before` or `now` is missing where the object was.
    fn facts(before: Option<&Self>, now: Option<&Self>) -> Vec<Fact>;
}

/// The definition.
impl Watched for DynamicObject {
    fn stream(&self) -> String {
        self.name_any()
    }

    fn facts(before: Option<&Self>, now: Option<&Self>) -> Vec<Fact> {
        let phase = |object: &Self| text(&object.data["status"]["phase"]);
        let Some(now) = now else { return Vec::new() };
        if phase(now) == before.map(phase).unwrap_or_default() {
            return Vec::new();
        }
        vec![Fact::Phase {
            phase: phase(now),
            says: text(&now.data["status"]["conditions"][0]["message"]),
        }]
    }
}

impl Watched for Event {
    fn stream(&self) -> String {
        let regarding = self.regarding.as_ref();
        regarding
            .and_then(|object| object.name.clone())
            .unwrap_or_default()
    }

    fn facts(before: Option<&Self>, now: Option<&Self>) -> Vec<Fact> {
        let (None, Some(now)) = (before, now) else {
            return Vec::new();
        };
        vec![Fact::Told {
            warning: now.type_.as_deref() == Some("Warning"),
            reason: now.reason.clone().unwrap_or_default(),
            note: now.note.clone().unwrap_or_default(),
        }]
    }
}

impl Watched for Job {
    fn stream(&self) -> String {
        self.name_any()
    }

    fn facts(before: Option<&Self>, now: Option<&Self>) -> Vec<Fact> {
        let Some(now) = now else { return Vec::new() };
        let uid = now.uid().unwrap_or_default();
        let mut facts = Vec::new();
        if before.is_none() {
            facts.push(Fact::JobStarted {
                run: run(now),
                uid: uid.clone(),
            });
        }
        if let Some(succeeded) = outcome(now)
            && before.and_then(outcome).is_none()
        {
            facts.push(Fact::JobEnded { uid, succeeded });
        }
        facts
    }
}

impl Watched for CronJob {
    fn stream(&self) -> String {
        self.name_any()
    }

    fn facts(before: Option<&Self>, now: Option<&Self>) -> Vec<Fact> {
        let schedule = |object: &Self| object.spec.schedule.clone();
        let Some(now) = now else {
            return vec![Fact::Unscheduled];
        };
        if before.map(schedule) == Some(schedule(now)) {
            return Vec::new();
        }
        vec![Fact::Scheduled {
            uid: now.uid().unwrap_or_default(),
            schedule: schedule(now),
        }]
    }
}

impl Watched for BackfillRequest {
    fn stream(&self) -> String {
        self.spec.stream_id.clone()
    }

    fn facts(before: Option<&Self>, now: Option<&Self>) -> Vec<Fact> {
        let completed = |request: &Self| request.spec.completed;
        match now {
            Some(now) if completed(now) && !before.is_some_and(completed) => {
                vec![Fact::Completed {
                    request: now.name_any(),
                }]
            }
            _ => Vec::new(),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn run(job: &Job) -> Run {
    match job.annotations().get(names::ANNOTATION_BACKFILL_REQUEST) {
        None => Run::Streaming,
        Some(request) => Run::Backfill {
            request: request.clone(),
            order: variable(job, names::ENV_OVERRIDE).unwrap_or_default(),
        },
    }
}

fn variable(job: &Job, name: &str) -> Option<String> {
    let pod = job.spec.as_ref()?.template.spec.as_ref()?;
    let environment = pod.containers.first()?.env.as_ref()?;
    environment
        .iter()
        .find(|entry| entry.name == name)?
        .value
        .clone()
}

/// Whether the Job succeeded, once it has ended.
fn outcome(job: &Job) -> Option<bool> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .find_map(|condition| match condition.type_.as_str() {
            "Complete" => Some(true),
            "Failed" => Some(false),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(annotations: Value, condition: Option<&str>) -> Job {
        let conditions: Vec<_> = condition
            .into_iter()
            .map(|kind| json!({"type": kind, "status": "True"}))
            .collect();
        let env = json!([{"name": names::ENV_OVERRIDE, "value": "{}"}]);
        serde_json::from_value(json!({
            "metadata": {"name": "orders", "uid": "u", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"name": "stream", "env": env}]}}},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn a_job_starts_once_and_ends_once() {
        let (running, done) = (job(json!({}), None), job(json!({}), Some("Complete")));
        let started = Fact::JobStarted {
            run: Run::Streaming,
            uid: "u".into(),
        };
        assert_eq!(Job::facts(None, Some(&running)), [started]);
        assert_eq!(Job::facts(Some(&running), Some(&running)), []);
        let ended = Fact::JobEnded {
            uid: "u".into(),
            succeeded: true,
        };
        assert_eq!(Job::facts(Some(&running), Some(&done)), [ended]);
        assert_eq!(Job::facts(Some(&done), Some(&done)), []);
        assert_eq!(Job::facts(Some(&done), None), []);
    }

    #[test]
    fn a_backfill_tells_its_request_and_what_it_was_given() {
        let annotations = json!({names::ANNOTATION_BACKFILL_REQUEST: "again"});
        let run = run(&job(annotations, None));
        let expected = Run::Backfill {
            request: "again".into(),
            order: "{}".into(),
        };
        assert_eq!(run, expected);
    }

    #[test]
    fn a_phase_is_told_when_it_changes_with_the_reason() {
        let definition = |phase: &str| -> DynamicObject {
            serde_json::from_value(json!({
                "metadata": {"name": "orders"},
                "status": {"phase": phase, "conditions": [{"message": "because"}]},
            }))
            .unwrap()
        };
        let (pending, running) = (definition("Pending"), definition("Running"));
        let expected = Fact::Phase {
            phase: "Running".into(),
            says: "because".into(),
        };
        assert_eq!(
            DynamicObject::facts(Some(&pending), Some(&running)),
            [expected]
        );
        assert_eq!(DynamicObject::facts(Some(&running), Some(&running)), []);
    }

    #[test]
    fn a_request_is_told_when_it_is_completed() {
        let request = |completed: bool| -> BackfillRequest {
            serde_json::from_value(json!({
                "metadata": {"name": "again"},
                "spec": {"streamClass": "c", "streamId": "orders", "completed": completed},
            }))
            .unwrap()
        };
        let (open, completed) = (request(false), request(true));
        let expected = Fact::Completed {
            request: "again".into(),
        };
        assert_eq!(
            BackfillRequest::facts(Some(&open), Some(&completed)),
            [expected]
        );
        assert_eq!(BackfillRequest::facts(None, Some(&open)), []);
    }
}
