//! What a finished Job leaves behind. Everything is recorded before the Job that tells it goes.

use std::time::Duration;

use super::{
    Decided, Draft, Propagation, Rendering, RequestPhase, Severity, Step, decision, report,
};
use crate::{
    Answer, Failure, Goal, Idle, JobState, JobView, Outcome, Phase, RequestOrigin, RequestRecord,
    Run,
    judge::{JobVerdict, Ruling, is_completed_streaming},
    requests,
};

/// Makes the requests that are due, records the outcome of a finished Job, and deletes that Job,
/// unless it has to stay.
pub(super) fn record(draft: &mut Draft, goal: &Goal, rendering: &Rendering) {
    make_requests(draft, rendering);
    let Some(job) = draft.observed.own_job() else {
        return;
    };
    match &job.state {
        JobState::Active => {}
        JobState::Finished(Outcome::Disrupted) => delete(draft, job),
        JobState::Finished(Outcome::Failed(failure)) => {
            let is_stuck = matches!(goal, Goal::Stream | Goal::Backfill(_))
                && !matches!(rendering, Rendering::Ready(_));
            after_failure(draft, job, failure, is_stuck);
        }
        JobState::Finished(Outcome::Succeeded) => after_success(draft, job),
    }
}

fn make_requests(draft: &mut Draft, rendering: &Rendering) {
    let judgement = draft.judgement;
    for due in &judgement.due {
        let verdict = judgement.backfill.as_ref();
        let about = verdict.filter(|verdict| {
            verdict.run == *due && decision::is_recorded_with(verdict, rendering)
        });
        draft.step(Step::CreateRequest {
            name: due.request.clone(),
            decision: match due.origin {
                RequestOrigin::Decided(trigger) => Some(trigger),
                _ => about.map(|verdict| verdict.trigger),
            },
        });
    }
}

/// `is_stuck`: what comes next cannot be made.
fn after_failure(draft: &mut Draft, job: &JobView, failure: &Failure, is_stuck: bool) {
    match &draft.judgement.job {
        Some(verdict) => match &verdict.ruling {
            // It counts the attempts: it stays until there is another to go on with.
            Ruling::Restart if is_stuck && !job.terminating => {
                hold_failed(draft, job, failure, verdict, Duration::ZERO);
            }
            Ruling::Wait(wait) => hold_failed(draft, job, failure, verdict, *wait),
            Ruling::Restart => {
                tell_restart(draft, failure, verdict, Duration::ZERO);
                delete(draft, job);
            }
            Ruling::Backfill(request) => {
                let message = report::failure(failure);
                draft.event(Severity::Warning, "StreamingJobFailed", message);
                if verdict.is_news {
                    decision::tell_backfill(draft, verdict, request);
                }
                delete(draft, job);
            }
            Ruling::Fail | Ruling::Keep(_) => {
                record_failure(draft, job, failure, Some(verdict));
                delete(draft, job);
            }
        },
        None if is_awaited(draft) => {}
        None => {
            record_failure(draft, job, failure, None);
            delete(draft, job);
        }
    }
}

fn after_success(draft: &mut Draft, job: &JobView) {
    let Some(verdict) = &draft.judgement.job else {
        if !(is_awaited(draft) && is_completed_streaming(job)) {
            record_success(draft, job);
        }
        return;
    };
    match &verdict.ruling {
        Ruling::Wait(wait) => {
            record_restart(draft, job, verdict);
            if verdict.is_news {
                let message = report::restart_after_end(verdict.reason, *wait);
                decision::tell_restart(draft, verdict, message);
            }
        }
        Ruling::Fail => {
            decision::fail(draft, verdict);
            delete(draft, job);
        }
        Ruling::Restart | Ruling::Keep(_) => {
            if verdict.is_news {
                let message = report::restart_after_end(verdict.reason, Duration::ZERO);
                decision::tell_restart(draft, verdict, message);
            }
            record_success(draft, job);
        }
        Ruling::Backfill(request) => {
            if verdict.is_news {
                decision::tell_backfill(draft, verdict, request);
            }
            record_success(draft, job);
        }
    }
}

/// Whether everything waits for a plugin's answer.
fn is_awaited(draft: &Draft) -> bool {
    draft.judgement.goal == Goal::Nothing(Idle::Waiting)
}

/// A failed Job stays until it is time to run the same again. Its request waits, too.
fn hold_failed(
    draft: &mut Draft,
    job: &JobView,
    failure: &Failure,
    verdict: &JobVerdict<'_>,
    wait: Duration,
) {
    if let Some(request) = requests::served(draft.observed, job)
        && requests::counts(request)
        && request.phase != Some(RequestPhase::Pending)
    {
        draft.step(Step::SetRequestStatus {
            name: request.name.clone(),
            phase: RequestPhase::Pending,
            complete: false,
            reason: "BackfillRestarts",
            message: verdict.reason.to_owned(),
        });
    }
    record_restart(draft, job, verdict);
    tell_restart(draft, failure, verdict, wait);
}

fn record_restart(draft: &mut Draft, job: &JobView, verdict: &JobVerdict<'_>) {
    if verdict.is_news {
        draft.step(Step::RecordJobDecision {
            uid: job.uid.clone(),
            trigger: verdict.trigger,
        });
    }
}

fn tell_restart(draft: &mut Draft, failure: &Failure, verdict: &JobVerdict<'_>, wait: Duration) {
    if verdict.is_news {
        let message = report::restart_after_failure(failure, verdict.reason, wait);
        decision::tell_restart(draft, verdict, message);
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

/// The stream fails with its Job; `refusal` is a plugin's word that it shall.
fn record_failure(
    draft: &mut Draft,
    job: &JobView,
    failure: &Failure,
    refusal: Option<&JobVerdict<'_>>,
) {
    let is_known = draft.phase == Phase::Failed;
    // A stream that is suspended already has no use for how its Job ended.
    let is_past = draft.phase == Phase::Suspended && draft.observed.stream.suspended;
    if is_known || is_past {
        return;
    }
    let message = match refusal {
        None => report::failure(failure),
        Some(verdict) => report::failure_with_word(failure, verdict.reason),
    };
    if let Some(request) = requests::served(draft.observed, job) {
        if request.phase != Some(RequestPhase::Failed) {
            draft.step(Step::SetRequestStatus {
                name: request.name.clone(),
                phase: RequestPhase::Failed,
                complete: false,
                reason: "BackfillFailed",
                message: message.clone(),
            });
        }
        // What a plugin made up itself is all that there is to know of its request.
        let is_plugin_made = requests::is_plugin_made(&draft.observed.stream, &request.name);
        if request.record == Some(RequestRecord::Run) && !is_plugin_made {
            draft.step(Step::ForgetRequestDecision {
                name: request.name.clone(),
            });
        }
    }
    draft.set_status(Phase::Failed, None, report::failed(&message));
    match refusal {
        None => draft.event(Severity::Warning, "StreamingJobFailed", message),
        Some(verdict) => draft.decided(
            Decided {
                trigger: verdict.trigger,
                answer: Answer::Fail,
                reason: verdict.reason,
                severity: Severity::Warning,
                event: "StreamingJobFailed",
            },
            message,
        ),
    }
}

fn delete(draft: &mut Draft, job: &JobView) {
    draft.step(Step::DeleteJob {
        uid: job.uid.clone(),
        propagation: Propagation::Background,
    });
}
