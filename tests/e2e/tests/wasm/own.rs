//! A cluster and an operator that the test has to itself, to stop and to measure it.

use std::time::Duration;

use anyhow::{Result, ensure};
use arcane_cluster::{Cluster, Operator};
use arcane_e2e::{Platform, READY_WITHIN, until};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// What the operator promises for a graceful end.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// The one cluster of this kind, while the test has it.
pub struct Own(MutexGuard<'static, Cluster>);

impl Own {
    /// Waits for the cluster. A control plane costs seconds, and these tests use it in turn.
    pub async fn cluster() -> Result<Self> {
        static CLUSTER: OnceCell<Mutex<Cluster>> = OnceCell::const_new();
        let cluster = CLUSTER
            .get_or_try_init(async || anyhow::Ok(Mutex::new(Cluster::start().await?)))
            .await?;
        Ok(Self(cluster.lock().await))
    }

    /// The platform there; no operator runs.
    pub async fn platform(&self) -> Result<Platform<'_>> {
        Platform::install(&self.0).await
    }
}

/// Starts an operator whose lease is short, so that a successor need not wait for long.
pub async fn start(platform: &Platform<'_>) -> Result<Operator> {
    let mut operator = platform
        .operator()
        .env("ARCANE_HOST__LEASE_DURATION_SECONDS", "3")
        .env("ARCANE_HOST__LEASE_RENEW_DEADLINE_SECONDS", "2")
        .env("ARCANE_HOST__LEASE_RETRY_PERIOD_SECONDS", "1")
        .start()
        .await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}

/// Waits until the operator has looked at all streams of the class so many times altogether, and
/// none waits.
pub async fn wait_looked(operator: &Operator, class: &str, streams: usize, times: f64) {
    let of_class = format!("class=\"{class}\"");
    until(format!("{times} looks at {streams} streams"), async || {
        let metrics = operator.metrics().await?;
        let known = sum(&metrics, "arcane_streams", &of_class);
        let looked = sum(&metrics, "arcane_reconciles_total", &of_class);
        let queued = sum(&metrics, "arcane_queue_depth", &of_class);
        ensure!(
            known.to_string() == streams.to_string() && looked >= times && queued < 0.5,
            "{known} known, {looked} looked at, {queued} queued"
        );
        Ok(())
    })
    .await;
}

/// Sum of a metric's values where the labels are among its own; 0 if there is no such value.
pub fn sum(metrics: &str, name: &str, labels: &str) -> f64 {
    let value = |line: &str| -> Option<f64> {
        let (series, value) = line.rsplit_once(' ')?;
        let (found, own) = series.split_once('{').unwrap_or((series, ""));
        (found == name && own.contains(labels)).then(|| value.parse().ok())?
    };
    metrics.lines().filter_map(value).sum()
}
