//! What a class's plugin has a say in, and what it has said.

use std::time::Duration;

use crate::Problem;

/// What a plugin has just answered, as far as it was asked. What it answered before stands on
/// record, on the Job ([`JobRecord`]) and on requests ([`RequestRecord`]), and is not asked again.
///
/// Without a plugin, nothing is answered; `None` and `Default` lead to the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// About the backfill that [`crate::question`] named.
    pub backfill: Option<BackfillDecision>,
    /// About the own Job, which has failed.
    pub failure: Option<RunDecision>,
    /// About the own streaming Job, which has ended with success.
    pub completion: Option<RunDecision>,
    /// About the own Job, which runs with an older spec. To be given only where
    /// [`crate::spec_change`] says so.
    pub spec_change: Option<SpecDecision>,
    /// The plugin's own time has come. To be given to one look only: it is not put on record.
    pub tick: Option<TickDecision>,
    /// A question got no answer. What runs goes on, nothing new is started, and a Job that ended
    /// stays, until there is one.
    pub unanswered: Option<Unanswered>,
}

/// A question that a plugin did not answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Unanswered {
    /// Why, and what to do.
    pub problem: Problem,
    /// When to ask again.
    pub retry: Duration,
}

/// What has happened, for a plugin to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A new stream's first backfill is next.
    StreamCreated,
    /// A request is next.
    BackfillRequested,
    /// The backfill that follows from a schema change is next.
    SchemaChanged,
    /// A Job runs that was made from an older spec.
    SpecChanged,
    /// The own Job has failed.
    JobFailed,
    /// The own streaming Job has ended with success.
    JobCompleted,
    /// The time has come that the plugin asked for.
    Tick,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Trigger; 7] = [
        Trigger::StreamCreated,
        Trigger::BackfillRequested,
        Trigger::SchemaChanged,
        Trigger::SpecChanged,
        Trigger::JobFailed,
        Trigger::JobCompleted,
        Trigger::Tick,
    ];

    /// The trigger as the contract with plugins names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::StreamCreated => "stream-created",
            Trigger::BackfillRequested => "backfill-requested",
            Trigger::SchemaChanged => "schema-changed",
            Trigger::SpecChanged => "spec-changed",
            Trigger::JobFailed => "job-failed",
            Trigger::JobCompleted => "job-completed",
            Trigger::Tick => "tick",
        }
    }
}

/// The kind of an answer that was acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Not this one.
    Skip,
    /// Run, or make and run, a backfill in a way of the plugin's own.
    Backfill,
    /// Not yet.
    Postpone,
    /// The stream fails.
    Fail,
    /// Start the run again.
    Restart,
}

impl Answer {
    /// The answer as the contract with plugins names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Skip => "skip",
            Answer::Backfill => "backfill",
            Answer::Postpone => "postpone",
            Answer::Fail => "fail",
            Answer::Restart => "restart",
        }
    }
}

/// A decision that a plan acts on for the first time. An event of the plan tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    /// What was asked.
    pub trigger: Trigger,
    /// What was answered.
    pub answer: Answer,
    /// Why, for people.
    pub reason: String,
}

/// A plugin's word on a backfill that is about to start.
#[derive(Clone, Debug, PartialEq)]
pub enum BackfillDecision {
    /// Go on as without a plugin.
    Default,
    /// Run it in a way of the plugin's own, which is put on record on the request.
    Run {
        /// Why, for people.
        reason: String,
    },
    /// Do not backfill; the request ends without completing.
    Skip {
        /// Why, for people.
        reason: String,
    },
    /// Not yet; ask again later. The stream does what it would do without the request, which may be
    /// the backfill of another.
    Postpone {
        /// How long to wait.
        delay: Duration,
        /// Why, for people.
        reason: String,
    },
    /// The stream fails.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

/// A plugin's word on a Job that has ended: what comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum RunDecision {
    /// Go on as without a plugin: the stream fails with its Job, or the next Job is made.
    Default,
    /// The same again, later.
    Restart {
        /// How long to wait; zero is at once.
        wait: Duration,
        /// Why, for people.
        reason: String,
    },
    /// Make a request and backfill for it. Does not fit a backfill that failed, and counts as
    /// `Default` there.
    Backfill {
        /// Why, for people.
        reason: String,
    },
    /// The stream fails.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

/// A plugin's word on a Job that runs with an older spec.
#[derive(Clone, Debug, PartialEq)]
pub enum SpecDecision {
    /// Go on as without a plugin: the Job is replaced.
    Default,
    /// The Job stays; the next run has the new spec.
    Skip {
        /// Why, for people.
        reason: String,
    },
    /// The Job stays for now; ask again later.
    Postpone {
        /// How long to wait.
        delay: Duration,
        /// Why, for people.
        reason: String,
    },
    /// Make a request and backfill for it with the new spec.
    Backfill {
        /// Why, for people.
        reason: String,
    },
    /// The stream fails.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

/// What a plugin wants when its own time has come.
#[derive(Clone, Debug, PartialEq)]
pub enum TickDecision {
    /// Nothing.
    Default,
    /// The streaming Job is replaced, now.
    Restart {
        /// Why, for people.
        reason: String,
    },
    /// Make a request and backfill for it.
    Backfill {
        /// Tells this tick of the stream from all others: the same key makes the same request.
        key: String,
        /// Why, for people.
        reason: String,
    },
    /// The stream fails.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

/// A decision about the Job that stands on record on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobRecord {
    /// The Job has ended, and the same is to be run again.
    Restart {
        /// How long there is to wait still; zero if the time has come.
        wait: Duration,
        /// Why, for people.
        reason: String,
    },
    /// The Job goes on though the definition's spec has changed.
    Kept {
        /// `metadata.generation` of the definition with the spec that was decided on.
        generation: i64,
        /// How long there is to wait still; `None` for as long as the Job runs. A record whose
        /// time has come is none.
        wait: Option<Duration>,
        /// Why, for people.
        reason: String,
    },
}

/// A decision about a backfill that stands on record on its request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestRecord {
    /// Run it in a way of the plugin's own.
    Run,
    /// Not yet. A record whose time has come is none.
    Postponed {
        /// How long there is to wait still.
        wait: Duration,
        /// Why, for people.
        reason: String,
    },
}
