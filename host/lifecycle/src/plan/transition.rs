//! Phases that a stream leaves and reaches on the way to its goal, and the events that tell.

use super::{Draft, Severity};
use crate::{Backend, Goal, Observed, Phase, Run};

/// The phase of a stream that is at its goal, if that has a Job or a CronJob.
pub(super) fn destination(goal: &Goal) -> Phase {
    match goal {
        Goal::Backfill(_) => Phase::Backfilling,
        Goal::Schedule => Phase::Scheduled,
        Goal::Stream => Phase::Running,
        Goal::Nothing(_) => Phase::Pending,
    }
}

impl Draft<'_> {
    /// Leaves a phase that is not the goal's.
    pub(super) fn depart(&mut self, goal: &Goal) {
        match departure(self.observed, self.phase, goal) {
            Departure::Stays => return,
            Departure::Created => self.announce_creation(),
            Departure::Silent => {}
            Departure::Told(reason, message) => {
                self.event(Severity::Normal, reason, message.to_owned());
            }
        }
        self.phase = Phase::Pending;
    }

    /// The stream is seen for the first time. The contract has no event for a batch stream.
    pub(super) fn announce_creation(&mut self) {
        if self.observed.stream.backend == Some(Backend::ChangeCapture) {
            self.event(
                Severity::Normal,
                "StreamCreated",
                "The stream is set up.".into(),
            );
        }
    }
}

/// How a phase is left.
enum Departure {
    /// It is the goal's.
    Stays,
    /// The stream was new.
    Created,
    /// Without an event.
    Silent,
    /// With an event of this reason and message.
    Told(&'static str, &'static str),
}

fn departure(observed: &Observed, phase: Phase, goal: &Goal) -> Departure {
    use Departure::{Created, Silent, Stays, Told};
    match (phase, goal) {
        (Phase::New, _) => Created,
        (Phase::Suspended | Phase::Running | Phase::Scheduled, Goal::Backfill(_)) => Told(
            "BackfillRequested",
            "A backfill is requested and comes first.",
        ),
        (Phase::Suspended, _) => Told("StreamResumed", "The stream is no longer suspended."),
        (Phase::Running, Goal::Schedule) => Told(
            "StreamScheduled",
            "The stream's backend is batch now: it runs on a schedule.",
        ),
        (Phase::Scheduled, Goal::Stream) => Told(
            "StreamStarted",
            "The stream's backend is changeCapture now: it runs all the time.",
        ),
        (Phase::Backfilling, Goal::Stream | Goal::Schedule) => NOT_REQUESTED,
        (Phase::Backfilling, Goal::Backfill(run)) => match observed.own_job().map(|job| &job.run) {
            Some(Run::Backfill(Some(served))) if *served != run.request => NOT_REQUESTED,
            _ => Stays,
        },
        (phase, goal) if phase == destination(goal) => Stays,
        _ => Silent,
    }
}

const NOT_REQUESTED: Departure = Departure::Told(
    "BackfillNotRequested",
    "The request that the backfill was for is no longer open: it is complete, or was taken back.",
);
