//! A cluster with one stream: the objects that a plan reads and writes, and nothing else.

use std::collections::BTreeSet;

use arcane_lifecycle::{
    Backend, Decisions, Drift, Goal, Observed, Phase, Problem, Propagation, Rendering,
    RequestPhase, RequestRecord, Status, Step, StreamView, attempt,
};

use crate::{
    objects::{CronJob, Job, Request, STREAM, annotation, fingerprint},
    plugin::{self, Plugin, Tick},
};

/// Everything that decides what happens next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub suspended: bool,
    pub backend: Option<Backend>,
    /// Version of the definition's spec.
    pub spec: u8,
    /// Value of the restart annotation; 0 is none.
    pub restart: u8,
    /// Version of the templates.
    pub template: u8,
    /// Whether the templates exist.
    pub has_template: bool,
    /// A change of the template restarts Jobs.
    pub is_rolling: bool,
    /// What the plugin says.
    pub plugin: Plugin,
    /// What the plugin wants at the next look, its time having come.
    pub tick: Option<Tick>,
    pub phase: Phase,
    pub job: Option<Job>,
    pub cron_job: Option<CronJob>,
    /// Oldest first; the operator's stay when they are completed, so that their names are taken.
    pub requests: Vec<Request>,
    /// What the operator remembers until it crashes.
    pub completed_requests: Vec<String>,
    /// Open requests that a Job has succeeded for.
    pub fulfilled: BTreeSet<String>,
    /// Requests that users have made so far.
    pub user_requests: usize,
    /// Requests that the operator has made so far: no two of them are named after one Job.
    pub derived: usize,
}

/// The state and what is told about it.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub state: State,
    pub status: Status,
}

/// What came of a step.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// Something was written.
    Written,
    /// Nothing had to be written.
    Nothing,
    /// The attempt ends here.
    Halted,
}

impl Cluster {
    /// A definition that was just created.
    pub fn new(backend: Option<Backend>) -> Self {
        Cluster {
            state: State {
                suspended: false,
                backend,
                spec: 0,
                restart: 0,
                template: 0,
                has_template: true,
                is_rolling: false,
                plugin: Plugin::None,
                tick: None,
                phase: Phase::New,
                job: None,
                cron_job: None,
                requests: Vec::new(),
                completed_requests: Vec::new(),
                fulfilled: BTreeSet::new(),
                user_requests: 0,
                derived: 0,
            },
            status: Status {
                phase: Phase::New,
                configuration_hash: None,
                conditions: Vec::new(),
            },
        }
    }

    pub fn observe(&self) -> Observed {
        let state = &self.state;
        Observed {
            stream: StreamView {
                name: STREAM.into(),
                uid: "stream-uid".into(),
                generation: self.generation(),
                suspended: state.suspended,
                backend: state.backend,
                restart: annotation(state.restart),
                phase: state.phase,
                configuration_hash: self.status.configuration_hash.clone(),
            },
            job: state.job.as_ref().map(Job::view),
            cron_job: state.cron_job.as_ref().map(CronJob::view),
            requests: state.requests.iter().filter_map(Request::view).collect(),
            completed_requests: state.completed_requests.clone(),
            decisions: Decisions {
                tick: state.tick.map(Tick::decision),
                ..Decisions::default()
            },
            drift: if state.is_rolling {
                Drift::Restart
            } else {
                Drift::Report
            },
        }
    }

    /// It goes with the spec, which goes back to the first.
    pub fn generation(&self) -> i64 {
        i64::from(self.state.spec) + 1
    }

    pub fn render(&self, goal: &Goal) -> Rendering {
        let state = &self.state;
        let Some(fingerprint) = fingerprint(goal, state.spec, state.restart, state.template) else {
            return Rendering::NotNeeded;
        };
        if state.has_template {
            return Rendering::Ready(fingerprint);
        }
        Rendering::Impossible(Problem {
            reason: "TemplateNotFound",
            message: "the template does not exist".into(),
        })
    }

    /// Carries out one step, and checks what must never happen.
    pub fn carry_out(&mut self, step: &Step, goal: &Goal, observed: &Observed) -> Done {
        let decisions = &observed.decisions;
        match step {
            Step::CreateRequest { name, decision } => {
                let is_made = self.create_request(name);
                if is_made == Done::Written && decision.is_some() {
                    self.record_on_request(name, decisions);
                }
                return is_made;
            }
            Step::SetRequestStatus { name, phase, .. } => {
                if let Some(request) = self.request(name) {
                    request.phase = Some(*phase);
                }
            }
            Step::CompleteRequest { name } => {
                assert!(
                    self.state.fulfilled.remove(name),
                    "{name} is completed, but no Job has succeeded for it"
                );
                self.close_request(name);
            }
            Step::RecordRequestDecision { name } => self.record_on_request(name, decisions),
            Step::ForgetRequestDecision { name } => {
                let forgotten = self.request(name).and_then(|request| request.record.take());
                assert_eq!(forgotten, Some(RequestRecord::Run), "nothing to forget");
            }
            Step::RecordJobDecision { uid, trigger } => {
                let record = plugin::job_record(decisions, *trigger, self.generation());
                let job = self.state.job.as_mut().unwrap();
                assert_eq!(job.uid, *uid, "it is put on record on another Job");
                assert!(!job.terminating, "it is put on record on a Job that goes");
                assert_ne!(job.record, Some(record.clone()), "it is on record already");
                job.record = Some(record);
            }
            Step::CheckJob | Step::CheckDefinition => return Done::Nothing,
            Step::CreateJob => return self.create_job(goal, attempt(observed, goal)),
            Step::DeleteJob { uid, propagation } => self.delete_job(uid, *propagation),
            Step::CreateCronJob => self.create_cron_job(),
            Step::UpdateCronJob { .. } => {
                let (spec, template) = (self.state.spec, self.state.template);
                let cron_job = self.state.cron_job.as_mut().unwrap();
                assert!(!cron_job.terminating, "a CronJob that goes is updated");
                (cron_job.spec, cron_job.template) = (spec, template);
            }
            Step::DeleteCronJob { .. } => {
                self.state.cron_job.as_mut().unwrap().terminating = true;
            }
            Step::SetStatus(status) => {
                let mut wanted = status.clone();
                wanted.configuration_hash = wanted
                    .configuration_hash
                    .or(self.status.configuration_hash.clone());
                if wanted == self.status {
                    return Done::Nothing;
                }
                self.state.phase = wanted.phase;
                self.status = wanted;
            }
        }
        Done::Written
    }

    fn record_on_request(&mut self, name: &str, decisions: &Decisions) {
        let record = plugin::request_record(decisions);
        if let Some(request) = self.request(name) {
            assert_ne!(
                request.record,
                Some(record.clone()),
                "it is on record already"
            );
            request.record = Some(record);
        }
    }

    fn create_request(&mut self, name: &str) -> Done {
        if let Some(existing) = self.request(name) {
            if existing.completed {
                self.state.completed_requests.push(name.to_owned());
                return Done::Halted;
            }
            return Done::Nothing;
        }
        self.state.derived += 1;
        self.state.requests.push(Request::new(name, name));
        Done::Written
    }

    fn create_job(&mut self, goal: &Goal, attempt: u32) -> Done {
        let state = &mut self.state;
        if let Goal::Backfill(run) = goal {
            let is_wanted = |request: &Request| {
                let is_ended = request.completed || request.phase == Some(RequestPhase::Stopped);
                request.name == run.request && !is_ended
            };
            let is_open = state.requests.iter().any(is_wanted);
            assert!(is_open, "a Job is made for a request that is not open");
        }
        assert!(!state.suspended, "a Job is made for a suspended stream");
        assert!(state.cron_job.is_none(), "a Job is made beside a CronJob");
        assert!(state.has_template, "a Job is made from nothing");
        assert!(state.job.is_none(), "a Job is made while there is one");
        let uid = format!("job-{}", state.derived);
        state.job = Some(Job {
            restart: state.restart,
            template: state.template,
            // Past this, one more makes no difference.
            attempt: attempt.min(2),
            ..Job::new(uid, goal, state.spec)
        });
        Done::Written
    }

    fn delete_job(&mut self, uid: &str, propagation: Propagation) {
        let job = self.state.job.as_mut().unwrap();
        assert_eq!(job.uid, uid, "another Job than was observed is deleted");
        assert!(job.is_own(), "a Job is deleted that is not the stream's");
        match propagation {
            Propagation::Background => {
                assert!(job.end.is_some(), "pods would outlive their Job");
                self.state.job = None;
            }
            Propagation::Foreground => job.terminating = true,
        }
    }

    fn create_cron_job(&mut self) {
        let state = &mut self.state;
        assert!(!state.suspended, "a CronJob is made for a suspended stream");
        assert!(state.cron_job.is_none(), "a CronJob is made twice");
        assert!(
            state.job.as_ref().is_none_or(|job| !job.is_own()),
            "a CronJob is made beside a Job"
        );
        state.cron_job = Some(CronJob {
            template: state.template,
            ..CronJob::new("cron-job".into(), state.spec)
        });
    }

    fn request(&mut self, name: &str) -> Option<&mut Request> {
        let mut requests = self.state.requests.iter_mut();
        requests.find(|request| request.name == name)
    }

    /// Those of users are forgotten: nobody takes their names again.
    pub fn close_request(&mut self, name: &str) {
        let is_operators = |name: &str| name.starts_with(STREAM);
        self.state.fulfilled.remove(name);
        if is_operators(name) {
            if let Some(request) = self.request(name) {
                request.completed = true;
            }
        } else {
            self.state.requests.retain(|request| request.name != name);
        }
    }
}
