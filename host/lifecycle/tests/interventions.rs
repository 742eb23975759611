//! What a plugin makes of a Job that runs, when the spec has changed or its own time has come.

mod support;

use arcane_lifecycle::{
    Answer, Phase, Rendering, RequestPhase, SpecDecision, TickDecision, Trigger, goal, question,
    spec_change,
};
use support::{decisions::*, *};

const SPEC: &str = "orders-spec-backfill-3e124f38cf";
const TICK: &str = "orders-tick-backfill-6d2e7654ff";

/// Whether the plugin is to be asked about a change of the spec.
fn changes_spec(given: &Given) -> bool {
    let goal = goal(&given.0);
    spec_change(&given.0, &goal, &Rendering::Ready(fingerprint()))
}

#[test]
fn a_job_whose_spec_change_is_skipped_goes_on_with_its_hash() {
    let plan = given(Phase::Running)
        .job(outdated(streaming()))
        .decide(spec(SpecDecision::Skip { reason: because() }))
        .plan();
    expect(
        &plan,
        &["record on job", "phase Running"],
        &["Normal SpecChangeSkipped"],
    );
    expect_record(&plan, Trigger::SpecChanged, Answer::Skip);
    assert_eq!(conditions(&plan)[2], "UpToDate=False SpecChangeSkipped");
    let status = status(&plan).unwrap();
    assert_eq!(status.configuration_hash.as_deref(), Some(OLD_HASH));
    assert!(
        status.conditions[2].message.contains("the source is down"),
        "{status:#?}"
    );
    assert_eq!(plan.revisit, None);
}

#[test]
fn a_spec_change_that_is_kept_is_told_once_and_holds_for_that_spec_alone() {
    let given = |record| given(Phase::Running).job(outdated(on_record(streaming(), record)));
    let kept_now = given(kept(1, None));
    expect(&kept_now.plan(), &["phase Running"], &[]);
    assert!(!changes_spec(&kept_now));
    let kept_before = given(kept(0, None));
    assert!(changes_spec(&kept_before));
    expect(
        &kept_before.plan(),
        &["check job", "delete job and wait", "phase Running"],
        &[],
    );
}

#[test]
fn a_postponed_spec_change_is_looked_at_again() {
    let plan = given(Phase::Running)
        .job(outdated(streaming()))
        .decide(spec(SpecDecision::Postpone {
            delay: MINUTE,
            reason: because(),
        }))
        .plan();
    expect(
        &plan,
        &["record on job", "phase Running"],
        &["Normal SpecChangePostponed"],
    );
    expect_record(&plan, Trigger::SpecChanged, Answer::Postpone);
    assert_eq!(conditions(&plan)[2], "UpToDate=False SpecChangePostponed");
    assert_eq!(plan.revisit, Some(MINUTE));
    let on_record = on_record(streaming(), kept(1, Some(MINUTE)));
    let again = given(Phase::Running).job(outdated(on_record)).plan();
    expect(&again, &["phase Running"], &[]);
    assert_eq!(again.revisit, Some(MINUTE));
}

#[test]
fn a_kept_spec_keeps_no_user_from_restarting_the_job() {
    let job = outdated(on_record(streaming(), kept(1, None)));
    expect(
        &given(Phase::Running).restart("monday").job(job).plan(),
        &["check job", "delete job and wait", "phase Running"],
        &[],
    );
}

#[test]
fn a_spec_change_may_be_answered_with_a_backfill() {
    let given = given(Phase::Running)
        .job(outdated(streaming()))
        .decide(spec(SpecDecision::Backfill { reason: because() }));
    assert_eq!(given.goal(), decided(SPEC, Trigger::SpecChanged));
    expect(
        &given.plan(),
        &[
            &format!("create request {SPEC}"),
            "check job",
            "delete job and wait",
            "phase Pending",
        ],
        &["Normal BackfillDecided", "Normal BackfillRequested"],
    );
    let made = given.undecided().request(SPEC);
    assert_eq!(question(&made.0), None);
    assert!(!changes_spec(&made));
}

#[test]
fn a_backfill_for_a_new_spec_waits_for_the_one_under_way_which_starts_over() {
    let given = given(Phase::Backfilling)
        .job(outdated(backfill("r")))
        .request_in("r", Some(RequestPhase::Ready))
        .decide(spec(SpecDecision::Backfill { reason: because() }));
    expect(
        &given.plan(),
        &[
            &format!("create request {SPEC}"),
            "check job",
            "delete job and wait",
            "phase Backfilling",
        ],
        &["Normal BackfillDecided"],
    );
}

#[test]
fn a_spec_that_is_what_the_job_has_again_is_current() {
    for given in [
        given(Phase::Running).job(on_record(streaming(), kept(1, None))),
        given(Phase::Running)
            .job(streaming())
            .decide(spec(SpecDecision::Skip { reason: because() })),
    ] {
        let plan = given.plan();
        expect(&plan, &["phase Running"], &[]);
        assert_eq!(conditions(&plan)[2], "UpToDate=True TemplateCurrent");
    }
}

#[test]
fn a_spec_change_may_fail_the_stream() {
    let plan = given(Phase::Running)
        .job(outdated(streaming()))
        .decide(spec(SpecDecision::Fail { reason: because() }))
        .plan();
    expect(
        &plan,
        &["phase Failed", "delete job and wait"],
        &["Warning StreamFailed"],
    );
    expect_record(&plan, Trigger::SpecChanged, Answer::Fail);
}

#[test]
fn a_spec_change_is_one_of_a_job_that_runs_for_the_goal() {
    let outdated = || support::outdated(streaming());
    assert!(changes_spec(&given(Phase::Running).job(outdated())));
    for given in [
        given(Phase::Running),
        given(Phase::Running).job(streaming()),
        given(Phase::Running).job(terminating(outdated())),
        given(Phase::Running).job(succeeded(outdated())),
        given(Phase::Running).job(foreign(outdated())),
        given(Phase::Running).job(outdated()).request("r"),
        given(Phase::Running).job(outdated()).suspended(),
        given(Phase::Failed).job(outdated()),
    ] {
        assert!(!changes_spec(&given), "{given:#?}");
    }
}

#[test]
fn a_tick_may_replace_the_job_that_runs() {
    let restart = tick(TickDecision::Restart { reason: because() });
    let plan = given(Phase::Running)
        .job(streaming())
        .decide(restart.clone())
        .plan();
    expect(
        &plan,
        &["check job", "delete job and wait", "phase Running"],
        &["Normal RestartScheduled"],
    );
    expect_record(&plan, Trigger::Tick, Answer::Restart);
    expect(
        &given(Phase::Running)
            .job(terminating(streaming()))
            .decide(restart.clone())
            .plan(),
        &["phase Running"],
        &[],
    );
    expect(
        &given(Phase::Running).decide(restart).plan(),
        &["check definition", "create job", "phase Running"],
        &[],
    );
}

#[test]
fn a_tick_may_ask_for_a_backfill_once() {
    let backfill = tick(TickDecision::Backfill {
        key: "monday".into(),
        reason: because(),
    });
    let given = given(Phase::Running).job(streaming()).decide(backfill);
    assert_eq!(given.goal(), decided(TICK, Trigger::Tick));
    expect(
        &given.plan(),
        &[
            &format!("create request {TICK}"),
            "check job",
            "delete job and wait",
            "phase Pending",
        ],
        &["Normal BackfillDecided", "Normal BackfillRequested"],
    );
    let done = given.completed(TICK);
    expect(&done.plan(), &["phase Running"], &[]);
}

#[test]
fn a_tick_may_fail_the_stream() {
    let plan = given(Phase::Running)
        .job(streaming())
        .decide(tick(TickDecision::Fail { reason: because() }))
        .plan();
    expect(
        &plan,
        &["phase Failed", "delete job and wait"],
        &["Warning StreamFailed"],
    );
    expect_record(&plan, Trigger::Tick, Answer::Fail);
}

#[test]
fn a_tick_bears_on_no_backfill() {
    let plan = given(Phase::Backfilling)
        .job(backfill("r"))
        .request_in("r", Some(RequestPhase::Ready))
        .decide(tick(TickDecision::Restart { reason: because() }))
        .plan();
    expect(&plan, &["phase Backfilling"], &[]);
}
