//! From an observation and a goal to the steps that lead there.

use std::time::Duration;

use crate::{Goal, Observed, Phase};


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
    /// Look again after this time even if nothing changes.
    pub revisit: Option<Duration>,
}

/// One write. Every step may be the last one before a crash.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create an open BackfillRequest of this name, owned by nobody, for this stream.
    CreateRequest {
        /// Derived, so that creating it twice is impossible.
        name: String,
    },
    /// Set the request's status.
    SetRequestStatus {
        /// The request's name.
        name: String,
        /// Its new phase.
        phase: RequestPhase,
        /// The request is done: condition `Complete` becomes true.
        complete: bool,
        /// PascalCase reason of the condition.
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// Set the request's `spec.completed`.
    CompleteRequest {
        /// The request's name.
        name: String,
    },
    /// Ask the API server whether it would accept the rendered Job, before the one that runs is
    /// given up for it.
    CheckJob,
    /// Create the rendered Job.
    CreateJob,
    /// Delete the Job with this uid.
    DeleteJob {
        /// Precondition.
        uid: String,
        /// How.
        propagation: Propagation,
    },
    /// Create the rendered CronJob.
    CreateCronJob,
    /// Replace the CronJob with this uid by the rendered one, in place.
    UpdateCronJob {
        /// Precondition.
        uid: String,
    },
    /// Delete the CronJob with this uid and wait for its Jobs.
    DeleteCronJob {
        /// Precondition.
        uid: String,
    },
    /// Write the definition's status, unless it says all this already.
    SetStatus(Status),
}

/// How a deletion treats the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// The object stays until its pods are gone: for Jobs that may still have live pods.
    Foreground,
    /// The object goes at once: for finished Jobs.
    Background,
}

/// `status.phase` of a BackfillRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestPhase {
    /// Waits for its turn.
    Pending,
    /// Its Job runs, or it is complete.
    Ready,
    /// Its Job failed.
    Failed,
    /// Ended without completing.
    Stopped,
}

/// The definition's status as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// `status.phase`
    pub phase: Phase,
    /// `status.configurationHash`; `None` keeps what is there.
    pub configuration_hash: Option<String>,
    /// In this order; the first is the one that existing clients know.
    pub conditions: Vec<Condition>,
}

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `type`
    pub kind: &'static str,
    /// `status`: True or False.
    pub status: bool,
    /// `reason`
    pub reason: &'static str,
    /// `message`
    pub message: String,
}

/// An event on the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `type`
    pub severity: Severity,
    /// `reason`
    pub reason: &'static str,
    /// `note`
    pub message: String,
}

/// `type` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Worth a look.
    Warning,
}

/// The steps from `observed` to `goal`.
pub fn plan(observed: &Observed, goal: &Goal, rendering: &Rendering) -> Plan {
    todo!()
}

/// What to say when the definition itself cannot be understood: what runs goes on.
pub fn reject(phase: Phase, problem: &Problem) -> Plan {
    todo!()
}
