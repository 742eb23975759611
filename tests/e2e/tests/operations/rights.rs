//! Rights on a kind that the operator lacks.

use anyhow::Result;
use arcane_e2e::{Plugin, sample, shared};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::support::{Class, job_uids, running};

#[tokio::test]
async fn a_class_without_rights_on_its_kind_says_which_to_grant_and_recovers_when_they_are()
-> Result<()> {
    let values = json!({"grantRights": false});
    let plugin = shared().await?.platform.plugin(&values).await?;
    let class = Class::of(&plugin)?;
    let kind = format!("{}.{}", plugin.kind().plural, plugin.kind().group);
    let words = [
        &*kind,
        "may not",
        "grant",
        "get, list and watch",
        "ClusterRole",
    ];
    class.wait("Failed", "WatchFailed", &words).await;

    // Other classes do not notice.
    let other = sample().await?;
    running(&other, "orders").await;

    grant(&plugin, &["get", "list", "watch", "update", "patch"], "").await?;
    grant(&plugin, &["get", "update", "patch"], "/status").await?;
    class.wait_ready().await;
    class
        .wait_events(&[
            "Normal StreamClassCreated",
            "Warning StreamControllerError",
            "Warning StreamClassRecovered",
        ])
        .await;
    running(&plugin, "orders").await;
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_class_without_rights_on_the_status_says_so_and_its_jobs_run_all_the_same() -> Result<()>
{
    let values = json!({"grantRights": false});
    let plugin = shared().await?.platform.plugin(&values).await?;
    grant(&plugin, &["get", "list", "watch", "update", "patch"], "").await?;
    let class = Class::of(&plugin)?;
    class.wait_ready().await;
    let definition = arcane_e2e::Definition::v2();
    let stream = plugin.create("orders", definition).await;
    let status = format!("{}/status", plugin.kind().plural);
    class
        .wait("Failed", "WatchFailed", &["grant", "patch", &status])
        .await;
    let before = job_uids(&[&stream]).await?;
    assert!(stream.status().await.is_null());

    grant(&plugin, &["get", "update", "patch"], "/status").await?;
    stream.wait_phase("Backfilling").await;
    class.wait_ready().await;
    assert_eq!(job_uids(&[&stream]).await?, before);
    Ok(())
}

/// Grants the operator rights on the plugin's kind, as a plugin's chart does.
async fn grant(plugin: &Plugin<'_>, verbs: &[&str], subresource: &str) -> Result<()> {
    let plural = &plugin.kind().plural;
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {
            "generateName": format!("{plural}-"),
            "labels": {"arcane.sneaksanddata.com/aggregate-to-operator": "true"},
        },
        "rules": [{
            "apiGroups": [plugin.kind().group],
            "resources": [format!("{plural}{subresource}")],
            "verbs": verbs,
        }],
    }))?;
    let roles: Api<ClusterRole> = Api::all(plugin.cluster().client()?);
    roles.create(&PostParams::default(), &role).await?;
    Ok(())
}
