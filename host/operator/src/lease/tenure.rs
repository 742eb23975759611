//! Whether this process may still write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{RwLock, RwLockReadGuard},
    time::Instant,
};

/// In the place of the last renewal: the tenure has ended for good.
const OVER: u64 = u64::MAX;

/// Whether this process may still write, by its own clock: asked before every write, so that a
/// process that was paused past its lease writes nothing more even before it notices.
#[derive(Clone, Debug)]
pub struct Tenure {
    start: Instant,
    /// Milliseconds from `start` to the last renewal, or [`OVER`].
    renewed: Arc<AtomicU64>,
    /// Shared by the writes that are under way.
    writes: Arc<RwLock<()>>,
    deadline: Duration,
}

/// Leave for one write; the tenure does not [end](Tenure::end) before it is dropped.
#[must_use]
pub struct Writing<'a> {
    _under_way: RwLockReadGuard<'a, ()>,
}

impl Tenure {
    /// Begins with the request, sent then, by which the Lease was taken.
    pub fn begin(sent: Instant, deadline: Duration) -> Self {
        Tenure {
            start: sent,
            renewed: Arc::default(),
            writes: Arc::default(),
            deadline,
        }
    }

    /// Counts from the moment the renewing request was sent: the server's clock started no earlier.
    pub fn renew(&self, sent: Instant) {
        let elapsed = sent.saturating_duration_since(self.start).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(OVER);
        self.renewed.fetch_max(elapsed, Ordering::Relaxed);
    }

    /// Leave for one write, if the Lease is held.
    pub async fn write(&self) -> Option<Writing<'_>> {
        let under_way = self.writes.read().await;
        let leave = Writing {
            _under_way: under_way,
        };
        self.holds().then_some(leave)
    }

    /// Begins no write any more, whatever the Lease says, and returns once those under way are
    /// answered: the Lease may be given back then.
    pub async fn end(&self) {
        self.renewed.store(OVER, Ordering::Relaxed);
        let _none_under_way = self.writes.write().await;
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
        assert!(tenure.write().await.is_some());
        tenure.end().await;
        assert!(!tenure.holds());
        tenure.renew(Instant::now());
        assert!(!tenure.holds());
        assert!(tenure.write().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenure_ends_only_when_the_writes_under_way_have() {
        let tenure = Tenure::begin(Instant::now(), Duration::from_secs(10));
        let writing = tenure.write().await;
        let mut end = Box::pin(tenure.end());
        assert!(futures::poll!(&mut end).is_pending());
        assert!(!tenure.holds(), "no other begins meanwhile");
        drop(writing);
        end.await;
    }
}
