//! The operator: what it remembers, what it sees, and its plans, carried out write by write.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use arcane_lifecycle::{
    Decisions, Deleted, Drift, Fence, Fenced, Goal, Gone, Observed, OpenWrites, Phase, Propagation,
    Reach, Rendering, Status as WantedStatus, Step, StreamView, Write, goal, plan,
};

use crate::{
    flaw::Flaw,
    objects::{CronJob, Job, Request, STREAM, fingerprint},
    world::{Broken, Definition, HERE, Status, World},
};

/// What is lost with a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The last write to each kind, unless its cache reflects it. Versions are counted from what
    /// the cache has, so that worlds that differ in nothing else are one; times tell no more than
    /// which write came before the last list began.
    writes: [Option<Write<u8>>; Fenced::ALL.len()],
    pub deleted: Deleted,
    /// A Job that is gone, but whose outcome waits to be recorded, in the place of one in the cache.
    pub tombstone: Option<Arc<Job>>,
    completed_requests: Vec<String>,
    gone_requests: Gone,
    unanswered: OpenWrites,
}

/// Before and after the beginning of the last list.
const BEFORE: u8 = 0;
const BEGIN: u8 = 1;
const AFTER: u8 = 2;
/// The version of a write that no watch will deliver any more.
const MISSED: u64 = u64::MAX;

impl Memory {
    /// `version`: none if no watch will deliver it, as a list that is coming in was read after it.
    fn wrote(&mut self, kind: Fenced, version: Option<u64>) {
        let version = version.unwrap_or(MISSED);
        self.writes[kind as usize] = Some(Write { version, at: AFTER });
        self.lower(kind, &HERE);
    }

    fn lower(&mut self, kind: Fenced, reach: &Reach<u8>) {
        self.writes[kind as usize].take_if(|write| reach.reflects(write));
    }

    /// The cache has one change more.
    pub fn one_delivered(&mut self, kind: Fenced) {
        if let Some(write) = &mut self.writes[kind as usize]
            && write.version != MISSED
        {
            write.version -= 1;
        }
        self.lower(kind, &HERE);
    }

    pub fn list_begun(&mut self, kind: Fenced) {
        if let Some(write) = &mut self.writes[kind as usize] {
            *write = Write {
                version: MISSED,
                at: BEFORE,
            };
        }
    }

    pub fn list_ended(&mut self, kind: Fenced) {
        let listed = Some(BEGIN);
        self.lower(kind, &Reach { listed, ..HERE });
    }

    /// The deletion of a Job is seen.
    pub fn bury(&mut self, last: Arc<Job>) {
        let is_open = self.deleted.is_outcome_open(&last.view());
        self.deleted.seen(&last.uid);
        self.tombstone = is_open.then_some(last);
    }

    pub fn jobs_replaced(&mut self, before: Option<&Job>, now: Option<&Job>) {
        self.tombstone = None;
        if let (Some(before), None) = (before, now) {
            self.deleted.seen(&before.uid);
        }
    }

    /// Whether a write to the kind is not reflected yet.
    pub fn waits_for(&self, kind: Fenced) -> bool {
        self.writes[kind as usize].is_some()
    }

    /// Whether the caches reflect all that was written.
    fn is_current(&self) -> bool {
        let mut fence = Fence::default();
        for (kind, write) in Fenced::ALL.into_iter().zip(self.writes) {
            if let Some(write) = write {
                fence.raise(kind, write);
            }
        }
        fence.passes(|_| HERE)
    }
}

/// A plan that is being carried out.
#[derive(Clone, Debug)]
pub struct Work {
    seen: Arc<Seen>,
    /// Steps that are done.
    done: usize,
    /// The definition has changed since it was seen.
    pub is_outdated: bool,
}

/// What was seen, and what is to come of it.
#[derive(Debug)]
struct Seen {
    definition: Arc<Definition>,
    goal: Goal,
    steps: Vec<Step>,
    /// Something that is told of has gone with the definition.
    is_bereft: bool,
    /// Digest of the goal, the steps and that.
    digest: u64,
}

impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Work {}

impl Hash for Work {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Work {
    /// What the rest of the work depends on.
    fn key(&self) -> (u64, usize, bool, &Definition) {
        let Work {
            seen,
            done,
            is_outdated,
        } = self;
        (seen.digest, *done, *is_outdated, &seen.definition)
    }
}

/// What came of a step.
enum Done {
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
    /// The operator makes its next write: the first of a new plan, or the next of the one in hand.
    /// False if it has nothing to write.
    pub fn operate(&mut self, answer: Answer, flaw: Option<Flaw>) -> bool {
        let is_new = self.work.is_none();
        if is_new && self.definition.seen.is_gone {
            return false;
        }
        let mut is_looked_up = false;
        if is_new {
            is_looked_up = self.look_up();
            let is_careful = flaw != Some(Flaw::IgnoresFences);
            if is_careful && !self.memory.is_current() {
                return is_looked_up;
            }
            self.work = Some(self.look(flaw));
        }
        let mut is_written = false;
        while let Some(work) = &mut self.work {
            let seen = work.seen.clone();
            let Some(step) = seen.steps.get(work.done) else {
                self.work = None;
                break;
            };
            // What nobody can get between is done in one go.
            if is_written && !is_local(step, &seen, work.is_outdated) {
                break;
            }
            work.done += 1;
            match self.carry_out(step, &seen, answer) {
                Done::Nothing => {}
                Done::Written if answer == Answer::IsLost => {
                    self.work = None;
                    return true;
                }
                Done::Written => is_written = true,
                Done::Halted => {
                    self.work = None;
                    return true;
                }
            }
        }
        is_written || is_looked_up || (!is_new && answer == Answer::Arrives)
    }

    fn cached_job(&self) -> Option<&Arc<Job>> {
        let tombstone = self.memory.tombstone.as_ref();
        self.job.seen.as_ref().or(tombstone)
    }

    fn look(&mut self, flaw: Option<Flaw>) -> Work {
        let requests = self.requests.seen.iter();
        let mut requests: Vec<_> = requests.filter_map(Request::view).collect();
        self.memory
            .gone_requests
            .sift(&mut requests, |request| &request.uid);
        let definition = self.definition.seen.clone();
        let mut observed = Observed {
            stream: StreamView {
                name: STREAM.into(),
                uid: "stream-uid".into(),
                generation: i64::from(definition.spec) + 1,
                suspended: definition.suspended,
                backend: definition.backend,
                restart: None,
                phase: definition.status.phase,
                configuration_hash: definition.status.configuration_hash.clone(),
            },
            job: self.cached_job().map(|job| {
                let mut view = job.view();
                view.terminating |= self.memory.tombstone.is_some();
                self.memory.deleted.veil(view)
            }),
            cron_job: self.cron_job.seen.as_deref().map(CronJob::view),
            requests,
            completed_requests: self.memory.completed_requests.clone(),
            decisions: Decisions::default(),
            drift: Drift::Report,
        };
        if let Some(flaw) = flaw {
            flaw.mar_view(&mut observed);
        }
        let goal = goal(&observed);
        let rendering = fingerprint(&goal, definition.spec, 0, 0)
            .map_or(Rendering::NotNeeded, Rendering::Ready);
        let mut steps = plan(&observed, &goal, &rendering).steps;
        if let Some(flaw) = flaw {
            flaw.mar_steps(&mut steps, &observed);
        }
        let is_bereft = self.is_bereft();
        let mut hasher = DefaultHasher::new();
        format!("{goal:?}{steps:?}{is_bereft}").hash(&mut hasher);
        Work {
            is_outdated: self.definition.version() != Some(0),
            done: 0,
            seen: Arc::new(Seen {
                definition,
                goal,
                steps,
                is_bereft,
                digest: hasher.finish(),
            }),
        }
    }

    /// Whether the operator can see that something is gone which went with the definition: what the
    /// status tells of, or the request of a Job.
    fn is_bereft(&self) -> bool {
        let is_collected = |kind| self.ghosts.collected.contains(&kind);
        let is_told = match self.definition.seen.status.phase {
            Phase::New | Phase::Suspended | Phase::Failed => false,
            Phase::Pending | Phase::Running | Phase::Backfilling | Phase::Scheduled => true,
        };
        let is_request_lost = |name: &String| {
            let mut requests = self.requests.seen.iter();
            !requests.any(|request| request.name == *name)
        };
        let request = self.job.seen.as_ref().and_then(|job| job.request.as_ref());
        (is_told && is_collected(Fenced::Job) && self.job.seen.is_none())
            || (is_told && is_collected(Fenced::CronJob) && self.cron_job.seen.is_none())
            || (is_collected(Fenced::Request) && request.is_some_and(is_request_lost))
    }

    fn carry_out(&mut self, step: &Step, seen: &Seen, answer: Answer) -> Done {
        match step {
            Step::CreateRequest { name, .. } => self.create_request(name, answer),
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
            Step::RecordRequestDecision { .. }
            | Step::ForgetRequestDecision { .. }
            | Step::RecordJobDecision { .. } => panic!("there is no plugin: {step:?}"),
        }
    }

    /// Looks up what was written without an answer; true if there was such a write.
    fn look_up(&mut self) -> bool {
        let unanswered = std::mem::take(&mut self.memory.unanswered);
        for (kind, name) in unanswered.objects() {
            let is_there = match kind {
                Fenced::Job => self.job.truth().is_some(),
                Fenced::CronJob => self.cron_job.truth().is_some(),
                Fenced::Request => self.request(name).is_some(),
                Fenced::Definition => false,
            };
            if is_there {
                self.memory.wrote(kind, self.version(kind));
            }
        }
        unanswered != OpenWrites::default()
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

    fn create_request(&mut self, name: &str, answer: Answer) -> Done {
        if let Some(existing) = self.request(name) {
            if existing.completed {
                self.memory.completed_requests.push(name.to_owned());
                return Done::Halted;
            }
            return self.note_request(name, false, answer);
        }
        let mut requests = self.requests.truth().as_ref().clone();
        let uid = self.next_uid(name);
        requests.push(Request::new(name, &uid));
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
        let job = Job::new(self.next_uid("job"), &seen.goal, seen.definition.spec);
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
        let cron_job = CronJob {
            uid: self.next_uid("cron-job"),
            spec: seen.definition.spec,
            template: 0,
            terminating: false,
        };
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

/// The status as it would be written.
fn told(wanted: &WantedStatus, seen: &Seen) -> Status {
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

/// Whether a step writes nothing, whatever the API server has.
fn is_local(step: &Step, seen: &Seen, is_outdated: bool) -> bool {
    match step {
        Step::CheckJob => true,
        Step::SetStatus(wanted) => is_outdated || told(wanted, seen) == seen.definition.status,
        _ => false,
    }
}
