//! Whether this process may still write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// In the place of the last renewal: the tenure has ended for good.
const OVER: u64 = u64::MAX;

/// Whether this process may still write, by its own clock: asked before every write, so that a
/// process that was paused past its lease writes nothing more even before it notices.
#[derive(Clone, Debug)]
pub struct Tenure {
    start: Instant,
    /// Milliseconds from `start` to the last renewal, or [`OVER`].
    renewed: Arc<AtomicU64>,
    deadline: Duration,
}

impl Tenure {
    /// Begins with the request, sent then, by which the Lease was taken.
    pub fn begin(sent: Instant, deadline: Duration) -> Self {
        Tenure {
            start: sent,
            renewed: Arc::default(),
            deadline,
        }
    }

    /// Counts from the moment the renewing request was sent: the server's clock started no earlier.
    pub fn renew(&self, sent: Instant) {
        let elapsed = sent.saturating_duration_since(self.start).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(OVER);
        self.renewed.fetch_max(elapsed, Ordering::Relaxed);
    }

    /// Nothing more is written, whatever the Lease says: it is about to be given back.
    pub fn end(&self) {
        self.renewed.store(OVER, Ordering::Relaxed);
    }

    /// Whether the last renewal is recent enough.
    pub fn holds(&self) -> bool {
        let renewed = self.renewed.load(Ordering::Relaxed);
        let since = self
            .start
            .elapsed()
            .saturating_sub(Duration::from_millis(renewed));
        renewed != OVER && since < self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tenure_ends_a_renew_deadline_after_the_last_renewal() {
        let tenure = Tenure::begin(Instant::now(), Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(tenure.holds());
        tenure.renew(Instant::now());
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(tenure.holds());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!tenure.holds());
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenure_that_was_ended_is_not_renewed_any_more() {
        let tenure = Tenure::begin(Instant::now(), Duration::from_secs(10));
        tenure.end();
        assert!(!tenure.holds());
        tenure.renew(Instant::now());
        assert!(!tenure.holds());
    }
}
