//! Replicas of the operator, and which of them leads.

use anyhow::{Context, Result};
use arcane_e2e::{NAMESPACE, Platform};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;

/// Who holds the lease; empty if nobody does.
pub async fn holder(platform: &Platform<'_>) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(platform.cluster().client()?, NAMESPACE);
    let lease = leases.get("arcane-host-leader").await?;
    let spec = lease.spec.context("an empty lease")?;
    Ok(spec.holder_identity.unwrap_or_default())
}
