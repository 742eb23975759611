//! The goal that what comes next has to wait.

use super::{Draft, report};
use crate::{Goal, Phase, judge::Ruling};

/// Starts nothing, and leaves alone what runs and what has ended.
pub(super) fn pursue(draft: &mut Draft, goal: &Goal) {
    if let Some(unanswered) = &draft.observed.decisions.unanswered {
        draft.revisit(unanswered.retry);
        return draft.block(unanswered.problem.clone());
    }
    draft.depart(goal);
    super::queue::mark_waiting(draft, None);
    if let Some(verdict) = &draft.judgement.job
        && let Ruling::Wait(wait) = verdict.ruling
    {
        draft.revisit(wait);
        let conditions = report::restart_postponed(verdict.reason);
        draft.set_status(Phase::Pending, None, conditions);
    }
}
