//! What may happen next.

use arcane_lifecycle::Fenced;

use crate::{event::Event, execute::Answer, flaw::Flaw, objects::End, world::World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The operator makes its next write.
    Operate,
    /// A watch delivers a change.
    Deliver(Fenced),
    /// A cache is given a whole list.
    EndList(Fenced),
    /// A cache that does not come to have a write is listed anew.
    ListOverdue(Fenced),
    BackfillSucceeds,
    /// The last pod of a Job that is being deleted ends.
    PodsEnd,
    /// The last run of a CronJob that is being deleted ends.
    RunsEnd,
    /// The garbage collector takes what a definition has left behind.
    Collect(Fenced),
    /// All that waits for its time has waited long enough.
    TimePasses,
    Event(Event),
    Fault(Fault),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator ends, and another begins.
    Crash,
    /// The same, and the other's first list of this kind is older than the last change.
    CrashIntoThePast(Fenced),
    /// The next write is made, but its answer is lost.
    LoseAnswer,
    /// A watch breaks, and the kind is listed anew.
    BreakWatch(Fenced),
}

impl Action {
    /// What happens by itself, if users do nothing more and nothing goes wrong.
    pub fn quiet() -> impl Iterator<Item = Action> {
        let by_kind = Fenced::ALL.into_iter().flat_map(|kind| {
            [
                Action::Deliver(kind),
                Action::EndList(kind),
                Action::ListOverdue(kind),
                Action::Collect(kind),
            ]
        });
        [
            Action::Operate,
            Action::BackfillSucceeds,
            Action::PodsEnd,
            Action::RunsEnd,
        ]
        .into_iter()
        .chain(by_kind)
    }

    /// The world after it; none if it cannot happen, or changes nothing.
    pub fn happen(self, world: &World, flaw: Option<Flaw>) -> Option<World> {
        let mut next = world.clone();
        let is_possible = match self {
            Action::Operate => next.operate(Answer::Arrives, flaw),
            Action::Deliver(kind) => next.deliver(kind),
            Action::EndList(kind) => next.end_list(kind),
            Action::ListOverdue(kind) => next.list_overdue(kind),
            Action::BackfillSucceeds => next.end_job(true, End::Succeeded),
            Action::PodsEnd => next.end_pods(),
            Action::RunsEnd => next.end_runs(),
            Action::Collect(kind) => next.collect(kind),
            Action::TimePasses => {
                next.pass_time();
                true
            }
            Action::Event(event) => {
                next.left.events = next.left.events.checked_sub(1)?;
                event.happen(&mut next)
            }
            Action::Fault(fault) => {
                next.left.faults = next.left.faults.checked_sub(1)?;
                fault.happen(&mut next, flaw)
            }
        };
        if flaw != Some(Flaw::ListsFromStaleCaches) {
            next.forget_the_past();
        }
        (is_possible && next != *world).then_some(next)
    }
}

impl Fault {
    fn happen(self, world: &mut World, flaw: Option<Flaw>) -> bool {
        match self {
            Fault::Crash => world.crash(&[]),
            Fault::CrashIntoThePast(kind) => world.crash(&[kind]),
            Fault::LoseAnswer => return world.operate(Answer::IsLost, flaw),
            Fault::BreakWatch(kind) => return world.begin_list(kind),
        }
        true
    }
}

impl World {
    fn end_pods(&mut self) -> bool {
        let is_going = self.job.truth().as_ref().is_some_and(|job| job.terminating);
        if is_going {
            self.job.write(None);
        }
        is_going
    }

    fn end_runs(&mut self) -> bool {
        let cron_job = self.cron_job.truth().as_ref();
        let is_going = cron_job.is_some_and(|cron_job| cron_job.terminating);
        if is_going {
            self.cron_job.write(None);
        }
        is_going
    }

    fn forget_the_past(&mut self) {
        self.definition.forget_before();
        self.job.forget_before();
        self.cron_job.forget_before();
        self.requests.forget_before();
    }
}
