//! Goals without a Job.

use super::{Draft, Severity, leftover, queue, report};
use crate::Phase;

/// Stops whatever runs because the user says so.
pub(super) fn suspend(draft: &mut Draft) {
    let is_stopping = stop(draft);
    queue::mark_waiting(draft, None);
    if draft.phase != Phase::Suspended {
        draft.event(
            Severity::Normal,
            "StreamSuspended",
            "The stream is suspended.".into(),
        );
    }
    draft.set_status(Phase::Suspended, None, report::suspended(is_stopping));
}

/// Stops whatever still runs of a stream that failed. The status that tells why is left alone.
pub(super) fn fail(draft: &mut Draft) {
    stop(draft);
    queue::mark_waiting(draft, None);
}

/// True while something is still there.
fn stop(draft: &mut Draft) -> bool {
    let job = draft.stop_job();
    let cron_job = draft.stop_cron_job();
    job || cron_job || leftover::is_there(draft.observed)
}
