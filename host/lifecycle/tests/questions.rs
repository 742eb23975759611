//! What a plugin is asked, and what happens when it does not answer.

mod support;

use std::time::Duration;

use arcane_lifecycle::{
    Goal, Phase, Question, RequestPhase, RequestRecord, Run, Trigger, attempt, question,
};
use support::{decisions::*, *};

#[test]
fn without_an_answer_what_runs_goes_on_and_nothing_starts() {
    let decisions = unanswered();
    for (given, phase) in [
        (given(Phase::Running).job(outdated(streaming())), "Running"),
        (given(Phase::Running).job(failed(streaming())), "Pending"),
        (given(Phase::Running).job(succeeded(streaming())), "Pending"),
        (
            given(Phase::Running)
                .job(streaming())
                .request_in("r", Some(RequestPhase::Pending)),
            "Running",
        ),
        (given(Phase::Pending), "Pending"),
    ] {
        let plan = given.decide(decisions.clone()).plan();
        expect(
            &plan,
            &[&format!("phase {phase}")],
            &["Warning PluginFailed"],
        );
        assert_eq!(plan.revisit, Some(MINUTE));
    }
    let succeeded = given(Phase::Backfilling)
        .job(succeeded(backfill("r")))
        .request_in("r", Some(RequestPhase::Ready));
    expect(
        &succeeded.decide(decisions).plan(),
        &[
            "request r Ready complete",
            "complete request r",
            "delete job",
            "phase Pending",
        ],
        &["Normal BackfillCompleted", "Warning PluginFailed"],
    );
}

#[test]
fn questions_come_one_after_the_other() {
    let given = given(Phase::Running)
        .job(failed(streaming()))
        .request("r")
        .request("s");
    assert_eq!(question(&given.0), Some(Question::JobFailed));
    let restarts = given.decide(failure(restart(Duration::ZERO)));
    let about = |trigger, request: &str| {
        Some(Question::Backfill {
            trigger,
            request: request.into(),
        })
    };
    assert_eq!(
        question(&restarts.0),
        about(Trigger::BackfillRequested, "r")
    );
    let completed = support::given(Phase::Running).job(succeeded(streaming()));
    assert_eq!(question(&completed.0), Some(Question::JobCompleted));
    assert_eq!(
        question(&completed.request("r").0),
        about(Trigger::BackfillRequested, "r")
    );
    let new = support::given(Phase::New);
    let Some(Question::Backfill { trigger, request }) = question(&new.0) else {
        panic!("{new:#?}");
    };
    assert_eq!(trigger, Trigger::StreamCreated);
    // One that waits is still the first backfill of the stream.
    let postponed = support::given(Phase::Running)
        .job(streaming())
        .request(&request);
    assert_eq!(
        question(&postponed.0),
        about(Trigger::StreamCreated, &request)
    );
    let mismatched = support::given(Phase::Running).job(mismatched(succeeded(streaming())));
    assert!(matches!(
        question(&mismatched.0),
        Some(Question::Backfill {
            trigger: Trigger::SchemaChanged,
            ..
        })
    ));
}

#[test]
fn nothing_is_asked_of_what_runs_or_does_not_matter() {
    for given in [
        given(Phase::Running).job(streaming()),
        given(Phase::Backfilling).job(backfill("r")).request("r"),
        given(Phase::Running).job(disrupted(streaming())),
        given(Phase::Running).job(foreign(failed(streaming()))),
        given(Phase::Running).suspended().job(failed(streaming())),
        given(Phase::Failed).job(failed(streaming())),
        given(Phase::Scheduled).batch().cron_job(cron_job()),
        given(Phase::Pending).batch().job(succeeded(streaming())),
        given(Phase::Running).no_backend().request("r"),
        given(Phase::Pending)
            .request("r")
            .on_request(RequestRecord::Run),
    ] {
        assert_eq!(question(&given.0), None, "{given:#?}");
    }
}

#[test]
fn a_job_keeps_its_attempt_while_it_runs_and_hands_it_on_when_it_is_cut_off() {
    let job = |run| {
        let mut job = job(run);
        job.attempt = 2;
        job
    };
    let streaming = || job(Run::Streaming);
    for (job, goal, expected) in [
        (streaming(), Goal::Stream, 2),
        (disrupted(streaming()), Goal::Stream, 2),
        (terminating(streaming()), Goal::Stream, 0),
        (succeeded(streaming()), Goal::Stream, 0),
        (failed(streaming()), Goal::Stream, 0),
        (job(Run::Backfill(Some("r".into()))), Goal::Stream, 0),
    ] {
        let given = given(Phase::Running).job(job);
        assert_eq!(attempt(&given.0, &goal), expected, "{given:#?}");
    }
}
