//! What an attempt depends on.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem::discriminant,
};

use arcane_lifecycle::{Decisions, Goal, JobView, Observed, Rendering};

/// Digest of what an attempt depends on. What the operator itself writes on the way, such as the
/// phase or a request, is left out: it is no reason to try at once what has just failed.
pub fn inputs(observed: &Observed, goal: &Goal, rendering: &Rendering) -> u64 {
    let Observed {
        stream,
        job,
        cron_job,
        requests: _,
        completed_requests,
        decisions,
        drift,
    } = observed;
    let request = match goal {
        Goal::Backfill(run) => Some(&run.request),
        _ => None,
    };
    let wishes = (
        stream.generation,
        &stream.restart,
        discriminant(goal),
        request,
    );
    // How long a plugin's decision has to wait still is another each time.
    let job = job.clone().map(|job| JobView {
        record: None,
        ..job
    });
    let Decisions {
        backfill,
        failure,
        completion,
        spec_change,
        tick,
        unanswered,
    } = decisions;
    let decided = (
        backfill.as_ref().map(discriminant),
        failure.as_ref().map(discriminant),
        completion.as_ref().map(discriminant),
        spec_change.as_ref().map(discriminant),
        tick.as_ref().map(discriminant),
        unanswered.as_ref().map(|unanswered| &unanswered.problem),
    );
    digest(&format!(
        "{wishes:?}{rendering:?}{job:?}{cron_job:?}{completed_requests:?}{decided:?}{drift:?}"
    ))
}

/// Digest of anything.
pub fn digest(inputs: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    inputs.hash(&mut hasher);
    hasher.finish()
}
