//! What a stream has lost, and what that may mean.

use super::{Draft, Step};
use crate::{Observed, Phase, Run, requests::is_made};

impl Draft<'_> {
    /// Has the definition looked up if the stream has lost something. Watches tell of each kind in a
    /// time of its own: what the garbage collector takes after a definition can be seen to be gone
    /// before the definition is, and would be made again for nobody.
    pub(super) fn check_definition(&mut self) {
        if has_lost(self.observed) {
            self.step(Step::CheckDefinition);
        }
    }
}

/// Whether something may be gone without the operator's doing: the stream's Job or CronJob, or the
/// request that its Job was made for.
fn has_lost(observed: &Observed) -> bool {
    match observed.own_job() {
        Some(job) => {
            let is_request_gone = match &job.run {
                Run::Backfill(Some(request)) => !is_made(observed, request),
                Run::Backfill(None) | Run::Streaming => false,
            };
            job.terminating || is_request_gone
        }
        None => match observed.stream.phase {
            // Nothing was there.
            Phase::New | Phase::Suspended | Phase::Failed => false,
            Phase::Pending | Phase::Running | Phase::Backfilling | Phase::Scheduled => true,
        },
    }
}
