//! A control plane of the demo's own, with simulated nodes.

use std::time::Duration;

use anyhow::{Context, Result};
use arcane_cluster::{Cluster, Operator};

use super::{RELEASE, SYSTEM, operator_binary};

/// The operator promises to end in good order within this time.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// The control plane and the operator, which end with this.
#[derive(Debug)]
pub struct Own {
    // Dropped before the cluster that it works on.
    operator: Option<Operator>,
    pub cluster: Cluster,
}

impl Own {
    pub async fn start() -> Result<Self> {
        Ok(Self {
            operator: None,
            cluster: Cluster::start().await?,
        })
    }

    pub async fn start_operator(&mut self, patience: Duration) -> Result<()> {
        let operator = Operator::builder(&self.cluster)
            .binary(operator_binary()?)
            .service_account(SYSTEM, RELEASE)
            // As in a pod whose container is restarted: the name stays, and with it the Lease.
            .env("POD_NAME", format!("{RELEASE}-0"))
            .start()
            .await?;
        self.operator.insert(operator).wait_ready(patience).await
    }

    pub fn crash_operator(&mut self) -> Result<()> {
        let operator = self.operator.take().context("no operator is running")?;
        operator.kill()?;
        Ok(())
    }

    pub fn operator_log(&self) -> Option<String> {
        self.operator.as_ref().map(Operator::log_tail)
    }

    pub async fn stop(mut self) -> Result<()> {
        if let Some(operator) = self.operator.take() {
            operator.stop(STOPS_WITHIN).await?;
        }
        Ok(())
    }
}
