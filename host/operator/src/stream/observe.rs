//! From the caches to what the decisions need.

use std::sync::Arc;

use arcane_contract::{
    definition::{Backend, Definition},
    names::ANNOTATION_RESTART,
    stream::StreamDefinition,
};
use arcane_lifecycle::{
    Backend as BackendKind, Decisions, Drift, JobState, JobView, Observed, Outcome, Phase, Problem,
    StreamView,
};
use kube::ResourceExt;

use super::{
    context::Class,
    failure,
    fence::Fenced,
    memory::{Memory, Understood},
    plugin::{Answers, Trouble},
};
use crate::cache::{CachedRequest, Key};

/// One stream, as it is now.
pub struct Observation {
    /// What the definition asks for.
    pub definition: Arc<Definition>,
    /// For the decisions.
    pub observed: Observed,
    /// Open requests, with their payload.
    pub requests: Vec<Arc<CachedRequest>>,
    /// What the class's plugin has just answered.
    pub answers: Answers,
    /// Why the class's plugin has just given no answer.
    pub trouble: Option<Trouble>,
}

/// Whether the caches reflect all that was written for this stream.
pub fn is_current(class: &Class, memory: &mut Memory) -> bool {
    let shared = &class.host.shared;
    let fence = &mut memory.fence;
    fence.passes(Fenced::Definition, &class.progress)
        && fence.passes(Fenced::Job, &shared.jobs.store.progress)
        && fence.passes(Fenced::CronJob, &shared.cron_jobs.progress)
        && fence.passes(Fenced::Request, &shared.requests.store.progress)
}

/// What the definition says; parsed once for each generation.
pub fn understand(
    definition: &StreamDefinition,
    memory: &mut Memory,
) -> Result<Arc<Definition>, Problem> {
    let generation = definition.metadata.generation.unwrap_or_default();
    if let Some(understood) = &memory.understood
        && understood.generation == generation
    {
        return understood.definition.clone();
    }
    let namespace = definition.namespace().unwrap_or_default();
    let parsed = Definition::parse(&definition.spec.value(), &namespace)
        .map(Arc::new)
        .map_err(|error| Problem {
            reason: error.reason(),
            message: error.to_string(),
        });
    memory.understood = Some(Understood {
        generation,
        definition: parsed.clone(),
    });
    parsed
}

/// The stream as it is now. Reads the pods of a failed Job; everything else comes from caches.
pub async fn observe(
    class: &Class,
    object: &StreamDefinition,
    definition: Arc<Definition>,
    completed_requests: Vec<String>,
) -> Observation {
    let shared = &class.host.shared;
    let key = Key::of(object);
    let requests = shared.requests.of(&class.name, &key);
    let claimant = class.claimant(object);
    let job = match shared.jobs.view(&key, claimant) {
        Some(job) => Some(with_cause(class, &key, job).await),
        None => None,
    };
    let observed = Observed {
        stream: stream_view(object, &definition),
        job,
        cron_job: shared
            .cron_jobs
            .get(&key)
            .map(|cached| cached.view(claimant)),
        requests: requests.iter().map(|request| request.view()).collect(),
        completed_requests,
        decisions: Decisions::default(),
        drift: Drift::Report,
    };
    Observation {
        definition,
        observed,
        requests,
        answers: Answers::default(),
        trouble: None,
    }
}

async fn with_cause(class: &Class, key: &Key, mut job: JobView) -> JobView {
    if let JobState::Finished(Outcome::Failed(failure)) = job.state {
        let outcome = failure::examine(&class.host.client, key, &job.uid, failure).await;
        job.state = JobState::Finished(outcome);
    }
    job
}

fn stream_view(object: &StreamDefinition, definition: &Definition) -> StreamView {
    StreamView {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        suspended: definition.suspended,
        backend: definition.backend.as_ref().map(|backend| match backend {
            Backend::ChangeCapture { .. } => BackendKind::ChangeCapture,
            Backend::Batch { .. } => BackendKind::Batch,
        }),
        restart: object.annotations().get(ANNOTATION_RESTART).cloned(),
        phase: phase(object),
        configuration_hash: object.status.configuration_hash.clone(),
    }
}

/// `status.phase` as the lifecycle knows it.
pub fn phase(object: &StreamDefinition) -> Phase {
    Phase::parse(object.status.phase.as_deref().unwrap_or_default())
}
