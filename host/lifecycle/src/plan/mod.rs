//! From an observation and a goal to the steps that lead there.

mod cron_job;
mod decision;
mod draft;
mod idle;
mod job;
mod leftover;
mod loss;
mod outcome;
mod queue;
mod report;
mod status;
mod step;
mod transition;
mod wait;

use std::time::Duration;

pub use status::{Condition, Event, Severity, Status};
pub use step::{Propagation, RequestPhase, Step};

use crate::{DecisionRecord, Goal, Idle, Observed, Phase, judge::judge};
use draft::{Decided, Draft};

/// What the goal looks like once rendered.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendering {
    /// The goal needs no object.
    NotNeeded,
    /// The object can be made.
    Ready(Fingerprint),
    /// The object cannot be made; what runs goes on.
    Impossible(Problem),
}

/// Which inputs an object was, or would be, made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint {
    /// The configuration hash to write.
    pub configuration_hash: String,
    /// Other configuration hashes of the same inputs, as other operators write them. An object
    /// that carries one of them is current.
    pub equivalent_hashes: Vec<String>,
    /// Digest of the whole rendered object.
    pub render_hash: String,
}

impl Fingerprint {
    /// Whether an object with this configuration hash was made from the same inputs.
    pub(crate) fn is_hash(&self, hash: Option<&String>) -> bool {
        hash.is_some_and(|hash| {
            *hash == self.configuration_hash || self.equivalent_hashes.contains(hash)
        })
    }

    /// Whether an object with this render hash came from another template. One without was made by
    /// another operator, and nobody can tell.
    fn is_drifted(&self, render_hash: Option<&String>) -> bool {
        render_hash.is_some_and(|hash| *hash != self.render_hash)
    }
}

/// Something that the user must put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// PascalCase reason, for conditions and events.
    pub reason: &'static str,
    /// Names object, field, what was found and what to do.
    pub message: String,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// To be carried out in this order; the first that fails ends the attempt.
    pub steps: Vec<Step>,
    /// To be published once the steps are done.
    pub events: Vec<Event>,
    /// What keeps the stream from its goal until the user acts. Its event is among `events` in
    /// every plan; to tell it once is up to the caller, who remembers what was told.
    pub problem: Option<Problem>,
    /// Look again after this time even if nothing changes.
    pub revisit: Option<Duration>,
    /// Decisions that the steps act on for the first time, for `status.lastDecision`. Each has its
    /// event among `events`.
    pub decided: Vec<DecisionRecord>,
}

/// The steps from `observed` to `goal`.
///
/// `goal` is what [`crate::goal`] returned for the same observation, and `rendering` is what that
/// goal looks like. First goes what an earlier definition has left, then the outcome of a finished
/// Job is recorded, then the plugin's decisions, then the goal is pursued as far as the observation
/// allows: where something must be gone first, the plan ends, and the next observation goes on. The
/// status is written last.
pub fn plan(observed: &Observed, goal: &Goal, rendering: &Rendering) -> Plan {
    let judgement = judge(observed);
    let mut draft = Draft::new(observed, &judgement);
    leftover::delete(&mut draft);
    outcome::record(&mut draft, goal, rendering);
    if decision::record(&mut draft, goal) == decision::Next::AskAgain {
        return draft.into_plan();
    }
    match (goal, rendering) {
        (Goal::Nothing(Idle::NoBackend), _) => draft.block(report::no_backend(observed)),
        (Goal::Nothing(Idle::Suspended), _) => idle::suspend(&mut draft),
        (Goal::Nothing(Idle::Failed), _) => idle::fail(&mut draft),
        (Goal::Nothing(Idle::Waiting), _) => wait::pursue(&mut draft, goal),
        (_, Rendering::Impossible(problem)) => draft.block(problem.clone()),
        (_, Rendering::NotNeeded) => draft.block(report::no_template(observed, goal)),
        (Goal::Schedule, Rendering::Ready(fingerprint)) => {
            cron_job::pursue(&mut draft, fingerprint);
        }
        (Goal::Stream | Goal::Backfill(_), Rendering::Ready(fingerprint)) => {
            job::pursue(&mut draft, goal, fingerprint);
        }
    }
    draft.into_plan()
}

/// What to say when the definition itself cannot be understood: what runs goes on.
pub fn reject(phase: Phase, problem: &Problem) -> Plan {
    Plan {
        steps: vec![Step::SetStatus(Status {
            phase,
            configuration_hash: None,
            conditions: report::blocked(problem),
        })],
        events: vec![report::problem_event(problem)],
        problem: Some(problem.clone()),
        ..Plan::default()
    }
}
