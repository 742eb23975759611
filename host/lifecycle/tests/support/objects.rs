//! The objects around one stream, as far as its lifecycle goes.

use arcane_lifecycle::{
    CronJobView, Failure, Fingerprint, Goal, JobRecord, JobState, JobView, Outcome, Ownership,
    RequestPhase, RequestRecord, RequestView, Run,
};

/// Name of the stream, its Job and its CronJob.
pub const STREAM: &str = "orders";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub uid: String,
    pub ownership: Ownership,
    pub request: Option<String>,
    pub spec: u8,
    pub restart: u8,
    pub template: u8,
    pub schema_mismatch: bool,
    pub terminating: bool,
    pub end: Option<End>,
    pub attempt: u32,
    pub record: Option<JobRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    Succeeded,
    Failed,
    Disrupted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CronJob {
    pub uid: String,
    pub ownership: Ownership,
    pub spec: u8,
    pub template: u8,
    pub terminating: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub name: String,
    pub uid: String,
    pub phase: Option<RequestPhase>,
    pub completed: bool,
    pub record: Option<RequestRecord>,
}

impl Job {
    /// A Job that was just made for this goal.
    pub fn new(uid: String, goal: &Goal, spec: u8) -> Self {
        Job {
            uid,
            ownership: Ownership::Ours,
            request: match goal {
                Goal::Backfill(run) => Some(run.request.clone()),
                _ => None,
            },
            spec,
            restart: 0,
            template: 0,
            schema_mismatch: false,
            terminating: false,
            end: None,
            attempt: 0,
            record: None,
        }
    }

    pub fn is_own(&self) -> bool {
        self.ownership == Ownership::Ours
    }

    pub fn view(&self) -> JobView {
        let configuration_hash = hash(self.spec, self.request.as_deref());
        JobView {
            uid: self.uid.clone(),
            ownership: self.ownership,
            run: match &self.request {
                None => Run::Streaming,
                Some(request) => Run::Backfill(Some(request.clone())),
            },
            render_hash: Some(render_hash(
                &configuration_hash,
                self.template,
                self.restart,
            )),
            configuration_hash: Some(configuration_hash),
            restart: annotation(self.restart),
            schema_mismatch: self.schema_mismatch,
            attempt: self.attempt,
            record: self.record.clone(),
            terminating: self.terminating,
            state: match self.end {
                None => JobState::Active,
                Some(End::Succeeded) => JobState::Finished(Outcome::Succeeded),
                Some(End::Failed) => JobState::Finished(Outcome::Failed(Failure::default())),
                Some(End::Disrupted) => JobState::Finished(Outcome::Disrupted),
            },
        }
    }
}

impl CronJob {
    /// A CronJob that was just made.
    pub fn new(uid: String, spec: u8) -> Self {
        CronJob {
            uid,
            ownership: Ownership::Ours,
            spec,
            template: 0,
            terminating: false,
        }
    }

    pub fn view(&self) -> CronJobView {
        let configuration_hash = hash(self.spec, None);
        CronJobView {
            uid: self.uid.clone(),
            ownership: self.ownership,
            render_hash: Some(render_hash(&configuration_hash, self.template, 0)),
            configuration_hash: Some(configuration_hash),
            terminating: self.terminating,
        }
    }
}

impl Request {
    /// An open request that nobody has seen yet.
    pub fn new(name: &str, uid: &str) -> Self {
        Request {
            name: name.to_owned(),
            uid: uid.to_owned(),
            phase: None,
            completed: false,
            record: None,
        }
    }

    /// The request, unless it is completed: such ones are not watched.
    pub fn view(&self) -> Option<RequestView> {
        (!self.completed).then(|| RequestView {
            name: self.name.clone(),
            uid: self.uid.clone(),
            phase: self.phase,
            record: self.record.clone(),
        })
    }
}

/// What the goal looks like when it is made from this spec, restart annotation and template.
pub fn fingerprint(goal: &Goal, spec: u8, restart: u8, template: u8) -> Option<Fingerprint> {
    let (request, restart) = match goal {
        Goal::Nothing(_) => return None,
        Goal::Stream => (None, restart),
        Goal::Schedule => (None, 0),
        Goal::Backfill(run) => (Some(run.request.as_str()), restart),
    };
    let configuration_hash = hash(spec, request);
    Some(Fingerprint {
        render_hash: render_hash(&configuration_hash, template, restart),
        configuration_hash,
        equivalent_hashes: Vec::new(),
    })
}

/// A restart annotation; 0 is none.
pub fn annotation(value: u8) -> Option<String> {
    (value > 0).then(|| value.to_string())
}

fn hash(spec: u8, request: Option<&str>) -> String {
    format!("{spec}:{}", request.unwrap_or_default())
}

fn render_hash(configuration: &str, template: u8, restart: u8) -> String {
    format!("{configuration}/{template}/{restart}")
}
