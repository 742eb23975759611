//! A cluster with one stream, the operator's caches of it, and what must not happen.

use std::{collections::BTreeSet, sync::Arc};

use arcane_lifecycle::{Backend, Fenced, Goal, Ownership, Phase, Reach};

use crate::{
    lag::Lag,
    memory::Memory,
    objects::{CronJob, End, Job, Request},
    operator::Work,
    plugin::{Plugin, Tick},
};

/// The definition and its status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    pub suspended: bool,
    pub backend: Option<Backend>,
    /// Version of the spec.
    pub spec: u8,
    pub status: Status,
    /// It is deleted: what belonged to it will be, too.
    pub is_gone: bool,
}

impl Definition {
    /// `metadata.generation`: it goes with the spec, which goes back to the first.
    pub fn generation(&self) -> i64 {
        i64::from(self.spec) + 1
    }
}

/// What the definition's status tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    pub phase: Phase,
    pub configuration_hash: Option<String>,
    /// Digest of the conditions.
    pub conditions: u64,
    /// The version of the spec that they are about.
    pub observed: u8,
}

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// Two Jobs of the stream, or pods of one and another Job, are at work at one time.
    TwoAtWork,
    /// A request is completed, but no Job has succeeded for it.
    CompletedInVain,
    /// A second Job has succeeded for one request, though the first could be seen to have.
    BackfilledTwice,
    /// A Job or CronJob is made in the place of one that could be seen to have gone with its
    /// definition.
    MadeForNobody,
    /// A Job is made for a backfill that the plugin has put off, or will not have.
    AgainstItsWord,
}

/// What is known of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghosts {
    pub broken: Option<Broken>,
    /// Requests that a Job has succeeded for, until they are completed.
    pub fulfilled: BTreeSet<String>,
    /// Those of them that are open, and of whose Job the operator can know.
    pub evident: BTreeSet<String>,
    /// The Job whose word that the schema changed has not led to a request yet.
    pub owed: Option<String>,
    /// Nothing has stood in the way of a first backfill.
    pub wants_first: bool,
    /// The operator has crashed.
    pub has_crashed: bool,
    /// Kinds of which something went because the definition had gone.
    pub collected: BTreeSet<Fenced>,
}

/// How much may happen still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    /// Things that users and Jobs do.
    pub events: u8,
    /// Crashes, lost answers and broken watches.
    pub faults: u8,
}

/// What is still there of an earlier definition of the same name, of which the garbage collector
/// knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    Nothing,
    /// A streaming Job at work.
    Running,
    /// A streaming Job that has ended.
    Ended,
    Scheduled,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub definition: Lag<Arc<Definition>>,
    pub job: Lag<Option<Arc<Job>>>,
    pub cron_job: Lag<Option<Arc<CronJob>>>,
    /// Oldest first, open or not.
    pub requests: Lag<Arc<Vec<Request>>>,
    pub memory: Memory,
    pub plugin: Plugin,
    /// What the plugin wants at the next look, its time having come.
    pub tick: Option<Tick>,
    /// The plan that the operator is in the middle of.
    pub work: Option<Work>,
    pub ghosts: Ghosts,
    pub left: Left,
    /// Objects that the operator has made so far.
    pub made: u8,
    /// Requests that users have made so far.
    pub asked: u8,
}

impl World {
    /// A definition that was just created, of a class with this plugin.
    pub fn new(backend: Backend, plugin: Plugin, left: Left) -> Self {
        let definition = Definition {
            suspended: false,
            backend: Some(backend),
            spec: 0,
            status: Status {
                phase: Phase::New,
                configuration_hash: None,
                conditions: 0,
                observed: 0,
            },
            is_gone: false,
        };
        World {
            definition: Lag::new(Arc::new(definition)),
            job: Lag::new(None),
            cron_job: Lag::new(None),
            requests: Lag::new(Arc::default()),
            memory: Memory::default(),
            plugin,
            tick: None,
            work: None,
            ghosts: Ghosts {
                wants_first: backend == Backend::ChangeCapture,
                ..Ghosts::default()
            },
            left,
            made: 0,
            asked: 0,
        }
    }

    /// The same, with what an earlier definition has left.
    pub fn after(mut self, leftover: Leftover) -> Self {
        let uid = "leftover".to_owned();
        let end = (leftover == Leftover::Ended).then_some(End::Succeeded);
        match leftover {
            Leftover::Nothing => {}
            Leftover::Running | Leftover::Ended => {
                self.job = Lag::new(Some(Arc::new(Job {
                    ownership: Ownership::Predecessors,
                    end,
                    ..Job::new(uid, &Goal::Stream, 0)
                })));
            }
            Leftover::Scheduled => {
                self.cron_job = Lag::new(Some(Arc::new(CronJob {
                    ownership: Ownership::Predecessors,
                    ..CronJob::new(uid, 0)
                })));
            }
        }
        self
    }

    /// Somebody changes the definition: what the operator has in hand was made for another.
    pub fn change_definition(&mut self, change: impl FnOnce(&mut Definition)) -> bool {
        let mut next = self.definition.truth().as_ref().clone();
        change(&mut next);
        if next == **self.definition.truth() {
            return false;
        }
        self.definition.write(Arc::new(next));
        if let Some(work) = &mut self.work {
            work.is_outdated = true;
        }
        true
    }

    pub fn change_job(&mut self, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.job.truth() {
            let mut next = job.as_ref().clone();
            change(&mut next);
            self.job.write(Some(Arc::new(next)));
        }
    }

    /// All that waits for its time has waited long enough: no object changes by that.
    pub fn pass_time(&mut self) {
        let pass = |job: &mut Option<Arc<Job>>| {
            if let Some(job) = job {
                Arc::make_mut(job).pass_time();
            }
        };
        self.job.change_all(pass);
        pass(&mut self.memory.tombstone);
        self.requests.change_all(|requests| {
            Arc::make_mut(requests)
                .iter_mut()
                .for_each(Request::pass_time);
        });
    }

    /// Changes the request of this name; false if there is none, or it is as it should be already.
    pub fn change_request(&mut self, name: &str, change: impl FnOnce(&mut Request)) -> bool {
        let mut next = self.requests.truth().as_ref().clone();
        let Some(request) = next.iter_mut().find(|request| request.name == name) else {
            return false;
        };
        let before = request.clone();
        change(request);
        if *request == before {
            return false;
        }
        self.requests.write(Arc::new(next));
        true
    }

    pub fn request(&self, name: &str) -> Option<&Request> {
        let mut requests = self.requests.truth().iter();
        requests.find(|request| request.name == name)
    }

    pub fn open_requests(&self) -> impl Iterator<Item = &Request> {
        let requests = self.requests.truth().iter();
        requests.filter(|request| !request.completed)
    }

    /// A request is closed: nothing is owed to it.
    pub fn forget_request(&mut self, name: &str) {
        self.ghosts.fulfilled.remove(name);
        self.ghosts.evident.remove(name);
    }

    /// The watch of a kind delivers one change; false if there is none.
    pub fn deliver(&mut self, kind: Fenced) -> bool {
        let is_delivered = match kind {
            Fenced::Definition => take(&mut self.definition),
            Fenced::Job => self.deliver_job(),
            Fenced::CronJob => take(&mut self.cron_job),
            Fenced::Request => take(&mut self.requests),
        };
        if is_delivered {
            self.memory.one_delivered(kind);
        }
        if kind == Fenced::Definition {
            self.forget_what_is_gone();
        }
        is_delivered
    }

    /// With a definition goes all that the operator remembers of it.
    fn forget_what_is_gone(&mut self) {
        if self.definition.seen.is_gone {
            self.memory = Memory::default();
        }
    }

    /// The garbage collector takes what a definition has left behind.
    pub fn collect(&mut self, kind: Fenced) -> bool {
        if !self.definition.truth().is_gone {
            return false;
        }
        // What is being deleted already goes by itself.
        match kind {
            Fenced::Job if self.job.truth().as_ref().is_some_and(|it| !it.terminating) => {
                self.job.write(None);
            }
            Fenced::CronJob
                if self
                    .cron_job
                    .truth()
                    .as_ref()
                    .is_some_and(|it| !it.terminating) =>
            {
                self.cron_job.write(None);
            }
            Fenced::Request if !self.requests.truth().is_empty() => {
                self.requests.write(Arc::default());
            }
            _ => return false,
        }
        self.ghosts.collected.insert(kind);
        true
    }

    /// The deletion of a Job tells its last state.
    fn deliver_job(&mut self) -> bool {
        let last = self.job.seen.clone();
        let Some(next) = self.job.deliver() else {
            return false;
        };
        match (&next, last) {
            (None, Some(last)) => self.memory.bury(last),
            _ => self.memory.tombstone = None,
        }
        self.job.seen = next;
        true
    }

    /// The watch of a kind breaks, and it is listed anew; false if that is under way.
    pub fn begin_list(&mut self, kind: Fenced) -> bool {
        let is_begun = match kind {
            Fenced::Definition => self.definition.begin_list(),
            Fenced::Job => self.job.begin_list(),
            Fenced::CronJob => self.cron_job.begin_list(),
            Fenced::Request => self.requests.begin_list(),
        };
        if is_begun {
            self.memory.list_begun(kind);
        }
        is_begun
    }

    /// The cache of a kind is given the list; false if there is none.
    pub fn end_list(&mut self, kind: Fenced) -> bool {
        let before = self.job.seen.clone();
        let is_ended = match kind {
            Fenced::Definition => self.definition.end_list(),
            Fenced::Job => self.job.end_list(),
            Fenced::CronJob => self.cron_job.end_list(),
            Fenced::Request => self.requests.end_list(),
        };
        if is_ended {
            self.memory.list_ended(kind);
        }
        if kind == Fenced::Definition {
            self.forget_what_is_gone();
        }
        if is_ended && kind == Fenced::Job {
            self.memory
                .jobs_replaced(before.as_deref(), self.job.seen.as_deref());
            self.forget_what_cannot_be_seen();
        }
        is_ended
    }

    /// The operator ends, and another begins. `stale`: the kinds of which the first list is older
    /// than the last change.
    pub fn crash(&mut self, stale: &[Fenced]) {
        self.memory = Memory::default();
        self.tick = None;
        self.work = None;
        self.ghosts.has_crashed = true;
        let is_stale = |kind| stale.contains(&kind);
        self.definition.restart(is_stale(Fenced::Definition));
        self.job.restart(is_stale(Fenced::Job));
        self.cron_job.restart(is_stale(Fenced::CronJob));
        self.requests.restart(is_stale(Fenced::Request));
        self.forget_what_cannot_be_seen();
    }

    /// A Job that ended and went while nobody watched has left nothing to go by.
    fn forget_what_cannot_be_seen(&mut self) {
        let job = self.job.truth().as_ref();
        let succeeded = job.filter(|job| job.end == Some(End::Succeeded));
        let request = succeeded.and_then(|job| job.request.as_ref());
        self.ghosts.evident.retain(|name| Some(name) == request);
        let is_there = |uid: &String| job.is_some_and(|job| job.uid == *uid);
        self.ghosts.owed.take_if(|uid| !is_there(uid));
    }

    /// The resourceVersion of what the API server has of a kind; see [`Lag::version`].
    pub fn version(&self, kind: Fenced) -> Option<u64> {
        match kind {
            Fenced::Definition => self.definition.version(),
            Fenced::Job => self.job.version(),
            Fenced::CronJob => self.cron_job.version(),
            Fenced::Request => self.requests.version(),
        }
    }

    /// What was written does not come, so that the kind is listed anew; false if it may come still.
    pub fn list_overdue(&mut self, kind: Fenced) -> bool {
        let is_overdue = self.memory.waits_for(kind) && self.version(kind) == Some(0);
        is_overdue && self.begin_list(kind)
    }
}

fn take<T: Clone + Eq>(kind: &mut Lag<T>) -> bool {
    let next = kind.deliver();
    let is_there = next.is_some();
    kind.seen = next.unwrap_or_else(|| kind.seen.clone());
    is_there
}

/// How far a cache has come: versions are counted from what it has.
pub const HERE: Reach<u8> = Reach {
    version: 0,
    listed: None,
};
