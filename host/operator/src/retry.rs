//! When to try again what may well have changed unseen.

use std::time::Duration;

use backon::ExponentialBuilder;
use kube::runtime::watcher::ExponentialBackoff;
use tokio::time::sleep;

/// At first, and at most. What fails for a moment shall not keep a class waiting, and what fails for
/// all classes shall not be tried for all of them at one time.
const UNSEEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(20));

/// Delays from the least to the most, doubled each time, with as much again added at random. They
/// never come to an end.
pub fn delays((least, most): (Duration, Duration)) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(least)
        .with_max_delay(most)
        .with_jitter()
        .without_max_times()
        .into()
}

/// Attempts at something, each of which is waited for longer than for the one before.
pub struct Attempts(ExponentialBackoff);

impl Attempts {
    /// None was made.
    pub fn new() -> Self {
        Attempts(delays(UNSEEN))
    }

    /// Waits until it is time for the next one.
    pub async fn wait(&mut self) {
        sleep(self.0.next().unwrap_or(UNSEEN.1)).await;
    }
}
