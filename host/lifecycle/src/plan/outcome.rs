//! What a finished Job leaves behind. Everything is recorded before the Job that tells it goes.

use super::{Draft, Propagation, RequestPhase, Severity, Step, report};
use crate::{Failure, JobState, JobView, Outcome, Phase, Run, requests};

/// Makes the requests that are due, records the outcome of a finished Job, and deletes that Job.
pub(super) fn record(draft: &mut Draft) {
    for due in requests::due(draft.observed) {
        draft.step(Step::CreateRequest { name: due.request });
    }
    let Some(job) = draft.observed.own_job() else {
        return;
    };
    match &job.state {
        JobState::Active => {}
        JobState::Finished(Outcome::Disrupted) => delete(draft, job),
        JobState::Finished(Outcome::Failed(failure)) => {
            record_failure(draft, job, failure);
            delete(draft, job);
        }
        JobState::Finished(Outcome::Succeeded) => record_success(draft, job),
    }
}

fn record_success(draft: &mut Draft, job: &JobView) {
    let fulfilled = requests::fulfilled(draft.observed);
    if let Some(request) = fulfilled {
        draft.step(Step::SetRequestStatus {
            name: request.name.clone(),
            phase: RequestPhase::Ready,
            complete: true,
            reason: "BackfillCompleted",
            message: "The backfill is complete.".into(),
        });
    }
    let complete = fulfilled.map(|request| Step::CompleteRequest {
        name: request.name.clone(),
    });
    if job.run == Run::Backfill(None) {
        // It serves whichever request is the oldest: seen once more after the first is completed,
        // it would complete the next. Gone too early, it is only run again.
        delete(draft, job);
        draft.plan.steps.extend(complete);
    } else {
        draft.plan.steps.extend(complete);
        delete(draft, job);
    }
    let was_backfilling = draft.phase == Phase::Backfilling && job.run != Run::Streaming;
    if fulfilled.is_some() || was_backfilling {
        let message = report::backfill_completed(fulfilled);
        draft.event(Severity::Normal, "BackfillCompleted", message);
    }
    if was_backfilling {
        draft.phase = Phase::Pending;
    }
}

fn record_failure(draft: &mut Draft, job: &JobView, failure: &Failure) {
    let is_known = draft.phase == Phase::Failed;
    // A stream that is suspended already has no use for how its Job ended.
    let is_past = draft.phase == Phase::Suspended && draft.observed.stream.suspended;
    if is_known || is_past {
        return;
    }
    let message = report::failure(failure);
    if let Some(request) = requests::served(draft.observed, job)
        && request.phase != Some(RequestPhase::Failed)
    {
        draft.step(Step::SetRequestStatus {
            name: request.name.clone(),
            phase: RequestPhase::Failed,
            complete: false,
            reason: "BackfillFailed",
            message: message.clone(),
        });
    }
    draft.set_status(Phase::Failed, None, report::failed(&message));
    draft.event(Severity::Warning, "StreamingJobFailed", message);
}

fn delete(draft: &mut Draft, job: &JobView) {
    draft.step(Step::DeleteJob {
        uid: job.uid.clone(),
        propagation: Propagation::Background,
    });
}
