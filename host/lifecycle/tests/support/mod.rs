//! Observations in a few words.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod decisions;

use arcane_lifecycle::{
    Backend, BackfillDecision, CronJobView, Decisions, Drift, Event, Failure, Fingerprint, Goal,
    JobRecord, JobState, JobView, Observed, Outcome, Ownership, Phase, Plan, Problem, Propagation,
    Rendering, RequestPhase, RequestRecord, RequestView, Run, Severity, Status, Step, StreamView,
    goal, plan,
};

/// Configuration hash of the definition as it is.
pub const HASH: &str = "hash-now";
/// The same, as another operator writes it.
pub const EQUIVALENT: &str = "hash-now-elsewhere";
/// Configuration hash of the definition as it was.
pub const OLD_HASH: &str = "hash-before";
/// Digest of what the template gives.
pub const RENDER: &str = "render-now";
/// Digest of what the template gave.
pub const OLD_RENDER: &str = "render-before";
/// uid of the Job.
pub const JOB: &str = "job-uid";
/// uid of the CronJob.
pub const CRON_JOB: &str = "cron-job-uid";

/// An observation.
#[derive(Clone, Debug)]
pub struct Given(pub Observed);

/// A change capture stream in this phase, with nothing around it.
pub fn given(phase: Phase) -> Given {
    Given(Observed {
        stream: StreamView {
            name: "orders".into(),
            uid: "stream-uid".into(),
            generation: 1,
            suspended: false,
            backend: Some(Backend::ChangeCapture),
            restart: None,
            phase,
            configuration_hash: None,
        },
        job: None,
        cron_job: None,
        requests: Vec::new(),
        completed_requests: Vec::new(),
        decisions: Decisions::default(),
        drift: Drift::Report,
    })
}

impl Given {
    pub fn suspended(mut self) -> Self {
        self.0.stream.suspended = true;
        self
    }
    pub fn batch(mut self) -> Self {
        self.0.stream.backend = Some(Backend::Batch);
        self
    }
    pub fn no_backend(mut self) -> Self {
        self.0.stream.backend = None;
        self
    }
    pub fn job(mut self, job: JobView) -> Self {
        self.0.job = Some(job);
        self
    }
    pub fn cron_job(mut self, cron_job: CronJobView) -> Self {
        self.0.cron_job = Some(cron_job);
        self
    }
    pub fn request(self, name: &str) -> Self {
        self.request_in(name, None)
    }
    pub fn request_in(mut self, name: &str, phase: Option<RequestPhase>) -> Self {
        self.0.requests.push(RequestView {
            name: name.into(),
            uid: format!("{name}-uid"),
            phase,
            record: None,
        });
        self
    }
    pub fn completed(mut self, name: &str) -> Self {
        self.0.completed_requests.push(name.into());
        self
    }
    pub fn decision(mut self, decision: BackfillDecision) -> Self {
        self.0.decisions.backfill = Some(decision);
        self
    }
    pub fn decide(mut self, decisions: Decisions) -> Self {
        self.0.decisions = decisions;
        self
    }
    /// The plugin has not been asked.
    pub fn undecided(mut self) -> Self {
        self.0.decisions = Decisions::default();
        self
    }
    /// On the request that was given last.
    pub fn on_request(mut self, record: RequestRecord) -> Self {
        if let Some(request) = self.0.requests.last_mut() {
            request.record = Some(record);
        }
        self
    }
    pub fn restart(mut self, value: &str) -> Self {
        self.0.stream.restart = Some(value.into());
        self
    }
    pub fn drift(mut self, drift: Drift) -> Self {
        self.0.drift = drift;
        self
    }
    pub fn goal(&self) -> Goal {
        goal(&self.0)
    }
    /// The plan when the goal can be rendered.
    pub fn plan(&self) -> Plan {
        let goal = self.goal();
        let rendering = match goal {
            Goal::Nothing(_) => Rendering::NotNeeded,
            _ => Rendering::Ready(fingerprint()),
        };
        plan(&self.0, &goal, &rendering)
    }
    /// The plan when it cannot.
    pub fn plan_without_template(&self) -> Plan {
        plan(&self.0, &self.goal(), &Rendering::Impossible(problem()))
    }
}

pub fn fingerprint() -> Fingerprint {
    Fingerprint {
        configuration_hash: HASH.into(),
        equivalent_hashes: vec![EQUIVALENT.into()],
        render_hash: RENDER.into(),
    }
}

pub fn problem() -> Problem {
    Problem {
        reason: "TemplateNotFound",
        message: "StreamingJobTemplate ns/t does not exist: create it".into(),
    }
}

/// The stream's own active Job, current in every way.
pub fn job(run: Run) -> JobView {
    JobView {
        uid: JOB.into(),
        ownership: Ownership::Ours,
        run,
        configuration_hash: Some(HASH.into()),
        render_hash: Some(RENDER.into()),
        restart: None,
        schema_mismatch: false,
        attempt: 0,
        record: None,
        terminating: false,
        state: JobState::Active,
    }
}

pub fn streaming() -> JobView {
    job(Run::Streaming)
}

pub fn backfill(request: &str) -> JobView {
    job(Run::Backfill(Some(request.into())))
}

pub fn outdated(mut job: JobView) -> JobView {
    job.configuration_hash = Some(OLD_HASH.into());
    job
}

pub fn terminating(mut job: JobView) -> JobView {
    job.terminating = true;
    job
}

/// An earlier definition's of the same name.
pub fn left(mut job: JobView) -> JobView {
    job.ownership = Ownership::Predecessors;
    job
}

pub fn foreign(mut job: JobView) -> JobView {
    job.ownership = Ownership::Foreign;
    job
}

pub fn succeeded(mut job: JobView) -> JobView {
    job.state = JobState::Finished(Outcome::Succeeded);
    job
}

pub fn disrupted(mut job: JobView) -> JobView {
    job.state = JobState::Finished(Outcome::Disrupted);
    job
}

pub fn failed(mut job: JobView) -> JobView {
    job.state = JobState::Finished(Outcome::Failed(Failure {
        reason: "BackoffLimitExceeded".into(),
        message: "Job has reached the specified backoff limit".into(),
        exit_code: Some(3),
        container_reason: Some("Error".into()),
        termination_message: Some("offsets lost".into()),
    }));
    job
}

pub fn on_record(mut job: JobView, record: JobRecord) -> JobView {
    job.record = Some(record);
    job
}

pub fn mismatched(mut job: JobView) -> JobView {
    job.schema_mismatch = true;
    job
}

/// The stream's own CronJob, current in every way.
pub fn cron_job() -> CronJobView {
    CronJobView {
        uid: CRON_JOB.into(),
        ownership: Ownership::Ours,
        configuration_hash: Some(HASH.into()),
        render_hash: Some(RENDER.into()),
        terminating: false,
    }
}

/// What a plan does, in words as short as a table's.
pub fn deeds(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(deed).collect()
}

pub fn deed(step: &Step) -> String {
    match step {
        Step::CreateRequest { name, .. } => format!("create request {name}"),
        Step::SetRequestStatus {
            name,
            phase,
            complete,
            ..
        } => {
            let complete = if *complete { " complete" } else { "" };
            format!("request {name} {phase:?}{complete}")
        }
        Step::CompleteRequest { name } => format!("complete request {name}"),
        Step::RecordRequestDecision { name } => format!("record on request {name}"),
        Step::ForgetRequestDecision { name } => format!("forget on request {name}"),
        Step::RecordJobDecision { .. } => "record on job".into(),
        Step::CheckJob => "check job".into(),
        Step::CheckDefinition => "check definition".into(),
        Step::CreateJob => "create job".into(),
        Step::DeleteJob { propagation, .. } => match propagation {
            Propagation::Foreground => "delete job and wait".into(),
            Propagation::Background => "delete job".into(),
        },
        Step::CreateCronJob => "create cron job".into(),
        Step::UpdateCronJob { .. } => "update cron job".into(),
        Step::DeleteCronJob { .. } => "delete cron job and wait".into(),
        Step::SetStatus(status) => format!("phase {:?}", status.phase),
    }
}

/// The events of a plan, as "Type Reason".
pub fn told(plan: &Plan) -> Vec<String> {
    plan.events
        .iter()
        .map(
            |Event {
                 severity, reason, ..
             }| {
                let severity = match severity {
                    Severity::Normal => "Normal",
                    Severity::Warning => "Warning",
                };
                format!("{severity} {reason}")
            },
        )
        .collect()
}

/// The status that a plan writes last.
pub fn status(plan: &Plan) -> Option<&Status> {
    plan.steps.iter().rev().find_map(|step| match step {
        Step::SetStatus(status) => Some(status),
        _ => None,
    })
}

/// The conditions that a plan writes last, as "Type=Status Reason".
pub fn conditions(plan: &Plan) -> Vec<String> {
    let Some(status) = status(plan) else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for condition in &status.conditions {
        let status = if condition.status { "True" } else { "False" };
        words.push(format!("{}={status} {}", condition.kind, condition.reason));
    }
    words
}

/// Checks what a plan does and tells.
#[track_caller]
pub fn expect(plan: &Plan, expected: &[&str], events: &[&str]) {
    assert_eq!(deeds(plan), expected, "{plan:#?}");
    assert_eq!(told(plan), events, "{plan:#?}");
}
