//! A plan's steps, carried out against the API server.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use arcane_lifecycle::{
    Fenced, Goal, Propagation, RequestPhase, RequestRecord, Status as WantedStatus, Step, Trigger,
};

use crate::{
    objects::{CronJob, Job, Request, STREAM},
    operator::Seen,
    plugin,
    world::{Broken, Status, World},
};

/// What came of a step.
pub enum Done {
    /// Something was written.
    Written,
    /// Nothing had to be written.
    Nothing,
    /// The attempt ends here.
    Halted,
}

/// What becomes of the answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Arrives,
    IsLost,
}

impl World {
    pub fn carry_out(&mut self, step: &Step, seen: &Seen, answer: Answer) -> Done {
        match step {
            Step::CreateRequest { name, decision } => {
                let record = decision.map(|_| plugin::request_record(&seen.decisions));
                self.create_request(name, record, answer)
            }
            Step::SetRequestStatus { name, phase, .. } => {
                let is_changed = self.change_request(name, |request| request.phase = Some(*phase));
                self.note_request(name, is_changed, answer)
            }
            Step::CompleteRequest { name } => self.complete_request(name, answer),
            Step::CheckJob => Done::Nothing,
            Step::CheckDefinition if self.definition.truth().is_gone => {
                self.memory.wrote(Fenced::Definition, None);
                Done::Halted
            }
            Step::CheckDefinition => Done::Nothing,
            Step::CreateJob => self.create_job(seen, answer),
            Step::DeleteJob { uid, propagation } => self.delete_job(uid, *propagation, answer),
            Step::CreateCronJob => self.create_cron_job(seen, answer),
            Step::UpdateCronJob { uid } => self.update_cron_job(uid, seen, answer),
            Step::DeleteCronJob { uid } => self.delete_cron_job(uid, answer),
            Step::SetStatus(wanted) => self.set_status(wanted, seen, answer),
            Step::RecordRequestDecision { name } => {
                let record = plugin::request_record(&seen.decisions);
                let is_changed = self.change_request(name, |request| request.record = Some(record));
                self.note_request(name, is_changed, answer)
            }
            Step::ForgetRequestDecision { name } => {
                let is_changed = self.change_request(name, |request| request.record = None);
                self.note_request(name, is_changed, answer)
            }
            Step::RecordJobDecision { uid, trigger } => {
                self.record_on_job(uid, *trigger, seen, answer)
            }
        }
    }

    /// Remembers a write.
    fn note(&mut self, is_changed: bool, kind: Fenced, answer: Answer) -> Done {
        if !is_changed {
            return Done::Nothing;
        }
        match answer {
            Answer::Arrives => self.memory.wrote(kind, self.version(kind)),
            // Versions of the definition guard its status.
            Answer::IsLost if kind == Fenced::Definition => {}
            Answer::IsLost => self.memory.unanswered.add(kind, STREAM),
        }
        Done::Written
    }

    /// A request that is gone is remembered to be; one that is as it should be answers with its
    /// version all the same.
    fn note_request(&mut self, name: &str, is_changed: bool, answer: Answer) -> Done {
        let is_there = self.request(name).is_some();
        match answer {
            Answer::IsLost => self.memory.unanswered.add(Fenced::Request, name),
            Answer::Arrives if is_there => {
                self.memory.wrote(Fenced::Request, self.requests.version());
            }
            Answer::Arrives => {
                let mut seen = self.requests.seen.iter();
                if let Some(request) = seen.find(|request| request.name == name) {
                    self.memory.gone_requests.add(&request.uid);
                }
            }
        }
        if is_changed {
            Done::Written
        } else {
            Done::Nothing
        }
    }

    /// A Job that is gone, or another by now, needs no record.
    fn record_on_job(&mut self, uid: &str, trigger: Trigger, seen: &Seen, answer: Answer) -> Done {
        let job = self.job.truth().as_ref();
        if job.is_none_or(|job| job.uid != uid) {
            return Done::Nothing;
        }
        let generation = seen.definition.generation();
        let record = plugin::job_record(&seen.decisions, trigger, generation);
        self.change_job(|job| job.record = Some(record));
        self.note(true, Fenced::Job, answer)
    }

    fn create_request(
        &mut self,
        name: &str,
        record: Option<RequestRecord>,
        answer: Answer,
    ) -> Done {
        if let Some(existing) = self.request(name) {
            if existing.completed {
                self.memory.completed_requests.push(name.to_owned());
                return Done::Halted;
            }
            return self.note_request(name, false, answer);
        }
        let mut requests = self.requests.truth().as_ref().clone();
        let uid = self.next_uid(name);
        requests.push(Request {
            record,
            ..Request::new(name, &uid)
        });
        self.requests.write(Arc::new(requests));
        if name.contains("-schema-") {
            self.ghosts.owed = None;
        }
        self.note_request(name, true, answer)
    }

    fn complete_request(&mut self, name: &str, answer: Answer) -> Done {
        let is_changed = self.change_request(name, |request| request.completed = true);
        if is_changed && !self.ghosts.fulfilled.contains(name) {
            self.ghosts.broken = Some(Broken::CompletedInVain);
        }
        if is_changed {
            self.forget_request(name);
        }
        self.note_request(name, is_changed, answer)
    }

    fn create_job(&mut self, seen: &Seen, answer: Answer) -> Done {
        if self.job.truth().is_some() {
            return Done::Halted;
        }
        if self.cron_job.truth().is_some() {
            self.ghosts.broken = Some(Broken::TwoAtWork);
        }
        self.make(seen);
        if let Goal::Backfill(run) = &seen.goal
            && self.request(&run.request).is_some_and(is_put_off)
        {
            self.ghosts.broken = Some(Broken::AgainstItsWord);
        }
        let uid = self.next_uid("job");
        let job = Job {
            attempt: seen.attempt,
            ..Job::new(uid, &seen.goal, seen.definition.spec)
        };
        self.job.write(Some(Arc::new(job)));
        self.note(true, Fenced::Job, answer)
    }

    fn delete_job(&mut self, uid: &str, propagation: Propagation, answer: Answer) -> Done {
        let is_cached = self.cached_job().is_some_and(|job| job.uid == uid);
        let is_recorded = propagation == Propagation::Background;
        if is_cached && is_recorded && self.memory.tombstone.take().is_some() {
            return Done::Written;
        }
        let is_there = match self.job.truth() {
            Some(job) if job.uid != uid => return Done::Halted,
            Some(job) => {
                let is_at_work = job.end.is_none();
                match propagation {
                    Propagation::Background => {
                        if is_at_work {
                            self.ghosts.broken = Some(Broken::TwoAtWork);
                        }
                        self.job.write(None);
                    }
                    Propagation::Foreground if !job.terminating => {
                        self.change_job(|job| job.terminating = true);
                    }
                    Propagation::Foreground => {}
                }
                true
            }
            None => false,
        };
        if answer == Answer::IsLost {
            self.memory.unanswered.add(Fenced::Job, STREAM);
        } else if is_cached && self.memory.tombstone.is_none() {
            self.memory.deleted.add(uid, propagation);
        }
        if is_there {
            Done::Written
        } else {
            Done::Nothing
        }
    }

    fn create_cron_job(&mut self, seen: &Seen, answer: Answer) -> Done {
        if self.cron_job.truth().is_some() {
            return Done::Halted;
        }
        if self.job.truth().is_some() {
            self.ghosts.broken = Some(Broken::TwoAtWork);
        }
        self.make(seen);
        let cron_job = CronJob::new(self.next_uid("cron-job"), seen.definition.spec);
        self.cron_job.write(Some(Arc::new(cron_job)));
        self.note(true, Fenced::CronJob, answer)
    }

    fn update_cron_job(&mut self, uid: &str, seen: &Seen, answer: Answer) -> Done {
        match self.cron_job.truth() {
            Some(cron_job) if cron_job.uid == uid => {
                let mut next = cron_job.as_ref().clone();
                next.spec = seen.definition.spec;
                self.cron_job.write(Some(Arc::new(next)));
                self.note(true, Fenced::CronJob, answer)
            }
            _ => Done::Halted,
        }
    }

    fn delete_cron_job(&mut self, uid: &str, answer: Answer) -> Done {
        match self.cron_job.truth() {
            None => Done::Nothing,
            Some(cron_job) if cron_job.uid != uid => Done::Halted,
            Some(cron_job) if cron_job.terminating => Done::Nothing,
            Some(cron_job) => {
                let mut next = cron_job.as_ref().clone();
                next.terminating = true;
                self.cron_job.write(Some(Arc::new(next)));
                self.note(true, Fenced::CronJob, answer)
            }
        }
    }

    fn set_status(&mut self, wanted: &WantedStatus, seen: &Seen, answer: Answer) -> Done {
        let status = told(wanted, seen);
        if status == seen.definition.status {
            return Done::Nothing;
        }
        if self.definition.truth().is_gone {
            self.memory.wrote(Fenced::Definition, None);
            return Done::Nothing;
        }
        let is_outdated = self.work.as_ref().is_none_or(|work| work.is_outdated);
        if is_outdated {
            return Done::Halted;
        }
        let is_changed = self.change_definition(|definition| definition.status = status);
        self.note(is_changed, Fenced::Definition, answer)
    }

    fn make(&mut self, seen: &Seen) {
        if seen.is_bereft {
            self.ghosts.broken = Some(Broken::MadeForNobody);
        }
    }

    fn next_uid(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-{}", self.made)
    }
}

/// Whether a plugin lets the backfill wait, or not run at all.
fn is_put_off(request: &Request) -> bool {
    request.is_postponed() || request.phase == Some(RequestPhase::Stopped)
}

/// The status as it would be written.
pub fn told(wanted: &WantedStatus, seen: &Seen) -> Status {
    let mut hasher = DefaultHasher::new();
    for condition in &wanted.conditions {
        let text = (condition.kind, condition.status, condition.reason);
        (text, &condition.message).hash(&mut hasher);
    }
    let known = &seen.definition.status.configuration_hash;
    Status {
        phase: wanted.phase,
        configuration_hash: wanted.configuration_hash.clone().or(known.clone()),
        conditions: hasher.finish(),
        observed: seen.definition.spec,
    }
}
