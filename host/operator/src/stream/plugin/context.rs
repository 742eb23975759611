//! What a plugin is told of a stream.

use std::sync::Arc;

use arcane_contract::{
    definition::{Definition, Layout},
    stream::StreamDefinition,
};
use arcane_lifecycle::{Failure, Goal, JobState, Outcome, Run as JobRun};
use arcane_plugins as plugins;
use kube::ResourceExt;
use serde_json::Value;

use super::super::{context::Class, observe::Observation};
use crate::cache::Key;

/// A run of the stream, as a question is about it.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is for.
    pub mode: plugins::Mode,
    /// The request that it serves.
    pub request: Option<plugins::Request>,
    /// How many failures in a row it follows.
    pub attempt: u32,
    /// The last of them.
    pub last_failure: Option<plugins::Failure>,
}

impl Run {
    /// A backfill for the request of this name, which may not have been made yet.
    pub fn backfill(observation: &Observation, request: &str) -> Self {
        let mut requests = observation.requests.iter();
        let existing = requests.find(|existing| *existing.name == *request);
        let payload = existing.and_then(|existing| existing.payload.as_ref());
        Run {
            mode: plugins::Mode::Backfill,
            request: Some(plugins::Request {
                name: request.to_owned(),
                payload: payload.map(text),
            }),
            attempt: 0,
            last_failure: None,
        }
    }

    /// What the stream's own Job does, or did.
    pub fn of_job(class: &Class, object: &StreamDefinition, observation: &Observation) -> Self {
        let job = observation.observed.own_job();
        let mut run = match job.map(|job| &job.run) {
            Some(JobRun::Backfill(Some(request))) => Run::backfill(observation, request),
            Some(JobRun::Backfill(None)) => Run {
                mode: plugins::Mode::Backfill,
                ..Run::streaming()
            },
            Some(JobRun::Streaming) | None => Run::streaming(),
        };
        run.attempt = job.map_or(0, |job| job.attempt);
        if run.attempt > 0 {
            run.last_failure = last_failure_of_job(class, object);
        }
        run
    }

    /// What the goal's Job is for.
    pub fn of_goal(
        class: &Class,
        object: &StreamDefinition,
        observation: &Observation,
        goal: &Goal,
    ) -> Self {
        let mut run = match goal {
            Goal::Backfill(run) => {
                let way = observation.answers.way(run, &observation.requests);
                let mut told = Run::backfill(observation, &run.request);
                if let (Some(request), Some(payload)) =
                    (&mut told.request, way.and_then(|way| way.payload.as_ref()))
                {
                    request.payload = Some(text(payload));
                }
                told
            }
            Goal::Schedule => Run {
                mode: plugins::Mode::Scheduled,
                ..Run::streaming()
            },
            Goal::Stream | Goal::Nothing(_) => Run::streaming(),
        };
        if let Some((attempt, failure)) = retry(class, object, observation, goal) {
            run.attempt = attempt;
            run.last_failure = failure;
        }
        run
    }

    fn streaming() -> Self {
        Run {
            mode: plugins::Mode::Streaming,
            request: None,
            attempt: 0,
            last_failure: None,
        }
    }

    /// The run with all that a plugin may know of its stream.
    pub fn context(
        self,
        class: &Class,
        object: &StreamDefinition,
        definition: &Definition,
    ) -> plugins::Context {
        let Run {
            mode,
            request,
            attempt,
            last_failure,
        } = self;
        plugins::Context {
            class: class.name.clone(),
            stream: plugins::StreamDefinition {
                namespace: object.namespace().unwrap_or_default(),
                name: object.name_any(),
                kind: class.kind.kind.clone(),
                layout: match definition.layout {
                    Layout::V0 => "v0",
                    Layout::V1 => "v1",
                    Layout::V2 => "v2",
                }
                .to_owned(),
                labels: object.labels().clone(),
                annotations: object.annotations().clone(),
                spec: object.spec.json().into(),
            },
            mode,
            request,
            attempt,
            last_failure,
        }
    }
}

/// Which try the goal's run is, from 1, and the failure that it follows; none for a first run.
pub fn retry(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
) -> Option<(u32, Option<plugins::Failure>)> {
    let attempt = arcane_lifecycle::attempt(&observation.observed, goal);
    let failure = match observation.observed.own_job().map(|job| &job.state) {
        _ if attempt == 0 => return None,
        Some(JobState::Finished(Outcome::Failed(failure))) => Some(told(failure)),
        _ => last_failure_of_job(class, object),
    };
    Some((attempt, failure))
}

/// A failure as plugins are told of it.
pub fn told(failure: &Failure) -> plugins::Failure {
    let Failure {
        reason,
        message,
        exit_code,
        container_reason,
        termination_message,
    } = failure.clone();
    plugins::Failure {
        reason,
        message,
        exit_code,
        container_reason,
        termination_message,
    }
}

/// A failure as it is annotated on the Job of the run that follows it.
pub fn failure_text(failure: &plugins::Failure) -> String {
    #[expect(clippy::expect_used, reason = "a struct of texts and numbers is JSON")]
    serde_json::to_string(failure).expect("a failure is JSON")
}

fn last_failure_of_job(class: &Class, object: &StreamDefinition) -> Option<plugins::Failure> {
    let job = class.host.shared.jobs.store.get(&Key::of(object))?;
    serde_json::from_str(job.last_failure.as_deref()?).ok()
}

fn text(value: &Value) -> Arc<str> {
    arcane_contract::canonical::to_string(value).into()
}
