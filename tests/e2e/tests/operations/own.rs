//! Replicas of the operator, and which of them leads.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Operator, eventually};
use arcane_e2e::{NAMESPACE, Platform, short_lease, sum};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

/// A replica with a short lease and a service account of its own, by which the audit log tells it
/// from others; it has the same rights.
pub async fn replica(platform: &Platform<'_>, name: &str) -> Result<Operator> {
    let client = platform.cluster().client()?;
    let params = PatchParams::apply("e2e").force();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name},
    });
    accounts
        .patch(name, &params, &Patch::Apply(account))
        .await?;
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]);
    for role in ["arcane-host", "arcane-host-streams"] {
        let name = format!("{role}-{name}");
        let binding = binding("ClusterRoleBinding", &name, "ClusterRole", role, &subjects);
        let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
        bindings
            .patch(&name, &params, &Patch::Apply(binding))
            .await?;
    }
    let role = "arcane-host-lease";
    let binding = binding("RoleBinding", name, "Role", role, &subjects);
    let bindings: Api<RoleBinding> = Api::namespaced(client, NAMESPACE);
    bindings
        .patch(name, &params, &Patch::Apply(binding))
        .await?;
    let mut operator = short_lease(platform.operator())
        .service_account(NAMESPACE, name)
        .env("POD_NAME", name)
        .start()
        .await?;
    operator.wait_ready(arcane_e2e::READY_WITHIN).await?;
    Ok(operator)
}

fn binding(kind: &str, name: &str, role_kind: &str, role: &str, subjects: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": subjects,
    })
}

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
