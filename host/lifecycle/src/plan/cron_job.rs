//! The goal with a CronJob.

use super::{
    Draft, Fingerprint, Step, leftover, queue,
    report::{self, Freshness},
};
use crate::{CronJobView, Goal, Ownership, Phase};

/// Leads to the CronJob of a batch stream.
pub(super) fn pursue(draft: &mut Draft, fingerprint: &Fingerprint) {
    let observed = draft.observed;
    let foreign = observed.cron_job_of(Ownership::Foreign);
    if foreign.is_some_and(|cron_job| !cron_job.terminating) {
        return draft.block(report::cron_job_name_taken(observed));
    }
    draft.depart(&Goal::Schedule);
    let is_job_there = draft.stop_job();
    queue::mark_waiting(draft, None);
    let is_going =
        observed.cron_job.as_ref().is_some_and(|it| it.terminating) || leftover::is_there(observed);
    if is_job_there || is_going {
        let phase = draft.phase_meanwhile();
        return draft.set_status(phase, None, report::waiting(phase, None));
    }
    let hash = match &observed.cron_job {
        None => {
            draft.check_definition();
            draft.step(Step::CreateCronJob);
            Some(fingerprint.configuration_hash.clone())
        }
        Some(cron_job) if is_current(cron_job, fingerprint) => cron_job.configuration_hash.clone(),
        Some(cron_job) => {
            // In place: a run that is under way goes on, and the next one has what is new.
            draft.step(Step::UpdateCronJob {
                uid: cron_job.uid.clone(),
            });
            Some(fingerprint.configuration_hash.clone())
        }
    };
    let conditions = report::settled(Phase::Scheduled, None, Freshness::Current);
    draft.set_status(Phase::Scheduled, hash, conditions);
}

fn is_current(cron_job: &CronJobView, fingerprint: &Fingerprint) -> bool {
    fingerprint.is_hash(cron_job.configuration_hash.as_ref())
        && !fingerprint.is_drifted(cron_job.render_hash.as_ref())
}
