//! A plugin's word on the backfill that is next, and on a Job that runs.

use super::{Decided, Draft, Rendering, RequestPhase, Severity, Step, queue, report};
use crate::{
    Answer, Goal, Idle, JobState, Phase, RequestOrigin,
    judge::{BackfillRuling, BackfillVerdict, JobVerdict, Ruling},
    requests,
};

/// What follows from a decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The goal can be pursued.
    Pursue,
    /// Another backfill is next, and nobody has decided on that one yet.
    AskAgain,
}

/// Records the decisions that do not depend on whether the goal is reached. The request that a
/// decision is about exists by now.
pub(super) fn record(draft: &mut Draft, goal: &Goal) -> Next {
    let judgement = draft.judgement;
    if !matches!(goal, Goal::Nothing(Idle::Suspended | Idle::Failed)) {
        wait_for_postponed(draft);
    }
    let next = match &judgement.backfill {
        Some(verdict) => record_backfill(draft, verdict, goal),
        None => Next::Pursue,
    };
    let is_active = draft
        .observed
        .own_job()
        .is_some_and(|job| job.state == JobState::Active);
    if let Some(verdict) = judgement.job.as_ref().filter(|_| is_active) {
        match &verdict.ruling {
            Ruling::Fail => fail(draft, verdict),
            Ruling::Backfill(request) if verdict.is_news => tell_backfill(draft, verdict, request),
            _ => {}
        }
    }
    next
}

/// Looks again when the time of a backfill has come that was postponed before. One that was put on
/// record when its request was made may not have been marked yet.
fn wait_for_postponed(draft: &mut Draft) {
    for request in requests::queue(draft.observed) {
        let Some((wait, reason)) = requests::postponed(request) else {
            continue;
        };
        draft.revisit(wait);
        if request.phase.is_none() && !queue::is_told(draft, request) {
            mark(
                draft,
                &request.name,
                RequestPhase::Pending,
                "BackfillPostponed",
                reason,
            );
        }
    }
}

fn record_backfill(draft: &mut Draft, verdict: &BackfillVerdict<'_>, goal: &Goal) -> Next {
    let BackfillVerdict {
        run,
        ruling,
        reason,
        ..
    } = verdict;
    let name = &run.request;
    match ruling {
        // Recorded when it starts.
        BackfillRuling::Run => {}
        BackfillRuling::Skip => {
            tell(draft, verdict, Answer::Skip, "BackfillSkipped");
            mark(
                draft,
                name,
                RequestPhase::Stopped,
                "BackfillSkipped",
                reason,
            );
            if matches!(goal, Goal::Backfill(_)) {
                return Next::AskAgain;
            }
        }
        BackfillRuling::Postpone(wait) => {
            draft.revisit(*wait);
            tell(draft, verdict, Answer::Postpone, "BackfillPostponed");
            mark(
                draft,
                name,
                RequestPhase::Pending,
                "BackfillPostponed",
                reason,
            );
            // After the mark: once it is on record, nobody is asked again, and nothing is told.
            if run.origin == RequestOrigin::Existing {
                draft.step(Step::RecordRequestDecision { name: name.clone() });
            }
            if matches!(goal, Goal::Backfill(_)) {
                return Next::AskAgain;
            }
        }
        BackfillRuling::Fail => {
            tell(draft, verdict, Answer::Fail, "BackfillRefused");
            mark(draft, name, RequestPhase::Failed, "BackfillRefused", reason);
            let message = report::refused(reason);
            draft.set_status(Phase::Failed, None, report::failed(&message));
        }
    }
    Next::Pursue
}

/// Tells that a plugin has a backfill of its own run, and puts on record how, unless that was done
/// when its request was made.
pub(super) fn record_run(draft: &mut Draft) {
    let Some(verdict) = &draft.judgement.backfill else {
        return;
    };
    if verdict.ruling != BackfillRuling::Run {
        return;
    }
    if verdict.run.origin == RequestOrigin::Existing {
        draft.step(Step::RecordRequestDecision {
            name: verdict.run.request.clone(),
        });
    }
    tell(draft, verdict, Answer::Backfill, "BackfillDecided");
}

/// Whether the decision about a backfill can be put on record when its request is made: one to run
/// it only if there is a Job to run, so that a mistake does not stand for good.
pub(super) fn is_recorded_with(verdict: &BackfillVerdict<'_>, rendering: &Rendering) -> bool {
    match verdict.ruling {
        BackfillRuling::Run => matches!(rendering, Rendering::Ready(_)),
        BackfillRuling::Postpone(_) => true,
        BackfillRuling::Skip | BackfillRuling::Fail => false,
    }
}

fn tell(draft: &mut Draft, verdict: &BackfillVerdict<'_>, answer: Answer, event: &'static str) {
    let severity = if answer == Answer::Fail {
        Severity::Warning
    } else {
        Severity::Normal
    };
    let decision = Decided {
        trigger: verdict.trigger,
        answer,
        reason: verdict.reason,
        severity,
        event,
    };
    draft.decided(
        decision,
        report::of_request(verdict.reason, &verdict.run.request),
    );
}

fn mark(draft: &mut Draft, name: &str, phase: RequestPhase, reason: &'static str, message: &str) {
    draft.step(Step::SetRequestStatus {
        name: name.to_owned(),
        phase,
        complete: false,
        reason,
        message: message.to_owned(),
    });
}

/// Tells that a plugin wants a backfill after what happened to the Job.
pub(super) fn tell_backfill(draft: &mut Draft, verdict: &JobVerdict<'_>, request: &str) {
    let decision = Decided {
        trigger: verdict.trigger,
        answer: Answer::Backfill,
        reason: verdict.reason,
        severity: Severity::Normal,
        event: "BackfillDecided",
    };
    draft.decided(decision, report::of_request(verdict.reason, request));
}

/// Tells that a plugin wants the same again.
pub(super) fn tell_restart(draft: &mut Draft, verdict: &JobVerdict<'_>, message: String) {
    let decision = Decided {
        trigger: verdict.trigger,
        answer: Answer::Restart,
        reason: verdict.reason,
        severity: Severity::Normal,
        event: "RestartScheduled",
    };
    draft.decided(decision, message);
}

/// Tells that a plugin leaves a Job as it is though the spec has changed.
pub(super) fn tell_kept(draft: &mut Draft, verdict: &JobVerdict<'_>, is_for_good: bool) {
    let (answer, event) = if is_for_good {
        (Answer::Skip, "SpecChangeSkipped")
    } else {
        (Answer::Postpone, "SpecChangePostponed")
    };
    let decision = Decided {
        trigger: verdict.trigger,
        answer,
        reason: verdict.reason,
        severity: Severity::Normal,
        event,
    };
    draft.decided(decision, verdict.reason.to_owned());
}

/// The stream fails, though its Job did not.
pub(super) fn fail(draft: &mut Draft, verdict: &JobVerdict<'_>) {
    let message = report::stopped(verdict.reason);
    draft.set_status(Phase::Failed, None, report::failed(&message));
    let decision = Decided {
        trigger: verdict.trigger,
        answer: Answer::Fail,
        reason: verdict.reason,
        severity: Severity::Warning,
        event: "StreamFailed",
    };
    draft.decided(decision, message);
}
