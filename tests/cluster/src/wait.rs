//! Waiting for a condition, never for a time.

use std::panic::Location;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, timeout_at};

/// Between two looks: far below what a person notices, far above what loads the API server.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `probe` succeeds and returns what it found. An error of the probe means *not yet*
/// and should tell the state that was seen.
///
/// # Panics
/// When `timeout` has passed, with `what`, the caller's place, and the state last seen.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    timeout: Duration,
    probe: impl AsyncFnMut() -> Result<T>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        match within(timeout, probe).await {
            Ok(found) => found,
            Err(seen) => panic!("{caller}: waited {timeout:?} for {what}; last seen: {seen:#}"),
        }
    }
}

/// Looks until `probe` succeeds, as [`eventually`] does.
///
/// # Errors
/// The probe's last error when `timeout` has passed.
pub async fn within<T>(timeout: Duration, probe: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    within_looking(timeout, LOOK_EVERY, probe).await
}

/// The same, looking so often.
///
/// # Errors
/// As [`within`].
pub async fn within_looking<T>(
    timeout: Duration,
    look_every: Duration,
    mut probe: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    let mut seen = anyhow::anyhow!("nothing: the first look did not end");
    loop {
        match timeout_at(deadline, probe()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(state)) => seen = state,
            Err(_) => return Err(seen),
        }
        if Instant::now() + look_every >= deadline {
            return Err(seen);
        }
        sleep(look_every).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_found_at_last_is_returned() {
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(1), async || {
            looks += 1;
            if looks == 3 {
                Ok(looks)
            } else {
                anyhow::bail!("look {looks}")
            }
        });
        assert_eq!(found.await, 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited 1s for the moon; last seen: clouds")]
    async fn the_panic_tells_what_was_awaited_and_what_was_seen_last() {
        eventually(
            "the moon",
            Duration::from_secs(1),
            async || -> Result<()> { anyhow::bail!("clouds") },
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_never_ends_does_not_outlast_the_deadline() {
        let begun = Instant::now();
        let result: Result<()> = within(Duration::from_secs(1), async || {
            std::future::pending().await
        })
        .await;
        assert!(result.is_err());
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }
}
