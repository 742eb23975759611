//! What a plugin makes of the end of a Job.

mod support;

use std::time::Duration;

use arcane_lifecycle::{
    Answer, Goal, Idle, Phase, RequestPhase, RequestRecord, RunDecision, Step, Trigger, attempt,
    question,
};
use support::{decisions::*, *};

const RECOVERY: &str = "orders-recovery-backfill-454683004b";
const COMPLETION: &str = "orders-completion-backfill-454683004b";

#[test]
fn a_failed_job_whose_restart_is_not_due_stays_and_is_told_once() {
    let failed = given(Phase::Running).job(failed(streaming()));
    let plan = failed.clone().decide(failure(restart(MINUTE))).plan();
    expect(
        &plan,
        &["record on job", "phase Pending"],
        &["Normal RestartScheduled"],
    );
    expect_record(&plan, Trigger::JobFailed, Answer::Restart);
    assert_eq!(plan.revisit, Some(MINUTE));
    assert_eq!(
        conditions(&plan),
        [
            "Warning=True StreamPending",
            "Reconciled=False RestartPostponed"
        ]
    );
    assert_eq!(
        plan.events[0].message,
        "The stream's Job failed: BackoffLimitExceeded, exit code 3: offsets lost. It is started \
         again in 60 seconds: the source is down."
    );
    let message = &status(&plan).unwrap().conditions[1].message;
    assert!(message.contains("the source is down"), "{message}");

    let again = given(Phase::Pending)
        .job(support::failed(on_record(
            streaming(),
            restart_on_record(MINUTE),
        )))
        .plan();
    expect(&again, &["phase Pending"], &[]);
    assert_eq!(again.revisit, Some(MINUTE));
    assert!(again.decided.is_empty());
}

#[test]
fn a_failed_job_whose_restart_is_due_is_made_again_with_one_more_attempt() {
    let mut job = on_record(streaming(), restart_on_record(Duration::ZERO));
    job.attempt = 2;
    let given = given(Phase::Pending).job(failed(job));
    assert_eq!(given.goal(), Goal::Stream);
    assert_eq!(attempt(&given.0, &Goal::Stream), 3);
    expect(
        &given.plan(),
        &["delete job", "create job", "phase Running"],
        &[],
    );
}

#[test]
fn a_restart_at_once_needs_no_record() {
    let plan = given(Phase::Running)
        .job(failed(streaming()))
        .decide(failure(restart(Duration::ZERO)))
        .plan();
    expect(
        &plan,
        &["delete job", "create job", "phase Running"],
        &["Normal RestartScheduled"],
    );
    expect_record(&plan, Trigger::JobFailed, Answer::Restart);
}

#[test]
fn a_failed_backfill_that_restarts_keeps_its_request_open() {
    let given = given(Phase::Backfilling)
        .job(failed(backfill("r")))
        .request_in("r", Some(RequestPhase::Ready))
        .decide(failure(restart(MINUTE)));
    assert_eq!(given.goal(), Goal::Nothing(Idle::Waiting));
    expect(
        &given.plan(),
        &["request r Pending", "record on job", "phase Pending"],
        &["Normal RestartScheduled"],
    );
    let Some(Step::SetRequestStatus {
        reason, message, ..
    }) = given.plan().steps.first().cloned()
    else {
        panic!("{given:#?}");
    };
    assert_eq!((reason, message), ("BackfillRestarts", because()));
}

#[test]
fn a_failed_backfill_that_is_due_runs_again_before_older_requests_and_is_not_asked_about() {
    let job = on_record(backfill("b"), restart_on_record(Duration::ZERO));
    let given = given(Phase::Pending)
        .job(failed(job))
        .request_in("a", Some(RequestPhase::Pending))
        .request_in("b", Some(RequestPhase::Pending));
    assert_eq!(question(&given.0), None);
    assert_eq!(attempt(&given.0, &given.goal()), 1);
    expect(
        &given.plan(),
        &[
            "delete job",
            "create job",
            "request b Ready",
            "phase Backfilling",
        ],
        &[],
    );
}

#[test]
fn a_failed_job_stays_until_what_comes_next_can_be_made() {
    let due = on_record(streaming(), restart_on_record(Duration::ZERO));
    expect(
        &given(Phase::Pending)
            .job(failed(due))
            .plan_without_template(),
        &["phase Pending"],
        &["Warning TemplateNotFound"],
    );
    expect(
        &given(Phase::Running)
            .job(failed(streaming()))
            .decide(failure(restart(Duration::ZERO)))
            .plan_without_template(),
        &["record on job", "phase Pending"],
        &["Normal RestartScheduled", "Warning TemplateNotFound"],
    );
}

#[test]
fn a_job_that_is_being_deleted_holds_up_no_restart() {
    let job = on_record(streaming(), restart_on_record(MINUTE));
    expect(
        &given(Phase::Pending).job(failed(terminating(job))).plan(),
        &[
            "delete job",
            "check definition",
            "create job",
            "phase Running",
        ],
        &[],
    );
}

#[test]
fn a_backfill_in_place_of_a_failure_is_made_once() {
    let failed = given(Phase::Running).job(failed(streaming()));
    let decision = RunDecision::Backfill { reason: because() };
    let fresh = failed.clone().decide(failure(decision));
    assert_eq!(fresh.goal(), decided(RECOVERY, Trigger::JobFailed));
    let plan = fresh.plan();
    expect(
        &plan,
        &[
            &format!("create request {RECOVERY}"),
            "delete job",
            "create job",
            "phase Backfilling",
        ],
        &[
            "Warning StreamingJobFailed",
            "Normal BackfillDecided",
            "Normal BackfillRequested",
        ],
    );
    expect_record(&plan, Trigger::JobFailed, Answer::Backfill);
    assert_eq!(plan.steps[0], created(RECOVERY, Trigger::JobFailed));

    // As after a crash in between: that it was made is the decision.
    let made = failed.request(RECOVERY);
    assert_eq!(question(&made.0), None);
    expect(
        &made.plan(),
        &["delete job", "create job", "phase Backfilling"],
        &["Warning StreamingJobFailed", "Normal BackfillRequested"],
    );
}

#[test]
fn a_backfill_that_failed_is_not_followed_by_another() {
    let decision = RunDecision::Backfill { reason: because() };
    expect(
        &given(Phase::Backfilling)
            .job(failed(backfill("r")))
            .request("r")
            .decide(failure(decision))
            .plan(),
        &["request r Failed", "phase Failed", "delete job"],
        &["Warning StreamingJobFailed"],
    );
}

#[test]
fn a_failure_that_a_plugin_confirms_tells_its_reason_too() {
    let plan = given(Phase::Running)
        .job(failed(streaming()))
        .decide(failure(RunDecision::Fail { reason: because() }))
        .plan();
    expect(
        &plan,
        &["phase Failed", "delete job"],
        &["Warning StreamingJobFailed"],
    );
    expect_record(&plan, Trigger::JobFailed, Answer::Fail);
    for text in [
        &plan.events[0].message,
        &status(&plan).unwrap().conditions[0].message,
    ] {
        assert!(text.contains("offsets lost"), "{text}");
        assert!(text.contains("the source is down"), "{text}");
    }
}

#[test]
fn a_failed_backfill_is_decided_on_anew_unless_a_plugin_made_it_up() {
    let failed = |request: &str| {
        given(Phase::Backfilling)
            .job(failed(backfill(request)))
            .request_in(request, Some(RequestPhase::Ready))
            .on_request(RequestRecord::Run)
            .plan()
    };
    expect(
        &failed("r"),
        &[
            "request r Failed",
            "forget on request r",
            "phase Failed",
            "delete job",
        ],
        &["Warning StreamingJobFailed"],
    );
    expect(
        &failed(RECOVERY),
        &[
            &format!("request {RECOVERY} Failed"),
            "phase Failed",
            "delete job",
        ],
        &["Warning StreamingJobFailed"],
    );
}

#[test]
fn the_next_run_waits_after_a_completed_one() {
    let plan = given(Phase::Running)
        .job(succeeded(streaming()))
        .decide(completion(restart(MINUTE)))
        .plan();
    expect(
        &plan,
        &["record on job", "phase Pending"],
        &["Normal RestartScheduled"],
    );
    expect_record(&plan, Trigger::JobCompleted, Answer::Restart);
    assert_eq!(plan.revisit, Some(MINUTE));
    let due = on_record(streaming(), restart_on_record(Duration::ZERO));
    expect(
        &given(Phase::Pending).job(succeeded(due)).plan(),
        &["delete job", "create job", "phase Running"],
        &[],
    );
}

#[test]
fn a_request_does_not_wait_for_the_restart_after_a_completed_run() {
    let waits = on_record(streaming(), restart_on_record(MINUTE));
    expect(
        &given(Phase::Pending)
            .job(succeeded(waits))
            .request("r")
            .plan(),
        &[
            "delete job",
            "create job",
            "request r Ready",
            "phase Backfilling",
        ],
        &[],
    );
}

#[test]
fn a_completed_run_may_be_followed_by_a_backfill() {
    let decision = RunDecision::Backfill { reason: because() };
    let given = given(Phase::Running)
        .job(succeeded(streaming()))
        .decide(completion(decision));
    assert_eq!(given.goal(), decided(COMPLETION, Trigger::JobCompleted));
    expect(
        &given.plan(),
        &[
            &format!("create request {COMPLETION}"),
            "delete job",
            "create job",
            "phase Backfilling",
        ],
        &["Normal BackfillDecided", "Normal BackfillRequested"],
    );
    assert_eq!(
        given.plan().steps[0],
        created(COMPLETION, Trigger::JobCompleted)
    );
    assert_eq!(given.completed(COMPLETION).goal(), Goal::Stream);
}

#[test]
fn a_stream_may_fail_though_its_run_completed() {
    let plan = given(Phase::Running)
        .job(succeeded(streaming()))
        .decide(completion(RunDecision::Fail { reason: because() }))
        .plan();
    expect(
        &plan,
        &["phase Failed", "delete job"],
        &["Warning StreamFailed"],
    );
    expect_record(&plan, Trigger::JobCompleted, Answer::Fail);
}
