//! The last write to each kind.

use tokio::time::Instant;

use crate::cache::Progress;

/// One write: what it returned, and when.
#[derive(Clone, Copy, Debug)]
struct Write {
    version: u64,
    at: Instant,
}

/// The last write to each kind. A stream is not worked on while a cache is behind them: the
/// operator never acts on a view older than its own writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fence {
    definition: Option<Write>,
    job: Option<Write>,
    cron_job: Option<Write>,
    request: Option<Write>,
}

/// Kinds that are fenced.
#[derive(Clone, Copy, Debug)]
pub enum Fenced {
    /// The definition's status.
    Definition,
    /// The stream's Job.
    Job,
    /// The stream's CronJob.
    CronJob,
    /// Its BackfillRequests.
    Request,
}

impl Fence {
    /// Notes a write that was just answered with this resourceVersion.
    pub fn raise(&mut self, kind: Fenced, version: u64) {
        let write = Some(Write {
            version,
            at: Instant::now(),
        });
        *self.slot(kind) = write;
    }

    /// Whether the cache with this progress reflects what was written to the kind.
    pub fn passes(&mut self, kind: Fenced, progress: &Progress) -> bool {
        let slot = self.slot(kind);
        match slot {
            Some(write) if !progress.reflects(write.version, write.at) => false,
            _ => {
                *slot = None;
                true
            }
        }
    }

    fn slot(&mut self, kind: Fenced) -> &mut Option<Write> {
        match kind {
            Fenced::Definition => &mut self.definition,
            Fenced::Job => &mut self.job,
            Fenced::CronJob => &mut self.cron_job,
            Fenced::Request => &mut self.request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fence_falls_once_the_cache_has_the_write() {
        let progress = Progress::new();
        let mut fence = Fence::default();
        fence.raise(Fenced::Job, 7);
        assert!(fence.passes(Fenced::Request, &progress));
        assert!(!fence.passes(Fenced::Job, &progress));
        progress.advance(7);
        assert!(fence.passes(Fenced::Job, &progress));
    }
}
