//! The state machine of a stream.
//!
//! [`goal`] tells what a stream should be doing, given what was [`Observed`]; the caller renders
//! that goal; [`plan`] tells the steps, the status and the events that lead there. Both are plain
//! functions: no clock, no I/O, no async. Stopping after any step of a plan and starting again
//! from a fresh observation ends in the same place.
//!
//! A plugin has its say by [`Decisions`], which are part of the observation: as long as there is a
//! [`question`], the caller puts it to the plugin and adds the answer; once the goal is rendered,
//! [`spec_change`] tells whether there is one more. What a plugin has said is put on record on the
//! object that it is about ([`JobRecord`], [`RequestRecord`]) by a step of the plan, and observed
//! from there on: nothing is asked or told twice. No decision bears on a stream that is suspended
//! or has failed, and a backfill that is under way is past deciding.
//!
//! ```
//! use arcane_lifecycle::{
//!     Backend, Decisions, Drift, Fingerprint, Goal, Observed, Phase, Rendering, Step, StreamView, goal, plan,
//! };
//!
//! let resumed = Observed {
//!     stream: StreamView {
//!         name: "orders".into(),
//!         uid: "5e0c5a1e-8f5c-4b43-a8a6-f6e1a0c5d6a7".into(),
//!         generation: 2,
//!         suspended: false,
//!         backend: Some(Backend::ChangeCapture),
//!         restart: None,
//!         phase: Phase::Suspended,
//!         configuration_hash: None,
//!     },
//!     job: None,
//!     cron_job: None,
//!     requests: vec![],
//!     completed_requests: vec![],
//!     decisions: Decisions::default(),
//!     drift: Drift::Report,
//! };
//! let goal = goal(&resumed);
//! assert_eq!(goal, Goal::Stream);
//!
//! let rendered = Rendering::Ready(Fingerprint {
//!     configuration_hash: "8f14e45fceea167a5a36dedd4bea2543".into(),
//!     equivalent_hashes: vec![],
//!     render_hash: "c9f0f895fb98ab9159f51fd0297e236d".into(),
//! });
//! let plan = plan(&resumed, &goal, &rendered);
//! assert_eq!(plan.steps[0], Step::CreateJob);
//! assert!(matches!(&plan.steps[1], Step::SetStatus(status) if status.phase == Phase::Running));
//! assert_eq!(plan.events[0].reason, "StreamResumed");
//! ```

mod decisions;
mod fence;
mod goal;
mod judge;
mod observed;
mod plan;
mod question;
mod requests;

pub use decisions::{
    Answer, BackfillDecision, DecisionRecord, Decisions, JobRecord, RequestRecord, RunDecision,
    SpecDecision, TickDecision, Trigger, Unanswered,
};
pub use fence::{Deleted, Fence, Fenced, Gone, OpenWrites, Reach, Write, as_going};
pub use goal::{BackfillRun, Goal, Idle, RequestOrigin, goal};
pub use observed::{
    Backend, CronJobView, Drift, Failure, JobState, JobView, Observed, Outcome, Ownership, Phase,
    RequestView, Run, StreamView,
};
pub use plan::{
    Condition, Event, Fingerprint, Plan, Problem, Propagation, Rendering, RequestPhase, Severity,
    Status, Step, plan, reject,
};
pub use question::{Question, attempt, question, spec_change};
