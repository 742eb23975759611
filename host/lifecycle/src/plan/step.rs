//! The writes that a plan consists of.

use crate::{Status, Trigger};

/// One write, or a look before one. Every step may be the last one before a crash.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create an open BackfillRequest of this name for this stream, which goes with its definition.
    CreateRequest {
        /// Derived, so that creating it twice is impossible.
        name: String,
        /// The decision to put on record with it: the one of [`crate::Decisions`] that answers
        /// this trigger.
        decision: Option<Trigger>,
    },
    /// Put on record, on a request that exists, the decision about the next backfill.
    RecordRequestDecision {
        /// The request's name.
        name: String,
    },
    /// Take from a request the decision that stands on record: its backfill has failed, and the
    /// next attempt is decided on anew.
    ForgetRequestDecision {
        /// The request's name.
        name: String,
    },
    /// Put on record, on the Job with this uid, the decision of [`crate::Decisions`] that answers
    /// this trigger. A Job that is gone needs none.
    RecordJobDecision {
        /// Precondition.
        uid: String,
        /// `JobFailed`, `JobCompleted` or `SpecChanged`.
        trigger: Trigger,
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
    /// Make sure that the definition is still there before something is made for it: what it had
    /// is gone, and may be so because the definition is.
    CheckDefinition,
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
