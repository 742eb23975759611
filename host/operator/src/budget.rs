//! How fast the operator may write, so that a change that touches thousands of streams at once
//! leaves the API server time for others.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Writes that were not made for this long may be made at once.
const BURST: Duration = Duration::from_millis(100);

/// Hands out turns at a steady pace, first come, first served.
pub struct Budget {
    /// Between two turns; `None` if there are as many as one likes.
    pace: Option<Duration>,
    /// When the next turn is.
    next: Mutex<Instant>,
}

impl Budget {
    /// So many turns a second; 0 for no bound.
    pub fn of(per_second: u32) -> Self {
        Self {
            pace: (per_second > 0).then(|| Duration::from_secs(1) / per_second),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for a turn.
    pub async fn take(&self) {
        if let Some(pace) = self.pace {
            sleep_until(self.reserve(pace)).await;
        }
    }

    fn reserve(&self, pace: Duration) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = (*next).max(now.checked_sub(BURST).unwrap_or(now));
        *next = turn + pace;
        turn
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    async fn turns(budget: &Budget, count: u32) -> Duration {
        let begun = Instant::now();
        join_all((0..count).map(|_| budget.take())).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_a_tenth_of_a_second_and_then_the_pace_holds() {
        let budget = Budget::of(100);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(turns(&budget, 11).await, Duration::ZERO);
        let took = turns(&budget, 100).await;
        assert!(took.abs_diff(Duration::from_secs(1)) < Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_bound_nobody_waits() {
        assert_eq!(turns(&Budget::of(0), 10_000).await, Duration::ZERO);
    }
}
