//! Acting and waiting in a test: what fails, fails at the test's own line.

use std::panic::Location;
use std::time::Duration;

use anyhow::Result;
use arcane_cluster::wait::{LOOK_EVERY, within_looking};

/// How long a test waits for anything: many times what it takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

tokio::task_local! {
    static PATIENCE: Patience;
}

/// How a test waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For how long.
    pub deadline: Duration,
    /// How often it looks meanwhile.
    pub look_every: Duration,
}

impl Patience {
    /// Waits so in all of `work`, as long as it is on this task: for what takes longer than usual, or
    /// where so much is waited for at once that looking is a load.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        PATIENCE.scope(self, work).await
    }

    fn current() -> Self {
        PATIENCE.try_get().unwrap_or(Self {
            deadline: DEADLINE,
            look_every: LOOK_EVERY,
        })
    }
}

/// Waits until `probe` succeeds and returns what it found. An error means *not yet* and tells the
/// state that was seen.
///
/// # Panics
/// After [`DEADLINE`], or what [`Patience`] says in its place, with the caller's place and the state
/// last seen.
#[track_caller]
pub fn until<T>(
    what: impl Into<String>,
    probe: impl AsyncFnMut() -> Result<T>,
) -> impl Future<Output = T> {
    let (caller, what) = (Location::caller(), what.into());
    async move {
        let Patience {
            deadline,
            look_every,
        } = Patience::current();
        match within_looking(deadline, look_every, probe).await {
            Ok(found) => found,
            Err(seen) => panic!("{caller}: waited {deadline:?} for {what}; last seen: {seen:#}"),
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
