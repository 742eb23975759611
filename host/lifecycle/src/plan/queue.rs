//! What requests are told about their place in the queue.

use super::{Draft, RequestPhase, Step};
use crate::{JobView, RequestView, Run, requests};

/// Tells the request whose Job runs, once. One that the operator made itself is told only at its
/// end: nobody waits for it, and it saves a write for every stream there is.
pub(super) fn mark_running(draft: &mut Draft, name: &str) {
    let mut queue = requests::queue(draft.observed);
    let Some(request) = queue.find(|request| request.name == name) else {
        return;
    };
    let is_silent =
        request.phase.is_none() && requests::is_operator_made(&draft.observed.stream, name);
    if request.phase != Some(RequestPhase::Ready) && !is_silent {
        draft.step(Step::SetRequestStatus {
            name: name.to_owned(),
            phase: RequestPhase::Ready,
            complete: false,
            reason: "BackfillRunning",
            message: "The backfill is running.".into(),
        });
    }
}

/// Tells the requests that wait, once each; `except` is about to run.
pub(super) fn mark_waiting(draft: &mut Draft, except: Option<&str>) {
    for request in requests::queue(draft.observed) {
        let is_next = except == Some(request.name.as_str());
        if request.phase.is_none() && !is_next && !is_told(draft, request) {
            draft.step(Step::SetRequestStatus {
                name: request.name.clone(),
                phase: RequestPhase::Pending,
                complete: false,
                reason: "BackfillQueued",
                message: "The backfill waits for its turn.".into(),
            });
        }
    }
}

/// Tells the request of a backfill that is being stopped because the request is no longer open:
/// its status would say for ever that the backfill runs. A deleted one is beyond telling.
pub(super) fn mark_stopped(draft: &mut Draft, job: &JobView) {
    let Run::Backfill(Some(name)) = &job.run else {
        return;
    };
    if requests::served(draft.observed, job).is_none() {
        draft.step(Step::SetRequestStatus {
            name: name.clone(),
            phase: RequestPhase::Stopped,
            complete: false,
            reason: "BackfillStopped",
            message: "The request was closed before its backfill was complete.".into(),
        });
    }
}

/// Whether the plan so far tells the request something.
pub(super) fn is_told(draft: &Draft, request: &RequestView) -> bool {
    draft
        .plan
        .steps
        .iter()
        .any(|step| matches!(step, Step::SetRequestStatus { name, .. } if *name == request.name))
}
