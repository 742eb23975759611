//! What a stream should be doing.

use crate::Observed;

/// What a stream should be doing, once everything observed is taken into account.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// No Job, no CronJob.
    Nothing(Idle),
    /// A streaming Job.
    Stream,
    /// A backfill Job.
    Backfill(BackfillRun),
    /// A CronJob.
    Schedule,
}

/// Why a stream should do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// The user suspended it.
    Suspended,
    /// A Job failed.
    Failed,
    /// The definition names no backend.
    NoBackend,
}

/// The backfill to run.
#[derive(Clone, Debug, PartialEq)]
pub struct BackfillRun {
    /// Name of the request.
    pub request: String,
    /// Who made, or is about to make, the request.
    pub origin: RequestOrigin,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOrigin {
    /// It is open already.
    Existing,
    /// To be made: the stream is new.
    Initial,
    /// To be made: the stream's Job said that the source's schema changed.
    Schema,
}

/// What the stream should be doing.
pub fn goal(observed: &Observed) -> Goal {
    todo!()
}
