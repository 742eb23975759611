//! What a stream should be doing.

use crate::{Observed, Trigger, judge::judge};

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
    /// A Job failed, or a plugin lets the stream fail.
    Failed,
    /// The definition names no backend: nothing new is started, and what runs goes on.
    NoBackend,
    /// A plugin has a Job that ended wait for its restart, or has not answered yet: nothing new is
    /// started, and what runs goes on.
    Waiting,
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
    /// To be made: a plugin wants it, asked about this.
    Decided(Trigger),
}

/// What the stream should be doing.
///
/// A stream that is suspended does nothing, whatever a plugin decides. One whose Job failed does
/// nothing until the user has suspended it, unless a plugin decides otherwise. Otherwise it
/// backfills for the oldest open request, one at a time, and a backfill that is under way is not
/// given up for another; without a request it does what its backend says.
pub fn goal(observed: &Observed) -> Goal {
    judge(observed).goal
}
