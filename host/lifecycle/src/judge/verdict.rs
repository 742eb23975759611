//! What a plugin said, whether just now or on record.

use std::time::Duration;

use super::runs;
use crate::{
    BackfillDecision, BackfillRun, Goal, JobRecord, JobState, JobView, Observed, Outcome,
    RequestRecord, RequestView, Run, RunDecision, SpecDecision, TickDecision, Trigger, requests,
};

/// A decision about the own Job.
pub(crate) struct JobVerdict<'a> {
    pub(crate) trigger: Trigger,
    pub(crate) ruling: Ruling,
    pub(crate) reason: &'a str,
    /// It is not on record yet.
    pub(crate) is_news: bool,
}

/// What is to become of the own Job and the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The Job has ended and stays; what comes next comes after this time.
    Wait(Duration),
    /// The same again.
    Restart,
    /// A backfill for the request of this name.
    Backfill(String),
    /// The Job stays as it is, for this time or until it ends.
    Keep(Option<Duration>),
    /// The stream fails.
    Fail,
}

/// A decision about a backfill, which is not on record yet.
pub(crate) struct BackfillVerdict<'a> {
    pub(crate) run: BackfillRun,
    pub(crate) trigger: Trigger,
    pub(crate) ruling: BackfillRuling,
    pub(crate) reason: &'a str,
}

/// What is to become of a backfill.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BackfillRuling {
    /// It runs in a way of the plugin's own.
    Run,
    /// It does not run.
    Skip,
    /// It waits for this time.
    Postpone(Duration),
    /// The stream fails.
    Fail,
}

/// What is known of a plugin's mind.
pub(super) enum Word<V> {
    /// It has not been asked.
    Undecided,
    /// What happens without a plugin.
    Default,
    /// Something else.
    Given(V),
}

/// The word on a backfill that is not under way.
pub(super) fn word_on_backfill<'a>(
    observed: &'a Observed,
    run: &BackfillRun,
) -> Word<BackfillVerdict<'a>> {
    let verdict = |ruling, reason| {
        Word::Given(BackfillVerdict {
            run: run.clone(),
            trigger: requests::trigger_of(&observed.stream, run),
            ruling,
            reason,
        })
    };
    // That it was made is the decision.
    if requests::is_plugin_made(&observed.stream, &run.request) {
        return Word::Default;
    }
    let mut requests = observed.requests.iter();
    let is_recorded =
        |it: &RequestView| it.name == run.request && it.record == Some(RequestRecord::Run);
    if requests.any(is_recorded) {
        return Word::Default;
    }
    match &observed.decisions.backfill {
        None => Word::Undecided,
        Some(BackfillDecision::Default) => Word::Default,
        Some(BackfillDecision::Run { reason }) => verdict(BackfillRuling::Run, reason),
        Some(BackfillDecision::Skip { reason }) => verdict(BackfillRuling::Skip, reason),
        Some(BackfillDecision::Postpone { delay, reason }) => {
            verdict(BackfillRuling::Postpone(*delay), reason)
        }
        Some(BackfillDecision::Fail { reason }) => verdict(BackfillRuling::Fail, reason),
    }
}

/// The word on a Job that has not failed, when this is the goal.
pub(super) fn word_on_job<'a>(
    observed: &'a Observed,
    job: &'a JobView,
    goal: &Goal,
) -> Word<JobVerdict<'a>> {
    match &job.state {
        JobState::Finished(Outcome::Succeeded)
            if *goal == Goal::Stream && is_completed_streaming(job) =>
        {
            word_after_end(observed, job, Trigger::JobCompleted)
        }
        JobState::Active if !job.terminating && runs(job, goal) => {
            let tick = match goal {
                Goal::Stream => word_of_tick(observed),
                _ => Word::Default,
            };
            match tick {
                Word::Given(verdict) => Word::Given(verdict),
                Word::Default | Word::Undecided => word_on_spec(observed, job),
            }
        }
        _ => Word::Default,
    }
}

/// Whether the Job is one whose end is followed by another of its kind.
pub(crate) fn is_completed_streaming(job: &JobView) -> bool {
    job.run == Run::Streaming
        && !job.schema_mismatch
        && job.state == JobState::Finished(Outcome::Succeeded)
}

/// The word on a Job that has ended: that on record, or that which a request proves, or the
/// answer.
pub(super) fn word_after_end<'a>(
    observed: &'a Observed,
    job: &'a JobView,
    trigger: Trigger,
) -> Word<JobVerdict<'a>> {
    let verdict = |ruling, reason, is_news| {
        Word::Given(JobVerdict {
            trigger,
            ruling,
            reason,
            is_news,
        })
    };
    let restart = |wait: &Duration, reason, is_news| {
        // Nothing can be put on record on a Job that goes, so that it holds nothing up.
        if job.terminating || wait.is_zero() {
            verdict(Ruling::Restart, reason, is_news)
        } else {
            verdict(Ruling::Wait(*wait), reason, is_news)
        }
    };
    if let Some(JobRecord::Restart { wait, reason }) = &job.record {
        return restart(wait, reason, false);
    }
    let (decision, request) = match trigger {
        Trigger::JobFailed => (
            &observed.decisions.failure,
            requests::recovery_name(&observed.stream, job),
        ),
        _ => (
            &observed.decisions.completion,
            requests::completion_name(&observed.stream, job),
        ),
    };
    let is_streaming = job.run == Run::Streaming;
    if is_streaming && requests::is_made(observed, &request) {
        return verdict(Ruling::Backfill(request), "", false);
    }
    match decision {
        None => Word::Undecided,
        Some(RunDecision::Restart { wait, reason }) => restart(wait, reason, true),
        Some(RunDecision::Backfill { reason }) if is_streaming => {
            verdict(Ruling::Backfill(request), reason, true)
        }
        Some(RunDecision::Default | RunDecision::Backfill { .. }) => Word::Default,
        Some(RunDecision::Fail { reason }) => verdict(Ruling::Fail, reason, true),
    }
}

fn word_of_tick(observed: &Observed) -> Word<JobVerdict<'_>> {
    let (ruling, reason) = match &observed.decisions.tick {
        None | Some(TickDecision::Default) => return Word::Default,
        Some(TickDecision::Restart { reason }) => (Ruling::Restart, reason),
        Some(TickDecision::Backfill { key, reason }) => {
            let request = requests::tick_name(&observed.stream, key);
            if requests::is_made(observed, &request) {
                return Word::Default;
            }
            (Ruling::Backfill(request), reason)
        }
        Some(TickDecision::Fail { reason }) => (Ruling::Fail, reason),
    };
    Word::Given(JobVerdict {
        trigger: Trigger::Tick,
        ruling,
        reason,
        is_news: true,
    })
}

/// Whether the spec has changed at all only the fingerprint can tell: see [`crate::spec_change`].
fn word_on_spec<'a>(observed: &'a Observed, job: &'a JobView) -> Word<JobVerdict<'a>> {
    let verdict = |ruling, reason, is_news| {
        Word::Given(JobVerdict {
            trigger: Trigger::SpecChanged,
            ruling,
            reason,
            is_news,
        })
    };
    let stream = &observed.stream;
    match &job.record {
        Some(JobRecord::Kept {
            generation,
            wait,
            reason,
        }) if *generation == stream.generation => {
            return verdict(Ruling::Keep(*wait), reason, false);
        }
        _ => {}
    }
    let decision = observed.decisions.spec_change.as_ref();
    let Some(decision) = decision.filter(|decision| **decision != SpecDecision::Default) else {
        return Word::Default;
    };
    let request = requests::spec_name(stream);
    if requests::is_made(observed, &request) {
        return Word::Default;
    }
    match decision {
        SpecDecision::Default => Word::Default,
        SpecDecision::Skip { reason } => verdict(Ruling::Keep(None), reason, true),
        SpecDecision::Postpone { delay, reason } => {
            verdict(Ruling::Keep(Some(*delay)), reason, true)
        }
        SpecDecision::Backfill { reason } => verdict(Ruling::Backfill(request), reason, true),
        SpecDecision::Fail { reason } => verdict(Ruling::Fail, reason, true),
    }
}
