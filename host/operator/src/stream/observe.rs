//! From the caches to what the decisions need.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use arcane_contract::{
    bounded::DEEPEST,
    definition::{Backend, Definition},
    names::ANNOTATION_RESTART,
    stream::StreamDefinition,
};
use arcane_lifecycle::{
    Backend as BackendKind, Decisions, Drift, Fenced, JobState, JobView, Observed, Outcome,
    Ownership, Phase, Problem, StreamView,
};
use kube::ResourceExt;
use tokio::time::Instant;

use super::{
    context::Class,
    failure,
    memory::{Memory, Understood, lock},
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

/// Time after which a cache that lacks a write is listed anew: longer than a watch lasts, whose
/// successor tells what it has not.
const OVERDUE: Duration = Duration::from_secs(90);

/// Whether the caches reflect all that was written for this stream.
pub fn is_current(class: &Class, memory: &mut Memory) -> bool {
    let shared = &class.host.shared;
    let progress = |kind| match kind {
        Fenced::Definition => &*class.progress,
        Fenced::Job => &shared.jobs.store.progress,
        Fenced::CronJob => &shared.cron_jobs.progress,
        Fenced::Request => &shared.requests.store.progress,
    };
    let is_current = memory.fence.passes(|kind| progress(kind).reach());
    if !is_current && let Some(before) = Instant::now().checked_sub(OVERDUE) {
        for kind in memory.fence.overdue(&before) {
            progress(kind).doubt();
        }
    }
    is_current
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
    let parsed = if definition.spec.is_too_deep() {
        Err(Problem {
            reason: "DefinitionInvalid",
            message: format!(
                "spec of {} is nested deeper than the {DEEPEST} levels that are read: make it flatter",
                definition.name_any()
            ),
        })
    } else {
        Definition::parse(&definition.spec.value(), &namespace)
            .map(Arc::new)
            .map_err(|error| Problem {
                reason: error.reason(),
                message: error.to_string(),
            })
    };
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
    memory: &Mutex<Memory>,
) -> Observation {
    let shared = &class.host.shared;
    let key = Key::of(object);
    let mut requests = shared.requests.of(&class.name, &key);
    let completed_requests = {
        let mut memory = lock(memory);
        memory
            .gone_requests
            .sift(&mut requests, |request| &request.uid);
        memory.completed_requests.clone()
    };
    let claimant = class.claimant(object);
    let job = match shared.jobs.view(&key, claimant) {
        Some(job) if job.ownership == Ownership::Ours => Some(with_cause(class, &key, job).await),
        other => other,
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
