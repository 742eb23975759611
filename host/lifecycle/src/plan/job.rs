//! Goals with a Job: streaming and backfill.

use std::time::Duration;

use super::{
    Draft, Fingerprint, Severity, Step, queue,
    report::{self, Freshness},
    transition::destination,
};
use crate::{Drift, Goal, JobState, JobView, Observed, Ownership, Phase, Run};

/// How often a stream that waits for its turn to restart asks whether it has come, in case that it
/// was not told.
const TURN_INTERVAL: Duration = Duration::from_secs(30);

/// What is to become of the Job with the stream's name.
enum Fate {
    /// There is none that is in the way.
    Make,
    /// It does what it should.
    Keep(Freshness),
    /// It must go before another can be made.
    Replace,
    /// It is going.
    Wait,
}

/// Leads to the Job that `goal` asks for.
pub(super) fn pursue(draft: &mut Draft, goal: &Goal, fingerprint: &Fingerprint) {
    let observed = draft.observed;
    if is_name_taken(observed) {
        return draft.block(report::job_name_taken(observed));
    }
    draft.depart(goal);
    let fate = fate(observed, goal, fingerprint);
    let cron_job = observed.own_cron_job();
    let gives_up = matches!(fate, Fate::Replace) || cron_job.is_some_and(|it| !it.terminating);
    if gives_up {
        draft.step(Step::CheckJob);
    }
    draft.stop_cron_job();
    let is_settled = cron_job.is_none();
    match fate {
        Fate::Keep(freshness) if is_settled => {
            let hash = observed
                .own_job()
                .and_then(|job| job.configuration_hash.clone());
            if freshness == Freshness::WaitsForTurn {
                draft.plan.revisit = Some(TURN_INTERVAL);
            }
            arrive(draft, goal, hash, freshness);
        }
        Fate::Make if is_settled => {
            draft.step(Step::CreateJob);
            announce_start(draft, goal);
            let hash = fingerprint.configuration_hash.clone();
            arrive(draft, goal, Some(hash), Freshness::Current);
        }
        Fate::Replace => {
            draft.stop_job();
            wait(draft, goal);
        }
        Fate::Keep(_) | Fate::Make | Fate::Wait => wait(draft, goal),
    }
}

fn is_name_taken(observed: &Observed) -> bool {
    observed
        .job
        .as_ref()
        .is_some_and(|job| job.ownership == Ownership::Foreign && !job.terminating)
}

fn fate(observed: &Observed, goal: &Goal, fingerprint: &Fingerprint) -> Fate {
    let Some(job) = &observed.job else {
        return Fate::Make;
    };
    let is_own = job.ownership == Ownership::Ours;
    if is_own && job.state != JobState::Active {
        return Fate::Make;
    }
    if job.terminating {
        return Fate::Wait;
    }
    if !runs(job, goal) || !fingerprint.is_hash(job.configuration_hash.as_ref()) {
        return Fate::Replace;
    }
    let restart = &observed.stream.restart;
    if restart.is_some() && *restart != job.restart {
        return Fate::Replace;
    }
    match observed.drift {
        _ if !fingerprint.is_drifted(job.render_hash.as_ref()) => Fate::Keep(Freshness::Current),
        Drift::Report => Fate::Keep(Freshness::NextRun),
        Drift::Wait => Fate::Keep(Freshness::WaitsForTurn),
        Drift::Restart => Fate::Replace,
    }
}

/// Whether the Job is of the kind that the goal asks for. One that does not tell its request runs
/// for the oldest, which is the goal's.
fn runs(job: &JobView, goal: &Goal) -> bool {
    match (&job.run, goal) {
        (Run::Streaming, Goal::Stream) | (Run::Backfill(None), Goal::Backfill(_)) => true,
        (Run::Backfill(Some(served)), Goal::Backfill(run)) => *served == run.request,
        _ => false,
    }
}

/// A backfill that starts over is told; one that starts follows from an event of its own.
fn announce_start(draft: &mut Draft, goal: &Goal) {
    if let Goal::Backfill(run) = goal
        && draft.phase == Phase::Backfilling
    {
        let message = format!("The backfill starts again for request {}", run.request);
        draft.event(Severity::Normal, "BackfillStarted", message);
    }
}

fn arrive(draft: &mut Draft, goal: &Goal, hash: Option<String>, freshness: Freshness) {
    let request = request_of(goal);
    if let Some(name) = request {
        queue::mark_running(draft, name);
    }
    queue::mark_waiting(draft, request);
    let phase = destination(goal);
    draft.set_status(phase, hash, report::settled(phase, request, freshness));
}

fn wait(draft: &mut Draft, goal: &Goal) {
    let request = request_of(goal);
    queue::mark_waiting(draft, request);
    let phase = draft.phase_meanwhile();
    draft.set_status(phase, None, report::waiting(phase, request));
}

fn request_of(goal: &Goal) -> Option<&str> {
    match goal {
        Goal::Backfill(run) => Some(&run.request),
        _ => None,
    }
}
