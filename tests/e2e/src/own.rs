//! A cluster that a test has to itself, to start and stop operators as it likes.

use std::time::Duration;

use anyhow::Result;
use arcane_cluster::Cluster;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::platform::Platform;

/// What the operator promises for a graceful end.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// The one cluster of this kind, while the test has it.
#[derive(Debug)]
pub struct Own(MutexGuard<'static, Cluster>);

impl Own {
    /// Waits for the cluster. A control plane costs seconds, and these tests use it in turn.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn cluster() -> Result<Self> {
        static CLUSTER: OnceCell<Mutex<Cluster>> = OnceCell::const_new();
        let cluster = CLUSTER
            .get_or_try_init(async || anyhow::Ok(Mutex::new(Cluster::start().await?)))
            .await?;
        Ok(Self(cluster.lock().await))
    }

    /// The platform there; no operator runs.
    ///
    /// # Errors
    /// When Helm fails.
    pub async fn platform(&self) -> Result<Platform<'_>> {
        Platform::install(&self.0).await
    }
}
