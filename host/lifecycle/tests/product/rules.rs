//! What every plan obeys, with a plugin and without.

use arcane_lifecycle::{
    Goal, Idle, JobState, JobView, Outcome, Ownership, Phase, Propagation, RequestPhase, Run, Step,
};

use crate::{
    Case, decided,
    inputs::{DERIVED, INITIAL, SCHEMA},
    support::*,
};

/// Tells how it is broken.
pub type Rule = fn(&Case) -> Result<(), &'static str>;

/// All of them.
pub const RULES: [Rule; 11] = [
    nothing_starts_without_leave,
    one_thing_runs_at_a_time,
    only_own_objects_are_deleted_and_rightly,
    an_outcome_is_recorded_before_its_job_goes,
    only_a_success_completes_a_request,
    nothing_is_given_up_for_what_cannot_be_made,
    nothing_is_given_up_before_its_successor_is_checked,
    nothing_is_made_again_for_a_definition_that_may_be_gone,
    each_request_is_told_once_and_made_once,
    the_status_comes_last_and_says_what_is,
    nothing_is_told_of_a_stream_that_stays_as_it_is,
];

fn nothing_starts_without_leave(case: &Case) -> Result<(), &'static str> {
    let starts = |step: &Step| {
        matches!(
            step,
            Step::CreateJob | Step::CreateCronJob | Step::UpdateCronJob { .. } | Step::CheckJob
        )
    };
    let may_start = case.is_renderable
        && !case.observed.stream.suspended
        && case.observed.stream.phase != Phase::Failed
        && !matches!(case.goal, Goal::Nothing(_));
    ensure(
        may_start || !case.plan.steps.iter().any(starts),
        "something starts that must not",
    )
}

fn one_thing_runs_at_a_time(case: &Case) -> Result<(), &'static str> {
    let mut job = case.observed.job.as_ref().is_some();
    let cron_job = case.observed.cron_job.as_ref();
    let mut cron_job = cron_job.is_some_and(|it| it.ownership != Ownership::Foreign);
    let foreign_job = case
        .observed
        .job
        .as_ref()
        .is_some_and(|job| job.ownership == Ownership::Foreign);
    for step in &case.plan.steps {
        match step {
            Step::DeleteJob {
                propagation: Propagation::Background,
                ..
            } => job = false,
            Step::CreateJob => {
                ensure(!job && !cron_job, "a Job is made beside something")?;
                job = true;
            }
            Step::CreateCronJob => {
                ensure(
                    !cron_job && (!job || foreign_job),
                    "a CronJob is made beside something",
                )?;
                cron_job = true;
            }
            _ => {}
        }
    }
    Ok(())
}

fn only_own_objects_are_deleted_and_rightly(case: &Case) -> Result<(), &'static str> {
    let (mut deletions, mut is_checked) = (0, false);
    for step in &case.plan.steps {
        let may_delete = |ownership| match ownership {
            Ownership::Ours => true,
            Ownership::Predecessors => is_checked,
            Ownership::Foreign => false,
        };
        match step {
            Step::CheckDefinition => is_checked = true,
            Step::DeleteJob { uid, propagation } => {
                deletions += 1;
                let job = case.observed.job.as_ref().ok_or("no such Job")?;
                let is_left = job.ownership == Ownership::Predecessors;
                let is_active = is_left || job.state == JobState::Active;
                ensure(job.uid == *uid, "another Job is deleted")?;
                ensure(may_delete(job.ownership), "a foreign Job is deleted")?;
                ensure(
                    is_active == (*propagation == Propagation::Foreground),
                    "a Job is deleted in the wrong way",
                )?;
                ensure(
                    !(is_active && job.terminating),
                    "a Job is deleted that is going already",
                )?;
            }
            Step::DeleteCronJob { uid } | Step::UpdateCronJob { uid } => {
                let cron_job = case.observed.cron_job.as_ref().ok_or("no such CronJob")?;
                let is_own = cron_job.ownership == Ownership::Ours;
                let is_deletion = matches!(step, Step::DeleteCronJob { .. });
                ensure(cron_job.uid == *uid, "another CronJob is touched")?;
                ensure(
                    is_own || (is_deletion && may_delete(cron_job.ownership)),
                    "a foreign CronJob is touched",
                )?;
                ensure(!cron_job.terminating, "a CronJob is touched that is going")?;
            }
            _ => {}
        }
    }
    ensure(deletions <= 1, "a Job is deleted twice")
}

fn an_outcome_is_recorded_before_its_job_goes(case: &Case) -> Result<(), &'static str> {
    let Some(job) = own_job(case).filter(|job| job.state != JobState::Active) else {
        return Ok(());
    };
    let Some(deleted) = position(case, |step| matches!(step, Step::DeleteJob { .. })) else {
        return ensure(decided::may_stay(case, job), "a finished Job stays");
    };
    let stream = &case.observed.stream;
    let is_known =
        stream.phase == Phase::Failed || (stream.phase == Phase::Suspended && stream.suspended);
    match job.state {
        JobState::Finished(Outcome::Failed(_)) if decided::is_overruled(case, job) => Ok(()),
        JobState::Finished(Outcome::Failed(_)) if !is_known => {
            let recorded = position(
                case,
                |step| matches!(step, Step::SetStatus(status) if status.phase == Phase::Failed),
            );
            ensure(recorded.is_some_and(|at| at < deleted), "a failure is lost")?;
            ensure(
                told(&case.plan).contains(&"Warning StreamingJobFailed".to_owned()),
                "a failure is not told",
            )
        }
        JobState::Finished(Outcome::Succeeded) => {
            let created = position(
                case,
                |step| matches!(step, Step::CreateRequest { name, .. } if name == SCHEMA),
            );
            let is_made = is_made(case, SCHEMA);
            ensure(
                !job.schema_mismatch || is_made || created.is_some_and(|at| at < deleted),
                "a schema change is lost",
            )?;
            let completed = position(case, |step| matches!(step, Step::CompleteRequest { .. }));
            ensure(
                completed.is_some() == served(case, job).is_some(),
                "a success is lost",
            )?;
            ensure(
                completed.is_none_or(|at| at < deleted) || job.run == Run::Backfill(None),
                "a success may be lost",
            )
        }
        _ => Ok(()),
    }
}

fn only_a_success_completes_a_request(case: &Case) -> Result<(), &'static str> {
    for (at, step) in case.plan.steps.iter().enumerate() {
        let Step::CompleteRequest { name } = step else {
            continue;
        };
        let job = own_job(case).ok_or("a request is completed without a Job")?;
        ensure(
            job.state == JobState::Finished(Outcome::Succeeded),
            "a request is completed before its Job has succeeded",
        )?;
        ensure(
            served(case, job) == Some(name),
            "a request is completed that the Job did not serve",
        )?;
        let is_told = case.plan.steps[..at].iter().any(|step| {
            matches!(
                step,
                Step::SetRequestStatus { name: told, complete: true, .. } if told == name
            )
        });
        ensure(is_told, "a request is completed before its status says so")?;
    }
    Ok(())
}

/// Whether the plan stops an active Job that runs for this request, which is no longer open.
fn is_stopped_job_of(case: &Case, name: &str) -> bool {
    let is_open = case
        .observed
        .requests
        .iter()
        .any(|request| request.name == name);
    let runs_for = |job: &JobView| job.run == Run::Backfill(Some(name.to_owned()));
    !is_open && own_job(case).is_some_and(runs_for) && given_up(case).is_some()
}

fn nothing_is_given_up_for_what_cannot_be_made(case: &Case) -> Result<(), &'static str> {
    let is_blocked = match case.goal {
        Goal::Nothing(idle) => idle == Idle::NoBackend,
        _ => !case.is_renderable,
    };
    ensure(
        !(is_blocked && given_up(case).is_some()),
        "what runs is given up for nothing",
    )?;
    ensure(
        !is_blocked || case.plan.problem.is_some() || decided::asks_again(case),
        "the user is not told what to put right",
    )?;
    let is_waiting = case.goal == Goal::Nothing(Idle::Waiting);
    ensure(
        !(is_waiting && given_up(case).is_some()),
        "what runs is given up for nothing",
    )
}

fn nothing_is_given_up_before_its_successor_is_checked(case: &Case) -> Result<(), &'static str> {
    let makes_job = matches!(case.goal, Goal::Stream | Goal::Backfill(_));
    let checked = position(case, |step| matches!(step, Step::CheckJob));
    match (given_up(case), checked) {
        (Some(given_up), Some(checked)) => ensure(checked < given_up, "the check comes too late"),
        (Some(_), None) => ensure(!makes_job, "what runs is given up unchecked"),
        (None, Some(_)) => Err("a check without need"),
        (None, None) => Ok(()),
    }
}

/// What is made is a first one, or the successor of a Job that has ended, with its request, in sight.
fn nothing_is_made_again_for_a_definition_that_may_be_gone(
    case: &Case,
) -> Result<(), &'static str> {
    let made = position(case, |step| {
        matches!(step, Step::CreateJob | Step::CreateCronJob)
    });
    let checked = position(case, |step| *step == Step::CheckDefinition);
    let Some(made) = made else {
        let is_left = |step: &Step| deleted(case, step) == Some(Ownership::Predecessors);
        let is_needed = position(case, is_left).is_some();
        return ensure(
            checked.is_none() || is_needed,
            "a definition is looked up without need",
        );
    };
    let is_in_sight = match own_job(case) {
        Some(job) => {
            let is_request_in_sight = match &job.run {
                Run::Backfill(Some(name)) => is_made(case, name),
                _ => true,
            };
            !job.terminating && is_request_in_sight
        }
        None => [Phase::New, Phase::Suspended, Phase::Failed].contains(&case.observed.stream.phase),
    };
    match checked {
        None => ensure(is_in_sight, "something is made for nobody, perhaps"),
        Some(checked) => {
            ensure(!is_in_sight, "a definition is looked up without need")?;
            ensure(checked + 1 == made, "something is done in between")
        }
    }
}

fn each_request_is_told_once_and_made_once(case: &Case) -> Result<(), &'static str> {
    let mut told = Vec::new();
    for step in &case.plan.steps {
        match step {
            Step::CreateRequest { name, .. } => {
                ensure(!is_made(case, name), "a request is made twice")?;
                let is_initial = name == INITIAL && case.observed.stream.phase == Phase::New;
                ensure(
                    name == SCHEMA || is_initial || decided::wants(case, name),
                    "a request is made for no reason",
                )?;
            }
            Step::SetRequestStatus { name, phase, .. } => {
                ensure(!told.contains(&name), "a request is told twice")?;
                told.push(name);
                let is_created = |step: &Step| matches!(step, Step::CreateRequest { name: created, .. } if created == name);
                if (*phase == RequestPhase::Stopped && is_stopped_job_of(case, name))
                    || case.plan.steps.iter().any(is_created)
                {
                    continue;
                }
                let mut requests = case.observed.requests.iter();
                let request = requests
                    .find(|request| request.name == *name)
                    .ok_or("a request is told that is not open")?;
                let is_new = request.phase != Some(*phase);
                let is_final = *phase == RequestPhase::Ready && own_job(case).is_some();
                let is_decided = decided::is_decided_now(case, name);
                ensure(
                    is_new || is_final || is_decided,
                    "a request is told what it knows",
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn the_status_comes_last_and_says_what_is(case: &Case) -> Result<(), &'static str> {
    let stream = &case.observed.stream;
    let Some(status) = status(&case.plan) else {
        let is_failed = stream.phase == Phase::Failed && !stream.suspended;
        return ensure(is_failed || decided::asks_again(case), "nothing is said");
    };
    let is_failure = status.phase == Phase::Failed;
    ensure(
        is_failure || matches!(case.plan.steps.last(), Some(Step::SetStatus(_))),
        "something is done after the status is written",
    )?;
    let makes = |made: &Step| case.plan.steps.contains(made);
    let has_job = own_job(case).is_some() || makes(&Step::CreateJob);
    let has_cron_job = own_cron_job(case) || makes(&Step::CreateCronJob);
    let is_true = match status.phase {
        Phase::Running | Phase::Backfilling => has_job,
        Phase::Scheduled => has_cron_job,
        _ => true,
    };
    ensure(is_true, "something is said to run, and nothing is there")?;
    let expected = match case.goal {
        Goal::Nothing(Idle::Suspended) => status.phase == Phase::Suspended,
        Goal::Nothing(Idle::Failed) => is_failure,
        Goal::Nothing(Idle::Waiting) if case.plan.problem.is_none() => {
            status.phase == Phase::Pending
        }
        _ => status.phase != Phase::Failed,
    };
    ensure(expected, "the phase is not the goal's")?;
    let first = status.conditions.first().ok_or("no condition is set")?;
    let known = match status.phase {
        _ if case.plan.problem.is_some() => first.kind == "Error",
        Phase::Running => first.reason == "StreamRunning",
        Phase::Backfilling => {
            first.reason == "StreamBackfilling" && {
                let names = case.observed.requests.iter().map(|request| &*request.name);
                names
                    .chain(DERIVED)
                    .any(|name| first.message.ends_with(name))
            }
        }
        Phase::Scheduled => first.reason == "StreamScheduled",
        Phase::Suspended => first.reason == "StreamSuspended",
        Phase::Failed => first.reason == "StreamFailed",
        Phase::Pending => first.reason == "StreamPending",
        Phase::New => false,
    };
    ensure(
        known && first.status,
        "existing clients do not understand the condition",
    )
}

fn nothing_is_told_of_a_stream_that_stays_as_it_is(case: &Case) -> Result<(), &'static str> {
    let stays = status(&case.plan).is_none_or(|last| last.phase == case.observed.stream.phase);
    let works = case
        .plan
        .steps
        .iter()
        .any(|step| !matches!(step, Step::SetStatus(_)));
    ensure(
        !stays || works || case.plan.problem.is_some() || case.plan.events.is_empty(),
        "an event without a transition",
    )
}

/// Whose the object is that the step deletes.
fn deleted(case: &Case, step: &Step) -> Option<Ownership> {
    match step {
        Step::DeleteJob { .. } => case.observed.job.as_ref().map(|it| it.ownership),
        Step::DeleteCronJob { .. } => case.observed.cron_job.as_ref().map(|it| it.ownership),
        _ => None,
    }
}

/// Where the plan first deletes what may be at work for the stream.
fn given_up(case: &Case) -> Option<usize> {
    position(case, |step| {
        let is_of_ended = matches!(
            step,
            Step::DeleteJob {
                propagation: Propagation::Background,
                ..
            }
        );
        !is_of_ended && deleted(case, step) == Some(Ownership::Ours)
    })
}

/// Where the plan has its first such step.
pub fn position(case: &Case, is_such: impl Fn(&Step) -> bool) -> Option<usize> {
    case.plan.steps.iter().position(is_such)
}

pub fn own_job(case: &Case) -> Option<&JobView> {
    case.observed.own_job()
}

fn own_cron_job(case: &Case) -> bool {
    case.observed.own_cron_job().is_some()
}

pub fn is_made(case: &Case, name: &str) -> bool {
    let requests = &case.observed.requests;
    let completed = &case.observed.completed_requests;
    requests.iter().any(|request| request.name == name)
        || completed.iter().any(|request| request == name)
}

/// The open request that the Job runs for.
pub fn served<'a>(case: &'a Case, job: &JobView) -> Option<&'a String> {
    let mut requests = case.observed.requests.iter();
    let request = match &job.run {
        Run::Streaming => None,
        Run::Backfill(Some(name)) => requests.find(|request| request.name == *name),
        Run::Backfill(None) => {
            requests.find(|request| request.phase != Some(RequestPhase::Stopped))
        }
    };
    request.map(|request| &request.name)
}

pub fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
