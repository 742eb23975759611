//! What a plugin makes of a backfill that is next.

mod support;

use std::time::Duration;

use arcane_lifecycle::{
    Answer, BackfillDecision, BackfillRun, Goal, Phase, RequestOrigin, RequestPhase, RequestRecord,
    Step, Trigger,
};
use support::{
    decisions::{because, created, expect_record},
    *,
};

const INITIAL: &str = "orders-initial-backfill-1351bcab67";

fn existing(request: &str) -> Goal {
    Goal::Backfill(BackfillRun {
        request: request.into(),
        origin: RequestOrigin::Existing,
    })
}

fn run() -> BackfillDecision {
    BackfillDecision::Run { reason: because() }
}

fn skip() -> BackfillDecision {
    BackfillDecision::Skip {
        reason: "the data is there already".into(),
    }
}

fn postpone() -> BackfillDecision {
    BackfillDecision::Postpone {
        delay: Duration::from_secs(600),
        reason: "outside of the window".into(),
    }
}

fn postponed() -> RequestRecord {
    RequestRecord::Postponed {
        wait: Duration::from_secs(60),
        reason: "outside of the window".into(),
    }
}

fn fail() -> BackfillDecision {
    BackfillDecision::Fail {
        reason: "no rights on the source.".into(),
    }
}

#[test]
fn a_backfill_that_is_to_run_is_on_record_before_anything_is_given_up_for_it() {
    let plan = given(Phase::Running)
        .job(streaming())
        .request("r")
        .decision(run())
        .plan();
    expect(
        &plan,
        &[
            "check job",
            "record on request r",
            "delete job and wait",
            "phase Pending",
        ],
        &["Normal BackfillRequested", "Normal BackfillDecided"],
    );
    expect_record(&plan, Trigger::BackfillRequested, Answer::Backfill);
    expect(
        &given(Phase::Pending).request("r").decision(run()).plan(),
        &[
            "record on request r",
            "check definition",
            "create job",
            "request r Ready",
            "phase Backfilling",
        ],
        &["Normal BackfillDecided"],
    );
}

#[test]
fn a_backfill_that_is_on_record_runs_and_nothing_more_is_told() {
    let plan = given(Phase::Pending)
        .request_in("r", Some(RequestPhase::Ready))
        .on_request(RequestRecord::Run)
        .decision(skip())
        .plan();
    expect(
        &plan,
        &["check definition", "create job", "phase Backfilling"],
        &[],
    );
    assert!(plan.decided.is_empty());
}

#[test]
fn a_request_that_is_to_be_made_is_made_with_its_decision() {
    for decision in [run(), postpone()] {
        let plan = given(Phase::New).decision(decision).plan();
        assert_eq!(plan.steps[0], created(INITIAL, Trigger::StreamCreated));
        let is_record = |step: &Step| matches!(step, Step::RecordRequestDecision { .. });
        assert!(!plan.steps.iter().any(is_record), "{plan:#?}");
    }
    let plan = given(Phase::New).decision(run()).plan();
    expect(
        &plan,
        &[
            &format!("create request {INITIAL}"),
            "create job",
            "phase Backfilling",
        ],
        &["Normal StreamCreated", "Normal BackfillDecided"],
    );
    expect_record(&plan, Trigger::StreamCreated, Answer::Backfill);
}

#[test]
fn a_way_to_run_that_cannot_be_is_not_put_on_record() {
    let plan = given(Phase::Pending)
        .request_in("r", Some(RequestPhase::Pending))
        .decision(run())
        .plan_without_template();
    expect(&plan, &["phase Pending"], &["Warning TemplateNotFound"]);
    let plan = given(Phase::New).decision(run()).plan_without_template();
    let undecided = Step::CreateRequest {
        name: INITIAL.into(),
        decision: None,
    };
    assert_eq!(plan.steps[0], undecided);
    assert!(plan.decided.is_empty());
}

#[test]
fn a_skipped_request_is_stopped_and_the_stream_goes_on() {
    let plan = given(Phase::Running)
        .job(streaming())
        .request("r")
        .decision(skip())
        .plan();
    expect(
        &plan,
        &["request r Stopped", "phase Running"],
        &["Normal BackfillSkipped"],
    );
    assert_eq!(
        plan.events[0].message,
        "the data is there already (request r)"
    );
}

#[test]
fn a_skipped_initial_backfill_leaves_a_record() {
    expect(
        &given(Phase::New).decision(skip()).plan(),
        &[
            &format!("create request {INITIAL}"),
            &format!("request {INITIAL} Stopped"),
            "create job",
            "phase Running",
        ],
        &["Normal BackfillSkipped", "Normal StreamCreated"],
    );
}

#[test]
fn nobody_has_decided_on_the_request_behind_a_skipped_one() {
    let given = given(Phase::Pending)
        .request("a")
        .request("b")
        .decision(skip());
    assert_eq!(given.goal(), existing("b"));
    expect(
        &given.plan(),
        &["request a Stopped"],
        &["Normal BackfillSkipped"],
    );
}

#[test]
fn a_postponed_request_waits_and_is_asked_about_again() {
    let given = given(Phase::Running).job(streaming()).decision(postpone());
    let plan = given.clone().request("r").plan();
    expect(
        &plan,
        &["request r Pending", "record on request r", "phase Running"],
        &["Normal BackfillPostponed"],
    );
    assert_eq!(plan.revisit, Some(Duration::from_secs(600)));
    let again = given
        .undecided()
        .request_in("r", Some(RequestPhase::Pending))
        .on_request(postponed())
        .plan();
    expect(&again, &["phase Running"], &[]);
    assert_eq!(again.revisit, Some(Duration::from_secs(60)));
}

#[test]
fn a_postponed_initial_backfill_is_not_forgotten() {
    expect(
        &given(Phase::New).decision(postpone()).plan(),
        &[
            &format!("create request {INITIAL}"),
            &format!("request {INITIAL} Pending"),
            "create job",
            "phase Running",
        ],
        &["Normal BackfillPostponed", "Normal StreamCreated"],
    );
}

#[test]
fn a_postponed_request_holds_up_no_other() {
    let asked = given(Phase::Running)
        .job(streaming())
        .request("a")
        .request("b")
        .decision(postpone());
    assert_eq!(asked.goal(), existing("b"));
    expect(
        &asked.plan(),
        &["request a Pending", "record on request a"],
        &["Normal BackfillPostponed"],
    );
    let on_record = given(Phase::Running)
        .job(streaming())
        .request_in("a", Some(RequestPhase::Pending))
        .on_request(postponed())
        .request("b");
    assert_eq!(on_record.goal(), existing("b"));
    assert_eq!(on_record.plan().revisit, Some(Duration::from_secs(60)));
}

#[test]
fn a_refused_backfill_fails_the_stream_with_the_plugins_reason() {
    let plan = given(Phase::Running)
        .job(streaming())
        .request("r")
        .decision(fail())
        .plan();
    expect(
        &plan,
        &["request r Failed", "phase Failed", "delete job and wait"],
        &["Warning BackfillRefused"],
    );
    let message = &status(&plan).unwrap().conditions[0].message;
    assert!(message.contains("no rights on the source."), "{message}");
}

#[test]
fn a_decision_comes_too_late_for_a_backfill_that_is_under_way() {
    for decision in [skip(), postpone(), fail(), BackfillDecision::Default] {
        expect(
            &given(Phase::Backfilling)
                .job(backfill("r"))
                .request_in("r", Some(RequestPhase::Ready))
                .decision(decision)
                .plan(),
            &["phase Backfilling"],
            &[],
        );
    }
}

#[test]
fn no_decision_keeps_a_stream_from_being_suspended() {
    for decision in [skip(), postpone(), fail(), BackfillDecision::Default] {
        expect(
            &given(Phase::Running)
                .suspended()
                .job(streaming())
                .request("r")
                .decision(decision)
                .plan(),
            &[
                "delete job and wait",
                "request r Pending",
                "phase Suspended",
            ],
            &["Normal StreamSuspended"],
        );
    }
}

#[test]
fn a_finished_backfill_is_recorded_whatever_a_plugin_says_of_the_next() {
    let plan = given(Phase::Backfilling)
        .job(succeeded(backfill("a")))
        .request_in("a", Some(RequestPhase::Ready))
        .request("b")
        .decision(fail())
        .plan();
    expect(
        &plan,
        &[
            "request a Ready complete",
            "complete request a",
            "delete job",
            "request b Failed",
            "phase Failed",
        ],
        &["Normal BackfillCompleted", "Warning BackfillRefused"],
    );
}
