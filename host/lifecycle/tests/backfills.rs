//! Requests: who makes them, which one runs, and what they are told.

mod support;

use arcane_lifecycle::{BackfillRun, Goal, Idle, Phase, RequestOrigin, RequestPhase, Run, Step};
use support::*;

const INITIAL: &str = "orders-initial-backfill-1351bcab67";
const SCHEMA: &str = "orders-schema-backfill-454683004b";

fn run(request: &str, origin: RequestOrigin) -> Goal {
    Goal::Backfill(BackfillRun {
        request: request.into(),
        origin,
    })
}

fn existing(request: &str) -> Goal {
    run(request, RequestOrigin::Existing)
}

#[test]
fn the_initial_request_is_made_once_whatever_became_of_it() {
    assert_eq!(
        given(Phase::New).goal(),
        run(INITIAL, RequestOrigin::Initial)
    );
    assert_eq!(given(Phase::New).request(INITIAL).goal(), existing(INITIAL));
    assert_eq!(given(Phase::New).completed(INITIAL).goal(), Goal::Stream);
    assert_eq!(
        given(Phase::New).job(backfill(INITIAL)).goal(),
        Goal::Stream
    );
}

#[test]
fn an_initial_backfill_that_ended_unnoticed_is_not_run_again() {
    let given = given(Phase::New).job(succeeded(backfill(INITIAL)));
    expect(
        &given.clone().request(INITIAL).plan(),
        &[
            &format!("request {INITIAL} Ready complete"),
            &format!("complete request {INITIAL}"),
            "delete job",
            "create job",
            "phase Running",
        ],
        &["Normal BackfillCompleted", "Normal StreamCreated"],
    );
    assert_eq!(given.goal(), Goal::Stream);
}

#[test]
fn only_a_new_stream_that_runs_has_an_initial_backfill() {
    assert_eq!(given(Phase::Suspended).goal(), Goal::Stream);
    assert_eq!(given(Phase::New).batch().goal(), Goal::Schedule);
    assert_eq!(
        given(Phase::New).suspended().goal(),
        Goal::Nothing(Idle::Suspended)
    );
    assert_eq!(
        given(Phase::New).job(failed(streaming())).goal(),
        Goal::Nothing(Idle::Failed)
    );
}

#[test]
fn a_request_that_is_older_than_the_initial_one_comes_first() {
    expect(
        &given(Phase::New).request("r").plan(),
        &[
            &format!("create request {INITIAL}"),
            "create job",
            "request r Ready",
            "phase Backfilling",
        ],
        &["Normal StreamCreated"],
    );
}

#[test]
fn requests_run_oldest_first_and_the_others_are_told_to_wait_once() {
    let given = given(Phase::Pending).request("a").request("b");
    assert_eq!(given.goal(), existing("a"));
    expect(
        &given.plan(),
        &[
            "check definition",
            "create job",
            "request a Ready",
            "request b Pending",
            "phase Backfilling",
        ],
        &[],
    );
    let told = support::given(Phase::Backfilling)
        .job(backfill("a"))
        .request_in("a", Some(RequestPhase::Ready))
        .request_in("b", Some(RequestPhase::Pending));
    expect(&told.plan(), &["phase Backfilling"], &[]);
}

#[test]
fn the_others_are_told_to_wait_while_the_oldest_waits_for_the_old_job_to_go() {
    expect(
        &given(Phase::Running)
            .job(streaming())
            .request("a")
            .request("b")
            .plan(),
        &[
            "check job",
            "delete job and wait",
            "request b Pending",
            "phase Pending",
        ],
        &["Normal BackfillRequested"],
    );
}

#[test]
fn a_backfill_that_is_under_way_is_not_given_up_for_another() {
    let given = given(Phase::Backfilling)
        .job(backfill("b"))
        .request("a")
        .request("b");
    assert_eq!(given.goal(), existing("b"));
}

#[test]
fn the_next_request_runs_as_soon_as_one_is_complete() {
    expect(
        &given(Phase::Backfilling)
            .job(succeeded(backfill("a")))
            .request_in("a", Some(RequestPhase::Ready))
            .request_in("b", Some(RequestPhase::Pending))
            .plan(),
        &[
            "request a Ready complete",
            "complete request a",
            "delete job",
            "create job",
            "request b Ready",
            "phase Backfilling",
        ],
        &["Normal BackfillCompleted"],
    );
}

#[test]
fn the_next_request_runs_when_the_one_under_way_is_deleted() {
    expect(
        &given(Phase::Backfilling)
            .job(backfill("a"))
            .request("b")
            .plan(),
        &[
            "check job",
            "request a Stopped",
            "delete job and wait",
            "phase Pending",
        ],
        &["Normal BackfillNotRequested"],
    );
}

#[test]
fn a_request_that_failed_is_tried_again_after_the_stream_is_resumed() {
    expect(
        &given(Phase::Suspended)
            .request_in("r", Some(RequestPhase::Failed))
            .plan(),
        &["create job", "request r Ready", "phase Backfilling"],
        &["Normal BackfillRequested"],
    );
}

#[test]
fn a_request_that_was_stopped_is_not_run() {
    let stopped = |phase| given(phase).request_in("r", Some(RequestPhase::Stopped));
    assert_eq!(stopped(Phase::Pending).goal(), Goal::Stream);
    for run in [Run::Backfill(None), Run::Backfill(Some("r".into()))] {
        assert_eq!(
            stopped(Phase::Backfilling).job(job(run)).goal(),
            Goal::Stream
        );
    }
}

#[test]
fn a_request_that_the_operator_made_is_told_that_it_runs_only_if_it_had_to_wait() {
    expect(
        &given(Phase::Pending).request(INITIAL).plan(),
        &["check definition", "create job", "phase Backfilling"],
        &[],
    );
    expect(
        &given(Phase::Pending)
            .request_in(SCHEMA, Some(RequestPhase::Pending))
            .plan(),
        &[
            "check definition",
            "create job",
            &format!("request {SCHEMA} Ready"),
            "phase Backfilling",
        ],
        &[],
    );
}

#[test]
fn the_condition_of_a_backfill_ends_with_the_requests_name() {
    let plan = given(Phase::Pending).request("r").plan();
    let condition = &status(&plan).unwrap().conditions[0];
    assert_eq!(
        (condition.kind, condition.reason),
        ("Ready", "StreamBackfilling")
    );
    assert!(condition.message.ends_with(" r"), "{}", condition.message);
}

#[test]
fn a_job_that_does_not_tell_its_request_serves_the_oldest() {
    let given = given(Phase::Backfilling)
        .job(job(Run::Backfill(None)))
        .request("a")
        .request("b");
    assert_eq!(given.goal(), existing("a"));
    expect(
        &given.plan(),
        &["request a Ready", "request b Pending", "phase Backfilling"],
        &[],
    );
}

#[test]
fn a_job_that_does_not_tell_its_request_is_gone_before_the_request_is_complete() {
    expect(
        &given(Phase::Backfilling)
            .job(succeeded(job(Run::Backfill(None))))
            .request_in("a", Some(RequestPhase::Ready))
            .plan(),
        &[
            "request a Ready complete",
            "delete job",
            "complete request a",
            "create job",
            "phase Running",
        ],
        &["Normal BackfillCompleted"],
    );
}

#[test]
fn a_success_for_a_request_that_is_closed_completes_nothing_more() {
    expect(
        &given(Phase::Backfilling)
            .job(succeeded(backfill("r")))
            .plan(),
        &[
            "delete job",
            "check definition",
            "create job",
            "phase Running",
        ],
        &["Normal BackfillCompleted"],
    );
}

#[test]
fn a_success_is_recorded_while_the_stream_is_suspended() {
    expect(
        &given(Phase::Backfilling)
            .suspended()
            .job(succeeded(backfill("r")))
            .request("r")
            .plan(),
        &[
            "request r Ready complete",
            "complete request r",
            "delete job",
            "phase Suspended",
        ],
        &["Normal BackfillCompleted", "Normal StreamSuspended"],
    );
}

#[test]
fn a_schema_change_makes_a_request_and_runs_it() {
    let given = given(Phase::Running).job(mismatched(succeeded(streaming())));
    assert_eq!(given.goal(), run(SCHEMA, RequestOrigin::Schema));
    expect(
        &given.plan(),
        &[
            &format!("create request {SCHEMA}"),
            "delete job",
            "create job",
            "phase Backfilling",
        ],
        &["Normal BackfillRequested"],
    );
}

#[test]
fn a_schema_change_makes_no_second_request_for_the_same_job() {
    let given = given(Phase::Running).job(mismatched(succeeded(streaming())));
    let open = given.clone().request(SCHEMA);
    assert_eq!(open.goal(), existing(SCHEMA));
    assert_eq!(deeds(&open.plan())[0], "delete job");
    assert_eq!(given.completed(SCHEMA).goal(), Goal::Stream);
}

#[test]
fn a_schema_change_is_kept_while_the_stream_is_suspended() {
    expect(
        &given(Phase::Running)
            .suspended()
            .job(mismatched(succeeded(streaming())))
            .plan(),
        &[
            &format!("create request {SCHEMA}"),
            "delete job",
            "phase Suspended",
        ],
        &["Normal StreamSuspended"],
    );
}

#[test]
fn a_job_that_still_runs_has_not_found_a_schema_change() {
    assert_eq!(
        given(Phase::Running).job(mismatched(streaming())).goal(),
        Goal::Stream
    );
}

#[test]
fn what_a_request_is_told_can_be_read_by_people() {
    let plan = given(Phase::Backfilling)
        .job(failed(backfill("r")))
        .request("r")
        .plan();
    let Some(Step::SetRequestStatus {
        reason, message, ..
    }) = plan.steps.first()
    else {
        panic!("{plan:#?}");
    };
    assert_eq!(*reason, "BackfillFailed");
    assert!(message.contains("offsets lost"), "{message}");
}
