//! What users and Jobs do.

use std::sync::Arc;

use arcane_lifecycle::{Backend, Fenced, Ownership};

use crate::{
    objects::{End, Request, STREAM},
    plugin::{Plugin, Tick},
    world::{Broken, World},
};

/// Requests that may be open at one time when a user makes another.
const MOST_REQUESTS: usize = 2;

/// What users and Jobs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Suspend,
    Resume,
    Use(Option<Backend>),
    ChangeSpec,
    DeleteDefinition,
    CreateRequest,
    DeleteRequest,
    CompleteRequest,
    /// The Job is deleted, and its pods end before it goes.
    DeleteJob,
    /// A Job that has ended is deleted, as its time to live has.
    ExpireJob,
    DeleteCronJob,
    /// The garbage collector finds what an earlier definition has left after all.
    LeftoverGoes,
    StreamSucceeds,
    JobFails,
    JobIsDisrupted,
    /// The Job finds that the source's schema changed, says so and succeeds.
    SchemaChanges,
    /// The time comes that the plugin has asked for.
    Tick(Tick),
    /// The class has no plugin any more.
    Unplug,
}

impl Event {
    pub const ALL: [Event; 17] = [
        Event::Suspend,
        Event::Resume,
        Event::Use(Some(Backend::ChangeCapture)),
        Event::Use(Some(Backend::Batch)),
        Event::Use(None),
        Event::ChangeSpec,
        Event::DeleteDefinition,
        Event::CreateRequest,
        Event::DeleteRequest,
        Event::CompleteRequest,
        Event::DeleteJob,
        Event::ExpireJob,
        Event::DeleteCronJob,
        Event::StreamSucceeds,
        Event::JobFails,
        Event::JobIsDisrupted,
        Event::SchemaChanges,
    ];

    /// What may get in the way of a stream that comes after another of its name.
    pub const AFTERMATH: [Event; 8] = [
        Event::LeftoverGoes,
        Event::DeleteDefinition,
        Event::Suspend,
        Event::Resume,
        Event::Use(Some(Backend::ChangeCapture)),
        Event::Use(Some(Backend::Batch)),
        Event::StreamSucceeds,
        Event::JobFails,
    ];

    /// What a plugin's word on backfills may get in the way of.
    pub const BACKFILLS: [Event; 7] = [
        Event::Unplug,
        Event::CreateRequest,
        Event::DeleteRequest,
        Event::Suspend,
        Event::Resume,
        Event::JobFails,
        Event::SchemaChanges,
    ];

    /// What a plugin's word on ends may get in the way of.
    pub const ENDS: [Event; 8] = [
        Event::Unplug,
        Event::CreateRequest,
        Event::Suspend,
        Event::Resume,
        Event::DeleteJob,
        Event::StreamSucceeds,
        Event::JobFails,
        Event::SchemaChanges,
    ];

    /// What a plugin's word on what runs may get in the way of.
    pub const RUNS: [Event; 10] = [
        Event::Unplug,
        Event::Tick(Tick::Restart),
        Event::Tick(Tick::Backfill),
        Event::Tick(Tick::Fail),
        Event::ChangeSpec,
        Event::CreateRequest,
        Event::Suspend,
        Event::Resume,
        Event::StreamSucceeds,
        Event::DeleteJob,
    ];

    /// What a plugin that says nothing, or much, may get in the way of.
    pub const MOODS: [Event; 9] = [
        Event::Unplug,
        Event::CreateRequest,
        Event::Suspend,
        Event::Resume,
        Event::Use(Some(Backend::Batch)),
        Event::ChangeSpec,
        Event::StreamSucceeds,
        Event::JobFails,
        Event::SchemaChanges,
    ];
}

impl Event {
    pub fn happen(self, world: &mut World) -> bool {
        // Nobody has anything to do with it any more but its Jobs.
        if world.definition.truth().is_gone && !self.is_of_job() {
            return false;
        }
        match self {
            Event::Suspend => {
                world.ghosts.wants_first = false;
                world.change_definition(|definition| definition.suspended = true)
            }
            Event::Resume => world.change_definition(|definition| definition.suspended = false),
            Event::Use(backend) => {
                world.ghosts.wants_first = false;
                world.change_definition(|definition| definition.backend = backend)
            }
            Event::ChangeSpec => {
                world.change_definition(|definition| definition.spec = (definition.spec + 1) % 2)
            }
            Event::DeleteDefinition => {
                world.ghosts.wants_first = false;
                world.change_definition(|definition| definition.is_gone = true)
            }
            Event::CreateRequest => world.ask(),
            Event::DeleteRequest => world.delete_request(),
            Event::CompleteRequest => world.close_request(),
            Event::DeleteJob => world.delete_running_job(),
            Event::ExpireJob => world.expire_job(),
            Event::DeleteCronJob => world.delete_cron_job_by_hand(),
            Event::LeftoverGoes => world.collect_leftover(),
            Event::StreamSucceeds => world.end_job(false, End::Succeeded),
            Event::JobFails => {
                world.ghosts.wants_first = false;
                world.end_any_job(End::Failed)
            }
            Event::JobIsDisrupted => world.end_any_job(End::Disrupted),
            Event::SchemaChanges => world.change_schema(),
            Event::Tick(tick) => {
                world.tick = Some(tick);
                world.plugin != Plugin::None
            }
            Event::Unplug => {
                world.plugin = Plugin::None;
                world.tick = None;
                true
            }
        }
    }

    fn is_of_job(self) -> bool {
        matches!(
            self,
            Event::DeleteJob
                | Event::ExpireJob
                | Event::StreamSucceeds
                | Event::JobFails
                | Event::JobIsDisrupted
                | Event::SchemaChanges
        )
    }
}

impl World {
    pub fn end_job(&mut self, is_backfill: bool, end: End) -> bool {
        let is_such = |world: &World| {
            let job = world.job.truth().as_ref();
            job.is_some_and(|job| job.request.is_some() == is_backfill)
        };
        is_such(self) && self.end_any_job(end)
    }

    fn end_any_job(&mut self, end: End) -> bool {
        let Some(job) = self.job.truth().clone() else {
            return false;
        };
        if job.end.is_some() || job.terminating {
            return false;
        }
        self.change_job(|job| job.end = Some(end));
        if let Some(name) = job.request.clone().filter(|_| end == End::Succeeded) {
            let is_open = self.open_requests().any(|it| it.name == name);
            let is_wanted = is_open && !self.definition.truth().is_gone;
            if is_wanted && !self.ghosts.evident.insert(name.clone()) {
                self.ghosts.broken = Some(Broken::BackfilledTwice);
            }
            // One that the operator makes again under its name wants the same.
            if is_open || name.starts_with(STREAM) {
                self.ghosts.fulfilled.insert(name);
            }
        }
        true
    }

    fn change_schema(&mut self) -> bool {
        let uid = self.job.truth().as_ref().map(|job| job.uid.clone());
        let before = self.job.clone();
        self.change_job(|job| job.schema_mismatch = true);
        if !self.end_any_job(End::Succeeded) {
            self.job = before;
            return false;
        }
        self.ghosts.owed = uid;
        true
    }

    fn ask(&mut self) -> bool {
        if self.open_requests().count() >= MOST_REQUESTS {
            return false;
        }
        let mut requests = self.requests.truth().as_ref().clone();
        let name = format!("user-{}", self.asked);
        requests.push(Request::new(&name, &name));
        self.asked += 1;
        self.requests.write(Arc::new(requests));
        true
    }

    fn oldest_request(&self) -> Option<String> {
        let oldest = self.open_requests().next();
        oldest.map(|request| request.name.clone())
    }

    fn delete_request(&mut self) -> bool {
        let Some(name) = self.oldest_request() else {
            return false;
        };
        if name.starts_with(STREAM) {
            self.ghosts.wants_first = false;
        }
        let mut requests = self.requests.truth().as_ref().clone();
        requests.retain(|request| request.name != name);
        self.requests.write(Arc::new(requests));
        self.ghosts.evident.remove(&name);
        true
    }

    fn close_request(&mut self) -> bool {
        let Some(name) = self.oldest_request() else {
            return false;
        };
        self.forget_request(&name);
        self.change_request(&name, |request| request.completed = true)
    }

    fn delete_running_job(&mut self) -> bool {
        let job = self.job.truth().as_ref();
        let is_running = job.is_some_and(|job| job.end.is_none() && !job.terminating);
        if is_running {
            self.change_job(|job| job.terminating = true);
        }
        is_running
    }

    fn expire_job(&mut self) -> bool {
        let Some(job) = self.job.truth().clone() else {
            return false;
        };
        if job.end.is_none() {
            return false;
        }
        // One whose creation was never answered, and that ends and goes before the watch has said a
        // word of it, is known to nobody. The operator has Jobs live on for an hour.
        let seen = self.job.seen.as_ref();
        let is_seen = seen.is_some_and(|seen| seen.uid == job.uid);
        if !is_seen && !self.memory.waits_for(Fenced::Job) {
            self.ghosts.evident.clear();
            self.ghosts.owed = None;
        }
        self.job.write(None);
        true
    }

    fn collect_leftover(&mut self) -> bool {
        let job = self.job.truth().as_ref();
        let cron_job = self.cron_job.truth().as_ref();
        if job.is_some_and(|job| !job.is_own()) {
            self.job.write(None);
        } else if cron_job.is_some_and(|it| it.ownership == Ownership::Predecessors) {
            self.cron_job.write(None);
        } else {
            return false;
        }
        true
    }

    fn delete_cron_job_by_hand(&mut self) -> bool {
        let Some(cron_job) = self.cron_job.truth().as_deref() else {
            return false;
        };
        let mut next = cron_job.clone();
        next.terminating = true;
        self.cron_job.write(Some(Arc::new(next)));
        true
    }
}
