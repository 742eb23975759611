//! What was observed of one stream, reduced to what the decisions need.

use crate::{Decisions, JobRecord, RequestRecord};

/// Everything that the decisions about one stream depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The definition.
    pub stream: StreamView,
    /// The Job with the stream's name, if there is one.
    pub job: Option<JobView>,
    /// The CronJob with the stream's name, if there is one.
    pub cron_job: Option<CronJobView>,
    /// Open BackfillRequests of this stream and class, oldest first.
    pub requests: Vec<RequestView>,
    /// Names of requests made by the operator that are known to be completed already. Only such
    /// names appear here as the operator was about to create again.
    pub completed_requests: Vec<String>,
    /// What a plugin has just answered. Empty without a plugin.
    pub decisions: Decisions,
    /// What to do with a Job that is current but rendered from an older template.
    pub drift: Drift,
}

impl Observed {
    /// The Job, if it is the stream's own.
    pub fn own_job(&self) -> Option<&JobView> {
        self.job_of(Ownership::Ours)
    }

    /// The CronJob, if it is the stream's own.
    pub fn own_cron_job(&self) -> Option<&CronJobView> {
        self.cron_job_of(Ownership::Ours)
    }

    /// The Job, if it is so owned.
    pub(crate) fn job_of(&self, ownership: Ownership) -> Option<&JobView> {
        let job = self.job.as_ref();
        job.filter(|job| job.ownership == ownership)
    }

    /// The CronJob, if it is so owned.
    pub(crate) fn cron_job_of(&self, ownership: Ownership) -> Option<&CronJobView> {
        let cron_job = self.cron_job.as_ref();
        cron_job.filter(|cron_job| cron_job.ownership == ownership)
    }

    /// The stream's own Job, if it failed by its own doing.
    pub(crate) fn failed_job(&self) -> Option<&JobView> {
        self.own_job()
            .filter(|job| matches!(job.state, JobState::Finished(Outcome::Failed(_))))
    }
}

/// The definition: identity, wishes, and what its status says.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamView {
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.generation`
    pub generation: i64,
    /// The definition asks for no Job.
    pub suspended: bool,
    /// Which backend the definition asks for; `None` if neither is set.
    pub backend: Option<Backend>,
    /// Value of the restart annotation.
    pub restart: Option<String>,
    /// `status.phase`
    pub phase: Phase,
    /// `status.configurationHash`
    pub configuration_hash: Option<String>,
}

/// The two ways to run a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A Job that runs until told otherwise.
    ChangeCapture,
    /// A CronJob.
    Batch,
}

/// `status.phase` of a definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not seen yet: the empty phase.
    #[default]
    New,
    /// Something is about to be started.
    Pending,
    /// A streaming Job runs.
    Running,
    /// A backfill Job runs.
    Backfilling,
    /// Stopped by the user.
    Suspended,
    /// A Job failed; the user suspends and resumes to try again.
    Failed,
    /// A CronJob is in place.
    Scheduled,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 7] = [
        Phase::New,
        Phase::Pending,
        Phase::Running,
        Phase::Backfilling,
        Phase::Suspended,
        Phase::Failed,
        Phase::Scheduled,
    ];

    /// The phase as it stands in `status.phase`.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::New => "",
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Backfilling => "Backfilling",
            Phase::Suspended => "Suspended",
            Phase::Failed => "Failed",
            Phase::Scheduled => "Scheduled",
        }
    }

    /// Reads `status.phase`; what is not known counts as new.
    pub fn parse(text: &str) -> Phase {
        Phase::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .unwrap_or_default()
    }
}

/// The Job with the stream's name.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// `metadata.uid`
    pub uid: String,
    /// Whether the definition controls the Job.
    pub ownership: Ownership,
    /// What the Job was made for.
    pub run: Run,
    /// Annotation `configuration-hash`.
    pub configuration_hash: Option<String>,
    /// Annotation `arcane.sneaksanddata.com/render-hash`; absent on Jobs made by others.
    pub render_hash: Option<String>,
    /// Annotation `arcane.sneaksanddata.com/restart`.
    pub restart: Option<String>,
    /// The stream has said on its Job that the source's schema changed.
    pub schema_mismatch: bool,
    /// How many times in a row the run has been restarted after a failure; 0 for a first run.
    pub attempt: u32,
    /// The decision about this Job that stands on record.
    pub record: Option<JobRecord>,
    /// The Job is being deleted, or gone already.
    pub terminating: bool,
    /// How far the Job is.
    pub state: JobState,
}

/// Whose object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// Controlled by this definition.
    Ours,
    /// Controlled by an earlier definition of the same kind and name.
    Predecessors,
    /// Controlled by anything else, or by nothing.
    Foreign,
}

/// What a Job was made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Run {
    /// Streaming.
    Streaming,
    /// Backfill for the request of this name; `None` if the Job does not tell.
    Backfill(Option<String>),
}

/// How far a Job is.
///
/// A Job that reached its end only after its deletion had been asked for counts as active: its
/// pods were told to stop, and how they ended says nothing about the stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Not finished: pods may be alive.
    Active,
    /// Finished: no pod is alive.
    Finished(Outcome),
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Condition `Complete`.
    Succeeded,
    /// Condition `Failed`, by the stream's own doing.
    Failed(Failure),
    /// Condition `Failed`, but every failed pod was evicted, preempted or drained.
    Disrupted,
}

/// Why a Job failed, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Failure {
    /// Reason of the Job's condition, e.g. `BackoffLimitExceeded`.
    pub reason: String,
    /// Message of the Job's condition.
    pub message: String,
    /// Exit code of the last container that failed.
    pub exit_code: Option<i32>,
    /// Why that container ended, by the kubelet, e.g. `OOMKilled`.
    pub container_reason: Option<String>,
    /// What that container left as its termination message.
    pub termination_message: Option<String>,
}

/// The CronJob with the stream's name.
#[derive(Clone, Debug, PartialEq)]
pub struct CronJobView {
    /// `metadata.uid`
    pub uid: String,
    /// Whether the definition controls the CronJob.
    pub ownership: Ownership,
    /// Annotation `configuration-hash`.
    pub configuration_hash: Option<String>,
    /// Annotation `arcane.sneaksanddata.com/render-hash`; absent on CronJobs made by others.
    pub render_hash: Option<String>,
    /// The CronJob is being deleted.
    pub terminating: bool,
}

/// An open BackfillRequest.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestView {
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
    /// `status.phase` as last written.
    pub phase: Option<crate::RequestPhase>,
    /// The decision about this request that stands on record.
    pub record: Option<RequestRecord>,
}

/// What to do about a Job whose configuration is current but which was rendered from an older
/// template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drift {
    /// Say so; the next run has the new template.
    Report,
    /// Restart the Job now.
    Restart,
    /// Restart the Job when others of its class are done.
    Wait,
}
