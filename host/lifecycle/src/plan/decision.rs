//! A plugin's word on the backfill that is about to start.

use super::{Draft, RequestPhase, Severity, Step, report};
use crate::{
    BackfillDecision, Goal, Phase,
    goal::{Verdict, verdict},
};

/// What follows from a decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The goal can be pursued.
    Pursue,
    /// Another backfill is next, and nobody has decided on that one yet.
    AskAgain,
}

/// Records the decision on the request that it is about, which exists by now.
pub(super) fn record(draft: &mut Draft, goal: &Goal) -> Next {
    let Some(Verdict { run, decision }) = verdict(draft.observed) else {
        return Next::Pursue;
    };
    let name = run.request;
    match decision {
        BackfillDecision::Default => Next::Pursue,
        BackfillDecision::Skip { reason } => {
            mark(
                draft,
                name,
                RequestPhase::Stopped,
                "BackfillSkipped",
                reason,
            );
            if matches!(goal, Goal::Backfill(_)) {
                Next::AskAgain
            } else {
                Next::Pursue
            }
        }
        BackfillDecision::Postpone { delay, reason } => {
            draft.plan.revisit = Some(*delay);
            let mut requests = draft.observed.requests.iter();
            let is_told = requests.any(|request| {
                request.name == name && request.phase == Some(RequestPhase::Pending)
            });
            if !is_told {
                mark(
                    draft,
                    name,
                    RequestPhase::Pending,
                    "BackfillPostponed",
                    reason,
                );
            }
            Next::Pursue
        }
        BackfillDecision::Fail { reason } => {
            mark(draft, name, RequestPhase::Failed, "BackfillRefused", reason);
            draft.set_status(
                Phase::Failed,
                None,
                report::failed(&report::refused(reason)),
            );
            Next::Pursue
        }
    }
}

fn mark(draft: &mut Draft, name: String, phase: RequestPhase, reason: &'static str, message: &str) {
    let severity = if phase == RequestPhase::Failed {
        Severity::Warning
    } else {
        Severity::Normal
    };
    draft.event(severity, reason, format!("{message} (request {name})"));
    draft.step(Step::SetRequestStatus {
        name,
        phase,
        complete: false,
        reason,
        message: message.to_owned(),
    });
}
