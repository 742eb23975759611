//! Goals with a Job: streaming and backfill.

use std::time::Duration;

use super::{
    Draft, Fingerprint, Severity, Step, decision, leftover, queue,
    report::{self, Freshness},
    transition::destination,
};
use crate::{
    Drift, Goal, JobState, Observed, Ownership, Phase, Trigger,
    judge::{JobVerdict, Ruling, runs},
};

/// How often a stream that waits for its turn to restart asks whether it has come, in case that it
/// was not told.
const TURN_INTERVAL: Duration = Duration::from_secs(30);

/// What is to become of the Job with the stream's name.
enum Fate<'a> {
    /// There is none that is in the way.
    Make,
    /// It does what it should.
    Keep(Freshness<'a>),
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
    let fate = fate(draft, goal, fingerprint);
    let cron_job = observed.own_cron_job();
    let gives_up = matches!(fate, Fate::Replace) || cron_job.is_some_and(|it| !it.terminating);
    if gives_up {
        draft.step(Step::CheckJob);
    }
    decision::record_run(draft);
    draft.stop_cron_job();
    let is_settled = cron_job.is_none() && !leftover::is_there(observed);
    match fate {
        Fate::Keep(freshness) if is_settled => {
            let hash = observed
                .own_job()
                .and_then(|job| job.configuration_hash.clone());
            match freshness {
                Freshness::WaitsForTurn => draft.revisit(TURN_INTERVAL),
                Freshness::SpecSkipped(_) | Freshness::SpecPostponed(_) => record_kept(draft),
                Freshness::Current | Freshness::NextRun => {}
            }
            arrive(draft, goal, hash, freshness);
        }
        Fate::Make if is_settled => {
            draft.check_definition();
            draft.step(Step::CreateJob);
            announce_start(draft, goal);
            let hash = fingerprint.configuration_hash.clone();
            arrive(draft, goal, Some(hash), Freshness::Current);
        }
        Fate::Replace => {
            draft.stop_job();
            tell_tick(draft);
            wait(draft, goal);
        }
        Fate::Keep(_) | Fate::Make | Fate::Wait => wait(draft, goal),
    }
}

fn is_name_taken(observed: &Observed) -> bool {
    let foreign = observed.job_of(Ownership::Foreign);
    foreign.is_some_and(|job| !job.terminating)
}

fn fate<'a>(draft: &Draft<'a>, goal: &Goal, fingerprint: &Fingerprint) -> Fate<'a> {
    let observed = draft.observed;
    let Some(job) = &observed.job else {
        return Fate::Make;
    };
    if job.ownership != Ownership::Ours {
        return Fate::Wait;
    }
    if job.state != JobState::Active {
        return Fate::Make;
    }
    if job.terminating {
        return Fate::Wait;
    }
    let is_outdated = !fingerprint.is_hash(job.configuration_hash.as_ref());
    let kept = kept(draft).filter(|_| is_outdated);
    let restart = &observed.stream.restart;
    let is_replaced = !runs(job, goal)
        || (is_outdated && kept.is_none())
        || (restart.is_some() && *restart != job.restart)
        || tick_restart(draft).is_some();
    if is_replaced {
        return Fate::Replace;
    }
    if let Some((verdict, wait)) = kept {
        return Fate::Keep(match wait {
            None => Freshness::SpecSkipped(verdict.reason),
            Some(_) => Freshness::SpecPostponed(verdict.reason),
        });
    }
    match observed.drift {
        _ if !fingerprint.is_drifted(job.render_hash.as_ref()) => Fate::Keep(Freshness::Current),
        Drift::Report => Fate::Keep(Freshness::NextRun),
        Drift::Wait => Fate::Keep(Freshness::WaitsForTurn),
        Drift::Restart => Fate::Replace,
    }
}

/// The plugin's word that the Job stays as it is, and for how long.
fn kept<'a>(draft: &Draft<'a>) -> Option<(&'a JobVerdict<'a>, Option<Duration>)> {
    let verdict = draft.judgement.job.as_ref()?;
    match verdict.ruling {
        Ruling::Keep(wait) => Some((verdict, wait)),
        _ => None,
    }
}

fn record_kept(draft: &mut Draft) {
    let Some((verdict, wait)) = kept(draft) else {
        return;
    };
    if let Some(wait) = wait {
        draft.revisit(wait);
    }
    if let Some(job) = draft.observed.own_job().filter(|_| verdict.is_news) {
        draft.step(Step::RecordJobDecision {
            uid: job.uid.clone(),
            trigger: verdict.trigger,
        });
        decision::tell_kept(draft, verdict, wait.is_none());
    }
}

/// The plugin's word that the Job is to be replaced now.
fn tick_restart<'a>(draft: &Draft<'a>) -> Option<&'a JobVerdict<'a>> {
    let verdict = draft.judgement.job.as_ref();
    verdict.filter(|it| it.trigger == Trigger::Tick && it.ruling == Ruling::Restart)
}

fn tell_tick(draft: &mut Draft) {
    if let Some(verdict) = tick_restart(draft) {
        decision::tell_restart(draft, verdict, report::replaced(verdict.reason));
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

fn arrive(draft: &mut Draft, goal: &Goal, hash: Option<String>, freshness: Freshness<'_>) {
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
