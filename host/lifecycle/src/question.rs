//! What a plugin is to be asked, and what it is told of a run.

use crate::{
    Goal, JobRecord, JobState, JobView, Observed, Outcome, Rendering, Trigger,
    judge::{Ruling, judge, runs},
    requests,
};

/// Something that has happened and that nobody has decided on yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// This backfill is next. The answer is [`crate::Decisions::backfill`].
    Backfill {
        /// `StreamCreated`, `BackfillRequested` or `SchemaChanged`.
        trigger: Trigger,
        /// Name of the request, which may not have been made yet.
        request: String,
    },
    /// The own Job has failed. The answer is [`crate::Decisions::failure`].
    JobFailed,
    /// The own streaming Job has ended with success, and the next is about to be made. The answer
    /// is [`crate::Decisions::completion`].
    JobCompleted,
}

/// The next question that the observation gives rise to; `None` if there is none, or if it is in
/// [`crate::Decisions`] that a question has got no answer.
///
/// One answer may raise another question: to be called until there is none left. `Default` is an
/// answer, too.
pub fn question(observed: &Observed) -> Option<Question> {
    judge(observed).question
}

/// Whether the trigger `SpecChanged` is at hand and undecided: a Job does what `goal` asks for, but
/// was made from an older configuration. The answer is [`crate::Decisions::spec_change`], and may
/// change the goal.
pub fn spec_change(observed: &Observed, goal: &Goal, rendering: &Rendering) -> bool {
    let decisions = &observed.decisions;
    let (Some(job), Rendering::Ready(fingerprint)) = (observed.own_job(), rendering) else {
        return false;
    };
    job.state == JobState::Active
        && !job.terminating
        && runs(job, goal)
        && !fingerprint.is_hash(job.configuration_hash.as_ref())
        && !is_kept(observed, job)
        && decisions.spec_change.is_none()
        && decisions.unanswered.is_none()
        && !requests::is_made(observed, &requests::spec_name(&observed.stream))
}

fn is_kept(observed: &Observed, job: &JobView) -> bool {
    matches!(
        job.record,
        Some(JobRecord::Kept { generation, .. }) if generation == observed.stream.generation
    )
}

/// How many times in a row the goal's run has been restarted after a failure, once its Job is
/// made: to be put on that Job, and told to the plugin that renders it. A Job that runs keeps its
/// number; one that was cut off by the cluster hands it on.
pub fn attempt(observed: &Observed, goal: &Goal) -> u32 {
    let Some(job) = observed.own_job().filter(|job| runs(job, goal)) else {
        return 0;
    };
    match &job.state {
        JobState::Active if job.terminating => 0,
        JobState::Active | JobState::Finished(Outcome::Disrupted) => job.attempt,
        JobState::Finished(Outcome::Failed(_)) => {
            if judge(observed).job_ruling() == Some(&Ruling::Restart) {
                job.attempt.saturating_add(1)
            } else {
                0
            }
        }
        JobState::Finished(Outcome::Succeeded) => 0,
    }
}
