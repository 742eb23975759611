//! The operator: what it sees, and its plans, carried out write by write.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use arcane_lifecycle::{
    Decisions, Drift, Fenced, Goal, JobView, Observed, OpenWrites, Phase, Rendering, Step,
    StreamView, as_going, attempt, plan,
};

use crate::{
    execute::{Answer, Done, told},
    flaw::Flaw,
    objects::{CronJob, Job, Request, STREAM, fingerprint},
    plugin::{Tick, consult},
    world::{Definition, World},
};

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
pub struct Seen {
    pub definition: Arc<Definition>,
    pub goal: Goal,
    pub steps: Vec<Step>,
    pub decisions: Decisions,
    /// How many times the goal's run has been restarted, once its Job is made.
    pub attempt: u32,
    /// Something that is told of has gone with the definition.
    pub is_bereft: bool,
    /// Digest of all that, but for the definition.
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

impl World {
    /// The operator makes its next write: the first of a new plan, or the next of the one in hand.
    /// False if it has nothing to write.
    pub fn operate(&mut self, answer: Answer, flaw: Option<Flaw>) -> bool {
        let is_new = self.work.is_none();
        if is_new && self.definition.seen.is_gone {
            return false;
        }
        let (mut is_looked_up, mut is_asked) = (false, false);
        if is_new {
            is_looked_up = self.look_up();
            let is_careful = flaw != Some(Flaw::IgnoresFences);
            if is_careful && !self.memory.is_current() {
                return is_looked_up;
            }
            is_asked = self.tick.is_some();
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
        is_written || is_looked_up || ((is_asked || !is_new) && answer == Answer::Arrives)
    }

    pub fn cached_job(&self) -> Option<&Arc<Job>> {
        let tombstone = self.memory.tombstone.as_ref();
        self.job.seen.as_ref().or(tombstone)
    }

    fn observed_job(&self) -> Option<JobView> {
        let view = match &self.memory.tombstone {
            Some(last) => as_going(last.view())?,
            None => self.job.seen.as_ref()?.view(),
        };
        Some(self.memory.deleted.veil(view))
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
                generation: definition.generation(),
                suspended: definition.suspended,
                backend: definition.backend,
                restart: None,
                phase: definition.status.phase,
                configuration_hash: definition.status.configuration_hash.clone(),
            },
            job: self.observed_job(),
            cron_job: self.cron_job.seen.as_deref().map(CronJob::view),
            requests,
            completed_requests: self.memory.completed_requests.clone(),
            // A plugin is asked about its own time once.
            decisions: Decisions {
                tick: self.tick.take().map(Tick::decision),
                ..Decisions::default()
            },
            drift: Drift::Report,
        };
        if let Some(flaw) = flaw {
            flaw.mar_view(&mut observed);
        }
        let render = |goal: &Goal| {
            fingerprint(goal, definition.spec, 0, 0).map_or(Rendering::NotNeeded, Rendering::Ready)
        };
        let (goal, rendering) = consult(self.plugin, &mut observed, render);
        // Past this, one more makes no difference.
        let attempt = attempt(&observed, &goal).min(2);
        let mut steps = plan(&observed, &goal, &rendering).steps;
        if let Some(flaw) = flaw {
            flaw.mar_steps(&mut steps, &observed);
        }
        let is_bereft = self.is_bereft();
        let mut hasher = DefaultHasher::new();
        let decisions = observed.decisions;
        format!("{goal:?}{steps:?}{decisions:?}{attempt}{is_bereft}").hash(&mut hasher);
        Work {
            is_outdated: self.definition.version() != Some(0),
            done: 0,
            seen: Arc::new(Seen {
                definition,
                goal,
                steps,
                decisions,
                attempt,
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
}

/// Whether a step writes nothing, whatever the API server has.
fn is_local(step: &Step, seen: &Seen, is_outdated: bool) -> bool {
    match step {
        Step::CheckJob => true,
        Step::SetStatus(wanted) => is_outdated || told(wanted, seen) == seen.definition.status,
        _ => false,
    }
}
