//! What a stream should be doing.

use crate::{Backend, BackfillDecision, Observed, Phase, requests};

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
    /// A Job failed, or a plugin refused a backfill.
    Failed,
    /// The definition names no backend: nothing new is started, and what runs goes on.
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
///
/// A stream that is suspended does nothing, whatever a plugin decides. One whose Job failed does
/// nothing until the user has suspended it. Otherwise it backfills for the oldest open request,
/// one at a time, and a backfill that is under way is not given up for another; without a request
/// it does what its backend says.
pub fn goal(observed: &Observed) -> Goal {
    let stream = &observed.stream;
    if stream.suspended {
        return Goal::Nothing(Idle::Suspended);
    }
    if stream.phase == Phase::Failed || observed.failure().is_some() {
        return Goal::Nothing(Idle::Failed);
    }
    let regular = match stream.backend {
        None => return Goal::Nothing(Idle::NoBackend),
        Some(Backend::ChangeCapture) => Goal::Stream,
        Some(Backend::Batch) => Goal::Schedule,
    };
    let Some(next) = backfills(observed).next() else {
        return regular;
    };
    match decision_on(observed, &next) {
        BackfillDecision::Default => Goal::Backfill(next),
        BackfillDecision::Skip { .. } => backfills(observed)
            .find(|other| *other != next)
            .map_or(regular, Goal::Backfill),
        // The others wait behind it: oldest first, one at a time.
        BackfillDecision::Postpone { .. } => regular,
        BackfillDecision::Fail { .. } => Goal::Nothing(Idle::Failed),
    }
}

/// A plugin's decision, with the backfill that it is about.
pub(crate) struct Verdict<'a> {
    pub(crate) run: BackfillRun,
    pub(crate) decision: &'a BackfillDecision,
}

/// The plugin's decision, if it bears on what the stream should be doing.
pub(crate) fn verdict(observed: &Observed) -> Option<Verdict<'_>> {
    let stream = &observed.stream;
    let is_asked = !stream.suspended
        && stream.phase != Phase::Failed
        && observed.failure().is_none()
        && stream.backend.is_some();
    let run = backfills(observed).next().filter(|_| is_asked)?;
    let decision = decision_on(observed, &run);
    (*decision != BackfillDecision::Default).then_some(Verdict { run, decision })
}

/// A backfill that is under way is past deciding.
fn decision_on<'a>(observed: &'a Observed, run: &BackfillRun) -> &'a BackfillDecision {
    let is_under_way =
        requests::under_way(observed).is_some_and(|request| request.name == run.request);
    match &observed.decision {
        Some(decision) if !is_under_way => decision,
        _ => &BackfillDecision::Default,
    }
}

/// All backfills that the stream owes, the next one first. The one under way is also in the queue.
fn backfills(observed: &Observed) -> impl Iterator<Item = BackfillRun> {
    let open = requests::under_way(observed)
        .into_iter()
        .chain(requests::queue(observed));
    open.map(|request| BackfillRun {
        request: request.name.clone(),
        origin: RequestOrigin::Existing,
    })
    .chain(requests::due(observed))
}
