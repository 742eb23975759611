//! The state machine of a stream.
//!
//! [`goal`] tells what a stream should be doing, given what was [`Observed`]; the caller renders
//! that goal; [`plan`] tells the steps, the status and the events that lead there. Both are plain
//! functions: no clock, no I/O, no async. Stopping after any step of a plan and starting again
//! from a fresh observation ends in the same place.

mod goal;
mod observed;
mod plan;
mod requests;

pub use goal::{BackfillRun, Goal, Idle, RequestOrigin, goal};
pub use observed::{
    Backend, BackfillDecision, CronJobView, Drift, Failure, JobState, JobView, Observed, Outcome,
    Ownership, Phase, RequestView, Run, StreamView,
};
pub use plan::{
    Condition, Event, Fingerprint, Plan, Problem, Propagation, Rendering, RequestPhase, Severity,
    Status, Step, plan, reject,
};
