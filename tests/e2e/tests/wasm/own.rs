//! An operator of the test's own.

use anyhow::Result;
use arcane_cluster::Operator;
use arcane_e2e::{Platform, READY_WITHIN};

/// Starts an operator. It gives back its lease in the end, so that a successor need not wait.
pub async fn start(platform: &Platform<'_>) -> Result<Operator> {
    let mut operator = platform.operator().start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}
