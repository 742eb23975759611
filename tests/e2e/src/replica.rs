//! Replicas of the operator that the audit log can tell apart.

use std::time::Duration;

use anyhow::{Result, ensure};
use arcane_cluster::{Operator, eventually};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::metrics::sum;
use crate::platform::{NAMESPACE, Platform, READY_WITHIN};

/// So that a takeover takes seconds, and no longer than it has to: on a busy machine an answer to a
/// renewal can take two of them.
const SHORT_LEASE: [(&str, &str); 3] = [
    ("ARCANE_HOST__LEASE_DURATION_SECONDS", "5"),
    ("ARCANE_HOST__LEASE_RENEW_DEADLINE_SECONDS", "4"),
    ("ARCANE_HOST__LEASE_RETRY_PERIOD_SECONDS", "1"),
];
/// A takeover from a replica that crashes takes the lease, a retry, and time to start working.
pub const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(12);

/// A replica with a short lease (5 s, renewed within 4 s, tried for every second) and a service account of its own, by which the audit log tells it
/// from others; it has the same rights. It is ready.
///
/// # Errors
/// When it does not become ready.
pub async fn replica(platform: &Platform<'_>, name: &str) -> Result<Operator> {
    replica_with(platform, name, &[]).await
}

/// Such a replica, with more environment.
///
/// # Errors
/// When it does not become ready.
pub async fn replica_with(
    platform: &Platform<'_>,
    name: &str,
    environment: &[(&str, &str)],
) -> Result<Operator> {
    platform.account(name).await?;
    let mut builder = platform
        .operator()
        .service_account(NAMESPACE, name)
        .env("POD_NAME", name);
    for (key, value) in SHORT_LEASE.iter().chain(environment) {
        builder = builder.env(key, value);
    }
    let mut operator = builder.start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}

impl Platform<'_> {
    /// A service account with the operator's rights, by which the audit log tells one replica from
    /// others.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn account(&self, name: &str) -> Result<()> {
        let client = self.cluster().client()?;
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
        Ok(())
    }
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
