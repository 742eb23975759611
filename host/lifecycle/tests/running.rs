//! What keeps a Job or CronJob, what replaces it, and what stands in the way.

mod support;

use std::time::Duration;

use arcane_lifecycle::{
    Drift, Failure, Goal, JobState, Outcome, Ownership, Phase, Rendering, RequestPhase, Run, plan,
    reject,
};
use support::*;

const STEADY: [&str; 3] = [
    "Ready=True StreamRunning",
    "Reconciled=True AsSpecified",
    "UpToDate=True TemplateCurrent",
];

#[test]
fn a_stream_that_runs_as_it_should_is_left_alone() {
    let plan = given(Phase::Running).job(streaming()).plan();
    expect(&plan, &["phase Running"], &[]);
    assert_eq!(conditions(&plan), STEADY);
    assert_eq!(plan.revisit, None);
}

#[test]
fn a_schedule_that_is_as_it_should_be_is_left_alone() {
    let plan = given(Phase::Scheduled).batch().cron_job(cron_job()).plan();
    expect(&plan, &["phase Scheduled"], &[]);
    assert_eq!(conditions(&plan)[0], "Ready=True StreamScheduled");
    assert_eq!(
        status(&plan).unwrap().configuration_hash.as_deref(),
        Some(HASH)
    );
}

#[test]
fn a_job_with_an_equivalent_hash_is_current_and_its_hash_is_reported_as_it_is() {
    let mut job = streaming();
    job.configuration_hash = Some(EQUIVALENT.into());
    let plan = given(Phase::Running).job(job).plan();
    expect(&plan, &["phase Running"], &[]);
    assert_eq!(
        status(&plan).unwrap().configuration_hash.as_deref(),
        Some(EQUIVALENT)
    );
}

#[test]
fn a_job_without_a_hash_is_replaced() {
    let mut job = streaming();
    job.configuration_hash = None;
    expect(
        &given(Phase::Running).job(job).plan(),
        &["check job", "delete job and wait", "phase Running"],
        &[],
    );
}

#[test]
fn a_new_job_has_its_hash_in_the_status_and_one_that_goes_does_not() {
    let made = given(Phase::Running).plan();
    assert_eq!(
        status(&made).unwrap().configuration_hash.as_deref(),
        Some(HASH)
    );
    let replaced = given(Phase::Running).job(outdated(streaming())).plan();
    assert_eq!(status(&replaced).unwrap().configuration_hash, None);
}

#[test]
fn a_new_value_of_the_restart_annotation_replaces_the_job_once() {
    let given = given(Phase::Running).restart("monday");
    expect(
        &given.clone().job(streaming()).plan(),
        &["check job", "delete job and wait", "phase Running"],
        &[],
    );
    let mut restarted = streaming();
    restarted.restart = Some("monday".into());
    expect(&given.job(restarted).plan(), &["phase Running"], &[]);
}

#[test]
fn a_restart_annotation_that_is_removed_replaces_nothing() {
    let mut restarted = streaming();
    restarted.restart = Some("monday".into());
    expect(
        &given(Phase::Running).job(restarted).plan(),
        &["phase Running"],
        &[],
    );
}

#[test]
fn a_changed_template_is_reported_and_left_for_the_next_run() {
    let mut job = streaming();
    job.render_hash = Some(OLD_RENDER.into());
    let plan = given(Phase::Running).job(job).plan();
    expect(&plan, &["phase Running"], &[]);
    assert_eq!(conditions(&plan)[2], "UpToDate=False TemplateChanged");
    assert_eq!(plan.revisit, None);
}

#[test]
fn a_changed_template_restarts_the_job_when_it_is_its_turn() {
    let mut job = streaming();
    job.render_hash = Some(OLD_RENDER.into());
    let given = given(Phase::Running).job(job);
    let waiting = given.clone().drift(Drift::Wait).plan();
    expect(&waiting, &["phase Running"], &[]);
    assert_eq!(conditions(&waiting)[2], "UpToDate=False TemplateChanged");
    assert!(waiting.revisit.is_some_and(|after| after > Duration::ZERO));
    expect(
        &given.drift(Drift::Restart).plan(),
        &["check job", "delete job and wait", "phase Running"],
        &[],
    );
}

#[test]
fn a_job_of_another_operator_does_not_drift() {
    let mut job = streaming();
    job.render_hash = None;
    let plan = given(Phase::Running).job(job).drift(Drift::Restart).plan();
    expect(&plan, &["phase Running"], &[]);
    assert_eq!(conditions(&plan), STEADY);
}

#[test]
fn a_changed_template_updates_a_cron_job_in_place() {
    let mut cron_job = cron_job();
    cron_job.render_hash = Some(OLD_RENDER.into());
    let given = given(Phase::Scheduled).batch().cron_job(cron_job);
    expect(&given.plan(), &["update cron job", "phase Scheduled"], &[]);
}

#[test]
fn nothing_is_made_while_an_old_job_is_going() {
    let plan = given(Phase::Running).job(terminating(streaming())).plan();
    expect(&plan, &["phase Running"], &[]);
    assert_eq!(
        conditions(&plan),
        [
            "Ready=True StreamRunning",
            "Reconciled=False WaitingForPods"
        ]
    );
    expect(
        &given(Phase::Suspended).job(terminating(streaming())).plan(),
        &["phase Pending"],
        &["Normal StreamResumed"],
    );
    expect(
        &given(Phase::Pending)
            .batch()
            .job(terminating(streaming()))
            .plan(),
        &["phase Pending"],
        &[],
    );
}

#[test]
fn nothing_is_made_while_an_old_cron_job_is_going() {
    let mut going = cron_job();
    going.terminating = true;
    expect(
        &given(Phase::Pending).cron_job(going.clone()).plan(),
        &["phase Pending"],
        &[],
    );
    expect(
        &given(Phase::Scheduled).batch().cron_job(going).plan(),
        &["phase Scheduled"],
        &[],
    );
}

#[test]
fn a_suspended_stream_says_so_and_whether_its_pods_are_gone() {
    let stopping = given(Phase::Suspended)
        .suspended()
        .job(terminating(streaming()))
        .plan();
    expect(&stopping, &["phase Suspended"], &[]);
    assert_eq!(
        conditions(&stopping),
        [
            "Warning=True StreamSuspended",
            "Reconciled=False WaitingForPods"
        ]
    );
    let stopped = given(Phase::Suspended).suspended().plan();
    assert_eq!(
        conditions(&stopped),
        [
            "Warning=True StreamSuspended",
            "Reconciled=True AsSpecified"
        ]
    );
}

#[test]
fn the_streams_name_on_a_foreign_job_is_a_problem_that_names_it() {
    let plan = given(Phase::Pending).job(foreign(streaming())).plan();
    expect(&plan, &["phase Pending"], &["Warning JobNameTaken"]);
    assert_eq!(
        conditions(&plan),
        ["Error=True JobNameTaken", "Reconciled=False JobNameTaken"]
    );
    assert!(
        plan.problem
            .unwrap()
            .message
            .starts_with("Job orders does not belong")
    );
}

#[test]
fn a_foreign_job_that_is_going_is_waited_for() {
    expect(
        &given(Phase::Pending)
            .job(foreign(terminating(streaming())))
            .plan(),
        &["phase Pending"],
        &[],
    );
}

#[test]
fn a_foreign_job_does_not_matter_to_a_stream_that_needs_none() {
    let foreign = || foreign(failed(streaming()));
    expect(
        &given(Phase::Running).suspended().job(foreign()).plan(),
        &["phase Suspended"],
        &["Normal StreamSuspended"],
    );
    expect(
        &given(Phase::Pending).batch().job(foreign()).plan(),
        &["check definition", "create cron job", "phase Scheduled"],
        &[],
    );
}

#[test]
fn what_an_earlier_definition_has_left_is_deleted_before_anything_starts() {
    for job in [streaming(), failed(streaming()), succeeded(streaming())] {
        for given in [given(Phase::Pending), given(Phase::Pending).batch()] {
            expect(
                &given.job(left(job.clone())).plan(),
                &["check definition", "delete job and wait", "phase Pending"],
                &[],
            );
        }
    }
    let mut cron_job = cron_job();
    cron_job.ownership = Ownership::Predecessors;
    for given in [given(Phase::Pending), given(Phase::Pending).batch()] {
        expect(
            &given.cron_job(cron_job.clone()).plan(),
            &[
                "check definition",
                "delete cron job and wait",
                "phase Pending",
            ],
            &[],
        );
    }
}

#[test]
fn what_an_earlier_definition_has_left_is_deleted_though_nothing_is_to_start() {
    let suspended = given(Phase::Running).suspended();
    let plan = suspended.job(left(streaming())).plan();
    expect(
        &plan,
        &["check definition", "delete job and wait", "phase Suspended"],
        &["Normal StreamSuspended"],
    );
    let plan = given(Phase::Pending).job(left(streaming()));
    expect(
        &plan.plan_without_template(),
        &["check definition", "delete job and wait", "phase Pending"],
        &["Warning TemplateNotFound"],
    );
}

#[test]
fn what_an_earlier_definition_has_left_is_deleted_once() {
    expect(
        &given(Phase::Pending)
            .job(left(terminating(streaming())))
            .plan(),
        &["phase Pending"],
        &[],
    );
}

#[test]
fn the_streams_name_on_a_foreign_cron_job_matters_to_a_batch_stream_alone() {
    let mut cron_job = cron_job();
    cron_job.ownership = Ownership::Foreign;
    let batch = given(Phase::Pending).batch().cron_job(cron_job.clone());
    expect(
        &batch.plan(),
        &["phase Pending"],
        &["Warning CronJobNameTaken"],
    );
    expect(
        &given(Phase::Pending).cron_job(cron_job).plan(),
        &["check definition", "create job", "phase Running"],
        &[],
    );
}

#[test]
fn what_runs_goes_on_while_its_successor_cannot_be_made() {
    let plan = given(Phase::Running)
        .job(outdated(streaming()))
        .plan_without_template();
    expect(&plan, &["phase Running"], &["Warning TemplateNotFound"]);
    assert_eq!(
        conditions(&plan),
        [
            "Error=True TemplateNotFound",
            "Reconciled=False TemplateNotFound"
        ]
    );
    assert_eq!(plan.problem, Some(problem()));
}

#[test]
fn a_request_waits_while_its_job_cannot_be_made() {
    expect(
        &given(Phase::Running)
            .job(streaming())
            .request("r")
            .plan_without_template(),
        &["request r Pending", "phase Running"],
        &["Warning TemplateNotFound"],
    );
}

#[test]
fn a_stream_whose_job_is_gone_and_cannot_be_made_is_not_said_to_run() {
    expect(
        &given(Phase::Running).plan_without_template(),
        &["phase Pending"],
        &["Warning TemplateNotFound"],
    );
}

#[test]
fn a_success_is_recorded_even_if_nothing_can_follow() {
    expect(
        &given(Phase::Backfilling)
            .job(succeeded(backfill("r")))
            .request("r")
            .plan_without_template(),
        &[
            "request r Ready complete",
            "complete request r",
            "delete job",
            "phase Pending",
        ],
        &["Normal BackfillCompleted", "Warning TemplateNotFound"],
    );
}

#[test]
fn a_new_stream_has_its_request_even_if_nothing_can_follow() {
    let plan = given(Phase::New).plan_without_template();
    assert!(deeds(&plan)[0].starts_with("create request orders-initial-backfill-"));
    assert_eq!(deeds(&plan)[1..], ["phase Pending"]);
    assert_eq!(
        told(&plan),
        ["Normal StreamCreated", "Warning TemplateNotFound"]
    );
}

#[test]
fn a_goal_that_nobody_could_render_is_a_problem_that_says_what_to_set() {
    let given = given(Phase::Scheduled)
        .batch()
        .cron_job(cron_job())
        .request("r");
    let plan = plan(&given.0, &given.goal(), &Rendering::NotNeeded);
    expect(
        &plan,
        &["request r Pending", "phase Scheduled"],
        &["Warning NoTemplate"],
    );
    let message = plan.problem.unwrap().message;
    assert!(message.contains("backfillJobTemplateRef"), "{message}");
    assert!(message.ends_with("delete BackfillRequest r"), "{message}");
}

#[test]
fn what_runs_goes_on_when_the_definition_loses_its_backend() {
    expect(
        &given(Phase::Running).no_backend().job(streaming()).plan(),
        &["phase Running"],
        &["Warning NoValidBackend"],
    );
}

#[test]
fn a_definition_that_cannot_be_understood_changes_no_phase_and_says_why() {
    for phase in Phase::ALL {
        let plan = reject(phase, &problem());
        expect(
            &plan,
            &[&format!("phase {phase:?}")],
            &["Warning TemplateNotFound"],
        );
        assert_eq!(plan.problem, Some(problem()));
        assert_eq!(status(&plan).unwrap().configuration_hash, None);
    }
}

#[test]
fn a_failure_tells_the_reason_the_exit_code_and_what_the_container_said() {
    let plan = given(Phase::Running).job(failed(streaming())).plan();
    assert_eq!(
        plan.events[0].message,
        "The stream's Job failed: BackoffLimitExceeded, exit code 3: offsets lost."
    );
    assert_eq!(
        conditions(&plan),
        ["Error=True StreamFailed", "Reconciled=False StreamFailed"]
    );
    let message = &status(&plan).unwrap().conditions[0].message;
    assert!(message.contains("offsets lost"), "{message}");
    assert!(
        message.ends_with("suspend the stream and resume it."),
        "{message}"
    );
}

#[test]
fn a_failure_that_nobody_explained_is_told_with_what_the_job_says() {
    let mut job = streaming();
    job.state = JobState::Finished(Outcome::Failed(Failure {
        reason: "DeadlineExceeded".into(),
        message: "Job was active longer than specified deadline.".into(),
        ..Failure::default()
    }));
    let plan = given(Phase::Running).job(job.clone()).plan();
    assert_eq!(
        plan.events[0].message,
        "The stream's Job failed: DeadlineExceeded: Job was active longer than specified deadline."
    );
    job.state = JobState::Finished(Outcome::Failed(Failure::default()));
    let plan = given(Phase::Running).job(job).plan();
    assert_eq!(plan.events[0].message, "The stream's Job failed.");
}

#[test]
fn a_stream_that_is_suspended_while_its_job_fails_tells_both() {
    expect(
        &given(Phase::Running)
            .suspended()
            .job(failed(streaming()))
            .plan(),
        &["phase Failed", "delete job", "phase Suspended"],
        &["Warning StreamingJobFailed", "Normal StreamSuspended"],
    );
    expect(
        &given(Phase::Suspended)
            .suspended()
            .job(failed(streaming()))
            .plan(),
        &["delete job", "phase Suspended"],
        &[],
    );
}

#[test]
fn the_status_of_a_failed_stream_keeps_its_reason() {
    let plan = given(Phase::Failed)
        .request_in("r", Some(RequestPhase::Failed))
        .plan();
    assert_eq!(status(&plan), None);
}

#[test]
fn a_streaming_job_in_the_place_of_a_backfill_is_replaced() {
    let given = given(Phase::Backfilling)
        .job(streaming())
        .request_in("r", Some(RequestPhase::Ready));
    assert!(matches!(given.goal(), Goal::Backfill(_)));
    expect(
        &given.plan(),
        &["check job", "delete job and wait", "phase Backfilling"],
        &[],
    );
}

#[test]
fn a_finished_job_is_replaced_at_once_even_while_it_is_going() {
    for job in [succeeded(streaming()), disrupted(job(Run::Backfill(None)))] {
        expect(
            &given(Phase::Running).job(terminating(job)).plan(),
            &[
                "delete job",
                "check definition",
                "create job",
                "phase Running",
            ],
            &[],
        );
    }
}
