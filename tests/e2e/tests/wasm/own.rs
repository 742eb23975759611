//! An operator of the test's own.

use anyhow::Result;
use arcane_cluster::Operator;
use arcane_e2e::{Platform, READY_WITHIN, short_lease};

/// Starts an operator whose lease is short, so that a successor need not wait for long.
pub async fn start(platform: &Platform<'_>) -> Result<Operator> {
    let mut operator = short_lease(platform.operator()).start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}
