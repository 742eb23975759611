//! Replicas of the operator, and which of them leads.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Operator, eventually};
use arcane_e2e::{NAMESPACE, Platform, sum};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;

/// Waits until this replica says that it leads.
#[track_caller]
pub fn wait_leading(operator: &Operator, within: Duration) -> impl Future<Output = ()> {
    eventually("the replica to lead", within, async || {
        let metrics = operator.metrics().await?;
        let leads = sum(&metrics, "arcane_leader", "");
        ensure!(leads == Some(1.0), "{leads:?}");
        Ok(())
    })
}

/// Who holds the lease; empty if nobody does.
pub async fn holder(platform: &Platform<'_>) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(platform.cluster().client()?, NAMESPACE);
    let lease = leases.get("arcane-host-leader").await?;
    let spec = lease.spec.context("an empty lease")?;
    Ok(spec.holder_identity.unwrap_or_default())
}
