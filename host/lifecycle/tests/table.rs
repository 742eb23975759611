//! The contract's table of phases, one row a test.

mod support;

use arcane_lifecycle::{Phase, RequestPhase};
use support::*;

const INITIAL: &str = "orders-initial-backfill-1351bcab67";

#[test]
fn backfilling_with_a_failed_job_fails_and_the_request_stays_open() {
    expect(
        &given(Phase::Backfilling)
            .job(failed(backfill("r")))
            .request("r")
            .plan(),
        &["request r Failed", "phase Failed", "delete job"],
        &["Warning StreamingJobFailed"],
    );
}

#[test]
fn any_phase_with_a_failed_job_becomes_failed() {
    for phase in [
        Phase::New,
        Phase::Pending,
        Phase::Running,
        Phase::Scheduled,
        Phase::Suspended,
    ] {
        expect(
            &given(phase).job(failed(streaming())).plan(),
            &["phase Failed", "delete job"],
            &["Warning StreamingJobFailed"],
        );
    }
}

#[test]
fn failed_and_suspended_becomes_suspended_and_a_request_stays_open() {
    expect(
        &given(Phase::Failed)
            .suspended()
            .job(failed(backfill("r")))
            .request_in("r", Some(RequestPhase::Failed))
            .plan(),
        &["delete job", "phase Suspended"],
        &["Normal StreamSuspended"],
    );
}

#[test]
fn failed_and_not_suspended_has_no_job() {
    expect(&given(Phase::Failed).plan(), &[], &[]);
    expect(
        &given(Phase::Failed).job(streaming()).plan(),
        &["delete job and wait"],
        &[],
    );
    expect(
        &given(Phase::Failed).job(failed(streaming())).plan(),
        &["delete job"],
        &[],
    );
}

#[test]
fn new_without_a_backend_stays_new() {
    let plan = given(Phase::New).no_backend().plan();
    expect(&plan, &["phase New"], &["Warning NoValidBackend"]);
    assert_eq!(plan.problem.unwrap().reason, "NoValidBackend");
}

#[test]
fn new_and_suspended_becomes_suspended_without_a_job() {
    expect(
        &given(Phase::New).suspended().plan(),
        &["phase Suspended"],
        &["Normal StreamSuspended"],
    );
}

#[test]
fn a_new_change_capture_stream_begins_with_a_backfill() {
    let create = format!("create request {INITIAL}");
    expect(
        &given(Phase::New).plan(),
        &[&create, "create job", "phase Backfilling"],
        &["Normal StreamCreated"],
    );
}

#[test]
fn a_new_batch_stream_is_scheduled_without_a_backfill() {
    expect(
        &given(Phase::New).batch().plan(),
        &["create cron job", "phase Scheduled"],
        &[],
    );
}

#[test]
fn pending_change_capture_without_a_request_streams() {
    expect(
        &given(Phase::Pending).plan(),
        &["check definition", "create job", "phase Running"],
        &[],
    );
}

#[test]
fn pending_batch_without_a_request_is_scheduled() {
    expect(
        &given(Phase::Pending).batch().plan(),
        &["check definition", "create cron job", "phase Scheduled"],
        &[],
    );
}

#[test]
fn pending_with_a_request_backfills() {
    for backend in [given(Phase::Pending), given(Phase::Pending).batch()] {
        expect(
            &backend.request("r").plan(),
            &[
                "check definition",
                "create job",
                "request r Ready",
                "phase Backfilling",
            ],
            &[],
        );
    }
}

#[test]
fn running_and_suspended_deletes_the_job() {
    expect(
        &given(Phase::Running).suspended().job(streaming()).plan(),
        &["delete job and wait", "phase Suspended"],
        &["Normal StreamSuspended"],
    );
}

#[test]
fn running_with_a_request_deletes_the_job_first() {
    expect(
        &given(Phase::Running).job(streaming()).request("r").plan(),
        &["check job", "delete job and wait", "phase Pending"],
        &["Normal BackfillRequested"],
    );
}

#[test]
fn running_with_a_changed_spec_replaces_the_job() {
    expect(
        &given(Phase::Running).job(outdated(streaming())).plan(),
        &["check job", "delete job and wait", "phase Running"],
        &[],
    );
    expect(
        &given(Phase::Running).plan(),
        &["check definition", "create job", "phase Running"],
        &[],
    );
}

#[test]
fn running_without_a_job_makes_it_again() {
    expect(
        &given(Phase::Running).plan(),
        &["check definition", "create job", "phase Running"],
        &[],
    );
    for job in [succeeded(streaming()), disrupted(streaming())] {
        expect(
            &given(Phase::Running).job(job).plan(),
            &["delete job", "create job", "phase Running"],
            &[],
        );
    }
}

#[test]
fn running_that_becomes_batch_deletes_the_job_first() {
    expect(
        &given(Phase::Running).batch().job(streaming()).plan(),
        &["delete job and wait", "phase Pending"],
        &["Normal StreamScheduled"],
    );
}

#[test]
fn scheduled_that_becomes_change_capture_deletes_the_cron_job_first() {
    expect(
        &given(Phase::Scheduled).cron_job(cron_job()).plan(),
        &["check job", "delete cron job and wait", "phase Pending"],
        &["Normal StreamStarted"],
    );
}

#[test]
fn suspended_stays_without_a_job_and_a_request_stays_open() {
    expect(
        &given(Phase::Suspended)
            .suspended()
            .job(streaming())
            .request("r")
            .plan(),
        &[
            "delete job and wait",
            "request r Pending",
            "phase Suspended",
        ],
        &[],
    );
}

#[test]
fn suspended_no_longer_streams_again() {
    expect(
        &given(Phase::Suspended).plan(),
        &["create job", "phase Running"],
        &["Normal StreamResumed"],
    );
    expect(
        &given(Phase::Suspended).batch().plan(),
        &["create cron job", "phase Scheduled"],
        &["Normal StreamResumed"],
    );
}

#[test]
fn suspended_no_longer_with_a_request_backfills() {
    expect(
        &given(Phase::Suspended).request("r").plan(),
        &["create job", "request r Ready", "phase Backfilling"],
        &["Normal BackfillRequested"],
    );
}

#[test]
fn backfilling_and_suspended_deletes_the_job_and_the_request_stays_open() {
    expect(
        &given(Phase::Backfilling)
            .suspended()
            .job(backfill(INITIAL))
            .request(INITIAL)
            .plan(),
        &[
            "delete job and wait",
            &format!("request {INITIAL} Pending"),
            "phase Suspended",
        ],
        &["Normal StreamSuspended"],
    );
}

#[test]
fn backfilling_for_a_request_that_is_gone_deletes_the_job() {
    expect(
        &given(Phase::Backfilling).job(backfill("r")).plan(),
        &[
            "check job",
            "request r Stopped",
            "delete job and wait",
            "phase Pending",
        ],
        &["Normal BackfillNotRequested"],
    );
}

#[test]
fn backfilling_without_a_job_makes_it_again() {
    let given = given(Phase::Backfilling).request_in("r", Some(RequestPhase::Ready));
    expect(
        &given.plan(),
        &["check definition", "create job", "phase Backfilling"],
        &["Normal BackfillStarted"],
    );
    expect(
        &given.job(disrupted(backfill("r"))).plan(),
        &["delete job", "create job", "phase Backfilling"],
        &["Normal BackfillStarted"],
    );
}

#[test]
fn backfilling_with_a_complete_job_completes_the_request_and_streams() {
    expect(
        &given(Phase::Backfilling)
            .job(succeeded(backfill("r")))
            .request("r")
            .plan(),
        &[
            "request r Ready complete",
            "complete request r",
            "delete job",
            "create job",
            "phase Running",
        ],
        &["Normal BackfillCompleted"],
    );
}

#[test]
fn backfilling_with_a_changed_spec_starts_over() {
    let given = given(Phase::Backfilling).request_in("r", Some(RequestPhase::Ready));
    expect(
        &given.clone().job(outdated(backfill("r"))).plan(),
        &["check job", "delete job and wait", "phase Backfilling"],
        &[],
    );
    expect(
        &given.plan(),
        &["check definition", "create job", "phase Backfilling"],
        &["Normal BackfillStarted"],
    );
}

#[test]
fn scheduled_and_suspended_deletes_the_cron_job() {
    expect(
        &given(Phase::Scheduled)
            .batch()
            .suspended()
            .cron_job(cron_job())
            .plan(),
        &["delete cron job and wait", "phase Suspended"],
        &["Normal StreamSuspended"],
    );
}

#[test]
fn scheduled_with_a_request_deletes_the_cron_job_first() {
    expect(
        &given(Phase::Scheduled)
            .batch()
            .cron_job(cron_job())
            .request("r")
            .plan(),
        &["check job", "delete cron job and wait", "phase Pending"],
        &["Normal BackfillRequested"],
    );
}

#[test]
fn scheduled_with_a_changed_spec_updates_the_cron_job_in_place() {
    let mut outdated = cron_job();
    outdated.configuration_hash = Some(OLD_HASH.into());
    expect(
        &given(Phase::Scheduled).batch().cron_job(outdated).plan(),
        &["update cron job", "phase Scheduled"],
        &[],
    );
}
