//! Acting and waiting in a test: what fails, fails at the test's own line.

use std::panic::Location;
use std::time::Duration;

use anyhow::Result;
use arcane_cluster::wait::within;

/// How long a test waits for anything: many times what it takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `probe` succeeds and returns what it found. An error means *not yet* and tells the
/// state that was seen.
///
/// # Panics
/// After [`DEADLINE`], with the caller's place and the state last seen.
#[track_caller]
pub fn until<T>(
    what: impl Into<String>,
    probe: impl AsyncFnMut() -> Result<T>,
) -> impl Future<Output = T> {
    let (caller, what) = (Location::caller(), what.into());
    async move {
        match within(DEADLINE, probe).await {
            Ok(found) => found,
            Err(seen) => panic!("{caller}: waited {DEADLINE:?} for {what}; last seen: {seen:#}"),
        }
    }
}

/// Does `work` and returns what it gives.
///
/// # Panics
/// When it fails, with the caller's place.
#[track_caller]
pub fn act<T>(
    what: impl Into<String>,
    work: impl Future<Output = Result<T>>,
) -> impl Future<Output = T> {
    let (caller, what) = (Location::caller(), what.into());
    async move {
        match work.await {
            Ok(done) => done,
            Err(error) => panic!("{caller}: failed to {what}: {error:#}"),
        }
    }
}
