//! What an earlier definition of the same name has left.

use super::{Draft, Propagation, Step};
use crate::{Observed, Ownership};

/// Deletes the Job and CronJob of an earlier definition. The garbage collector does so, too, but in
/// its own time, and never if it has not heard of the deletion: a definition that was deleted and
/// made again behind its back is to it the same with another uid. Read first: what belongs to
/// another definition of this name than the one that is there belongs to one that is gone.
pub(super) fn delete(draft: &mut Draft) {
    let observed = draft.observed;
    let job = observed.job_of(Ownership::Predecessors);
    let job = job.filter(|job| !job.terminating);
    let cron_job = observed.cron_job_of(Ownership::Predecessors);
    let cron_job = cron_job.filter(|cron_job| !cron_job.terminating);
    if job.is_some() || cron_job.is_some() {
        draft.step(Step::CheckDefinition);
    }
    if let Some(job) = job {
        draft.step(Step::DeleteJob {
            uid: job.uid.clone(),
            propagation: Propagation::Foreground,
        });
    }
    if let Some(cron_job) = cron_job {
        draft.step(Step::DeleteCronJob {
            uid: cron_job.uid.clone(),
        });
    }
}

/// Whether something is still there, going or not.
pub(super) fn is_there(observed: &Observed) -> bool {
    observed.job_of(Ownership::Predecessors).is_some()
        || observed.cron_job_of(Ownership::Predecessors).is_some()
}
