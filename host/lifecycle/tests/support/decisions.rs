//! A plugin's word in a few words.

use std::time::Duration;

use arcane_lifecycle::{
    Answer, BackfillRun, Decisions, Goal, JobRecord, Plan, Problem, RequestOrigin, RunDecision,
    SpecDecision, Step, TickDecision, Trigger, Unanswered,
};

/// How long things have to wait.
pub const MINUTE: Duration = Duration::from_secs(60);

/// The reason of everything.
pub fn because() -> String {
    "the source is down".into()
}

/// The same again after this time.
pub fn restart(wait: Duration) -> RunDecision {
    RunDecision::Restart {
        wait,
        reason: because(),
    }
}

/// The same, decided before.
pub fn restart_on_record(wait: Duration) -> JobRecord {
    JobRecord::Restart {
        wait,
        reason: because(),
    }
}

/// A Job that was to go on in spite of a new spec.
pub fn kept(generation: i64, wait: Option<Duration>) -> JobRecord {
    JobRecord::Kept {
        generation,
        wait,
        reason: because(),
    }
}

/// The answer to the failure of the Job.
pub fn failure(decision: RunDecision) -> Decisions {
    Decisions {
        failure: Some(decision),
        ..Decisions::default()
    }
}

/// The answer to the success of the streaming Job.
pub fn completion(decision: RunDecision) -> Decisions {
    Decisions {
        completion: Some(decision),
        ..Decisions::default()
    }
}

/// The answer to a change of the spec.
pub fn spec(decision: SpecDecision) -> Decisions {
    Decisions {
        spec_change: Some(decision),
        ..Decisions::default()
    }
}

/// What the plugin wants at its own time.
pub fn tick(decision: TickDecision) -> Decisions {
    Decisions {
        tick: Some(decision),
        ..Decisions::default()
    }
}

/// No answer.
pub fn unanswered() -> Decisions {
    Decisions {
        unanswered: Some(Unanswered {
            problem: Problem {
                reason: "PluginFailed",
                message: "it traps".into(),
            },
            retry: MINUTE,
        }),
        ..Decisions::default()
    }
}

/// A backfill for a request that a plugin has made.
pub fn decided(request: &str, trigger: Trigger) -> Goal {
    Goal::Backfill(BackfillRun {
        request: request.into(),
        origin: RequestOrigin::Decided(trigger),
    })
}

/// The step that makes such a request.
pub fn created(name: &str, trigger: Trigger) -> Step {
    Step::CreateRequest {
        name: name.into(),
        decision: Some(trigger),
    }
}

/// Checks that a plan acts on this decision alone.
#[track_caller]
pub fn expect_record(plan: &Plan, trigger: Trigger, answer: Answer) {
    let [record] = &plan.decided[..] else {
        panic!("{plan:#?}");
    };
    assert_eq!((record.trigger, record.answer), (trigger, answer));
    assert_eq!(record.reason, because());
}
