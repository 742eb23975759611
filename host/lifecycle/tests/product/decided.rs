//! What every plan obeys that has a plugin's word in it.

use arcane_lifecycle::{
    Answer, BackfillDecision, Goal, Idle, JobRecord, JobState, JobView, Outcome, RequestPhase,
    RequestRecord, RequestView, Run, RunDecision, SpecDecision, Step, TickDecision, Trigger,
    question,
};

use crate::{
    Case,
    inputs::{COMPLETION, RECOVERY, SPEC, TICK, WAIT},
    rules::{Rule, ensure, is_made, own_job, position},
};

/// All of them.
pub const RULES: [Rule; 7] = [
    each_decision_is_told_once,
    nothing_is_asked_that_is_decided,
    a_skip_ends_as_stopped,
    what_is_postponed_is_looked_at_again,
    a_decision_on_a_run_is_on_record_before_it_begins,
    a_decision_is_put_on_record_once,
    a_decision_is_forgotten_only_with_a_failure,
];

fn each_decision_is_told_once(case: &Case) -> Result<(), &'static str> {
    const EVENTS: [&str; 8] = [
        "BackfillDecided",
        "BackfillSkipped",
        "BackfillPostponed",
        "BackfillRefused",
        "RestartScheduled",
        "SpecChangeSkipped",
        "SpecChangePostponed",
        "StreamFailed",
    ];
    let plan = &case.plan;
    let is_refusal = matches!(
        case.observed.decisions.failure,
        Some(RunDecision::Fail { .. })
    );
    let events = plan.events.iter().filter(|event| {
        EVENTS.contains(&event.reason) || (is_refusal && event.reason == "StreamingJobFailed")
    });
    let refused_again = usize::from(is_refusal && plan.decided.is_empty());
    ensure(
        events.count().saturating_sub(refused_again) == plan.decided.len(),
        "a decision and its event are not told together",
    )?;
    for (at, record) in plan.decided.iter().enumerate() {
        let mut before = plan.decided[..at].iter();
        ensure(
            !before.any(|other| other.trigger == record.trigger),
            "a decision is told twice",
        )?;
    }
    Ok(())
}

/// Once all that matters is answered, there is no question left.
fn nothing_is_asked_that_is_decided(case: &Case) -> Result<(), &'static str> {
    let mut observed = case.observed.clone();
    let decisions = &mut observed.decisions;
    decisions.backfill.get_or_insert(BackfillDecision::Default);
    decisions.failure.get_or_insert(RunDecision::Default);
    decisions.completion.get_or_insert(RunDecision::Default);
    ensure(question(&observed).is_none(), "the same is asked for ever")
}

fn a_skip_ends_as_stopped(case: &Case) -> Result<(), &'static str> {
    for step in &case.plan.steps {
        if let Step::SetRequestStatus {
            name,
            phase,
            reason,
            ..
        } = step
            && *reason == "BackfillSkipped"
        {
            ensure(*phase == RequestPhase::Stopped, "a skip is no end")?;
            let is_run = matches!(&case.goal, Goal::Backfill(run) if run.request == *name);
            ensure(!is_run, "what is skipped is run")?;
        }
    }
    let is_skipped = case.plan.decided.iter().any(|it| it.answer == Answer::Skip);
    let is_ended = case.plan.steps.iter().any(|step| {
        matches!(
            step,
            Step::SetRequestStatus {
                phase: RequestPhase::Stopped,
                ..
            }
        )
    });
    let is_spec = case.observed.decisions.spec_change.is_some();
    ensure(!is_skipped || is_ended || is_spec, "a skip is no end")
}

fn what_is_postponed_is_looked_at_again(case: &Case) -> Result<(), &'static str> {
    let is_idle = matches!(
        case.goal,
        Goal::Nothing(Idle::Suspended | Idle::Failed | Idle::NoBackend)
    );
    let is_postponed =
        |request: &RequestView| matches!(request.record, Some(RequestRecord::Postponed { .. }));
    let waits = case.goal == Goal::Nothing(Idle::Waiting)
        || case.observed.requests.iter().any(is_postponed)
        || case
            .plan
            .decided
            .iter()
            .any(|it| it.answer == Answer::Postpone);
    let is_complete = own_job(case).is_some_and(|job| {
        job.state == JobState::Finished(Outcome::Succeeded) && job.run != Run::Streaming
    });
    ensure(
        is_idle || is_complete || !waits || case.plan.revisit.is_some_and(|after| after <= WAIT),
        "what is postponed is forgotten",
    )
}

fn a_decision_on_a_run_is_on_record_before_it_begins(case: &Case) -> Result<(), &'static str> {
    let Goal::Backfill(run) = &case.goal else {
        return Ok(());
    };
    let mut records = case.plan.decided.iter();
    let is_news = records.any(|it| {
        it.answer == Answer::Backfill
            && matches!(
                it.trigger,
                Trigger::StreamCreated | Trigger::BackfillRequested | Trigger::SchemaChanged
            )
    });
    let recorded = position(case, |step| match step {
        Step::RecordRequestDecision { name } => *name == run.request,
        Step::CreateRequest { name, decision } => *name == run.request && decision.is_some(),
        _ => false,
    });
    let begun = position(case, |step| {
        matches!(step, Step::CreateJob | Step::DeleteCronJob { .. })
    });
    ensure(
        !is_news || recorded.is_some(),
        "it is not on record how the backfill is to run",
    )?;
    match (recorded, begun) {
        (Some(recorded), Some(begun)) => ensure(recorded < begun, "it is on record too late"),
        _ => Ok(()),
    }
}

fn a_decision_is_put_on_record_once(case: &Case) -> Result<(), &'static str> {
    let mut count = 0;
    for step in &case.plan.steps {
        match step {
            Step::RecordJobDecision { uid, .. } => {
                count += 1;
                let job = own_job(case).ok_or("no Job to put it on record on")?;
                ensure(
                    job.uid == *uid && !job.terminating,
                    "it is put on a Job that goes",
                )?;
                let is_known = match &job.record {
                    Some(JobRecord::Restart { .. }) => job.state != JobState::Active,
                    Some(JobRecord::Kept { generation, .. }) => {
                        job.state == JobState::Active
                            && *generation == case.observed.stream.generation
                    }
                    None => false,
                };
                ensure(!is_known, "it is on record already")?;
            }
            Step::RecordRequestDecision { name } => {
                let mut requests = case.observed.requests.iter();
                let request = requests
                    .find(|request| request.name == *name)
                    .ok_or("no request to put it on record on")?;
                ensure(request.record.is_none(), "it is on record already")?;
            }
            _ => {}
        }
    }
    ensure(count <= 1, "it is put on record twice")
}

fn a_decision_is_forgotten_only_with_a_failure(case: &Case) -> Result<(), &'static str> {
    let Some(forgotten) = position(case, |it| matches!(it, Step::ForgetRequestDecision { .. }))
    else {
        return Ok(());
    };
    let failed = position(
        case,
        |it| matches!(it, Step::SetStatus(status) if status.phase == arcane_lifecycle::Phase::Failed),
    );
    ensure(
        failed.is_some_and(|failed| forgotten < failed),
        "a decision is forgotten though the backfill has not failed",
    )
}

/// Whether the Job, which is finished, may stay.
pub fn may_stay(case: &Case, job: &JobView) -> bool {
    let waits = case.goal == Goal::Nothing(Idle::Waiting);
    let is_stuck = !case.is_renderable && matches!(case.goal, Goal::Stream | Goal::Backfill(_));
    match &job.state {
        JobState::Finished(Outcome::Failed(_)) => waits || (is_stuck && is_overruled(case, job)),
        JobState::Finished(Outcome::Succeeded) => waits && job.run == Run::Streaming,
        _ => false,
    }
}

/// Whether the stream does not fail though this Job of it did.
pub fn is_overruled(case: &Case, job: &JobView) -> bool {
    let is_restarted = matches!(job.record, Some(JobRecord::Restart { .. }));
    let is_decided = match &case.observed.decisions.failure {
        Some(RunDecision::Restart { .. }) => true,
        Some(RunDecision::Backfill { .. }) => job.run == Run::Streaming,
        Some(RunDecision::Default | RunDecision::Fail { .. }) | None => false,
    };
    let is_recovered = job.run == Run::Streaming && is_made(case, RECOVERY);
    is_restarted || is_decided || is_recovered
}

/// Whether the plan ends early, since another backfill is next that nobody has decided on.
pub fn asks_again(case: &Case) -> bool {
    let is_passed_over = matches!(
        case.observed.decisions.backfill,
        Some(BackfillDecision::Skip { .. } | BackfillDecision::Postpone { .. })
    );
    is_passed_over && matches!(case.goal, Goal::Backfill(_))
}

/// Whether a plugin has this request made.
pub fn wants(case: &Case, name: &str) -> bool {
    let decisions = &case.observed.decisions;
    let is_backfill =
        |decision: &Option<RunDecision>| matches!(decision, Some(RunDecision::Backfill { .. }));
    match name {
        RECOVERY => is_backfill(&decisions.failure),
        COMPLETION => is_backfill(&decisions.completion),
        SPEC => matches!(decisions.spec_change, Some(SpecDecision::Backfill { .. })),
        TICK => matches!(decisions.tick, Some(TickDecision::Backfill { .. })),
        _ => false,
    }
}

/// Whether the request is told what has just been decided on it, whatever it was told before.
pub fn is_decided_now(case: &Case, name: &str) -> bool {
    case.plan.steps.iter().any(|step| {
        matches!(
            step,
            Step::SetRequestStatus { name: told, reason: "BackfillPostponed" | "BackfillRefused", .. }
                if told == name
        )
    }) && case.observed.decisions.backfill.is_some()
}
