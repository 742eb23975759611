//! A plan in the making.

use std::time::Duration;

use super::{Condition, Event, Plan, Problem, Propagation, Severity, Status, Step, queue, report};
use crate::{
    Answer, DecisionRecord, JobState, JobView, Observed, Phase, Trigger, judge::Judgement,
};

/// A decision, and the event that tells of it.
pub(super) struct Decided<'a> {
    pub(super) trigger: Trigger,
    pub(super) answer: Answer,
    pub(super) reason: &'a str,
    pub(super) severity: Severity,
    pub(super) event: &'static str,
}

/// A plan in the making, and the phase that its steps so far lead to.
pub(super) struct Draft<'a> {
    pub(super) observed: &'a Observed,
    pub(super) judgement: &'a Judgement<'a>,
    pub(super) plan: Plan,
    pub(super) phase: Phase,
}

impl<'a> Draft<'a> {
    pub(super) fn new(observed: &'a Observed, judgement: &'a Judgement<'a>) -> Self {
        Draft {
            observed,
            judgement,
            plan: Plan::default(),
            phase: observed.stream.phase,
        }
    }

    pub(super) fn into_plan(self) -> Plan {
        self.plan
    }

    pub(super) fn step(&mut self, step: Step) {
        self.plan.steps.push(step);
    }

    pub(super) fn event(&mut self, severity: Severity, reason: &'static str, message: String) {
        self.plan.events.push(Event {
            severity,
            reason,
            message,
        });
    }

    /// Tells of a decision that is acted on for the first time.
    pub(super) fn decided(&mut self, decision: Decided<'_>, message: String) {
        let Decided {
            trigger,
            answer,
            reason,
            severity,
            event,
        } = decision;
        self.event(severity, event, message);
        self.plan.decided.push(DecisionRecord {
            trigger,
            answer,
            reason: reason.to_owned(),
        });
    }

    /// Asks for another look no later than after this time.
    pub(super) fn revisit(&mut self, after: Duration) {
        let earlier = self.plan.revisit.is_none_or(|known| after < known);
        if earlier {
            self.plan.revisit = Some(after);
        }
    }

    pub(super) fn set_status(
        &mut self,
        phase: Phase,
        configuration_hash: Option<String>,
        conditions: Vec<Condition>,
    ) {
        self.phase = phase;
        self.step(Step::SetStatus(Status {
            phase,
            configuration_hash,
            conditions,
        }));
    }

    /// The stream's own Job, if pods of it may be alive. A finished one is dealt with before
    /// anything else.
    pub(super) fn active_job(&self) -> Option<&'a JobView> {
        self.observed
            .own_job()
            .filter(|job| job.state == JobState::Active)
    }

    /// Deletes the active Job, unless that is under way; true if it is still there.
    pub(super) fn stop_job(&mut self) -> bool {
        let Some(job) = self.active_job() else {
            return false;
        };
        if !job.terminating {
            queue::mark_stopped(self, job);
            self.step(Step::DeleteJob {
                uid: job.uid.clone(),
                propagation: Propagation::Foreground,
            });
        }
        true
    }

    /// Deletes the stream's own CronJob, unless that is under way; true if it is still there.
    pub(super) fn stop_cron_job(&mut self) -> bool {
        let Some(cron_job) = self.observed.own_cron_job() else {
            return false;
        };
        if !cron_job.terminating {
            self.step(Step::DeleteCronJob {
                uid: cron_job.uid.clone(),
            });
        }
        true
    }

    /// The phase while nothing can be started: what does not run is not said to.
    pub(super) fn phase_meanwhile(&self) -> Phase {
        match self.phase {
            Phase::Running | Phase::Backfilling if self.active_job().is_none() => Phase::Pending,
            Phase::Scheduled if self.observed.own_cron_job().is_none() => Phase::Pending,
            phase => phase,
        }
    }

    /// The user must act before the stream can get to its goal. Nothing is given up for it.
    pub(super) fn block(&mut self, problem: Problem) {
        queue::mark_waiting(self, None);
        if self.phase == Phase::New && self.observed.stream.backend.is_some() {
            self.announce_creation();
            self.phase = Phase::Pending;
        }
        let phase = self.phase_meanwhile();
        self.set_status(phase, None, report::blocked(&problem));
        self.plan.events.push(report::problem_event(&problem));
        self.plan.problem = Some(problem);
    }
}
