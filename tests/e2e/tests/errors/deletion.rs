//! A definition that is deleted takes everything with it, whatever its phase.

use anyhow::{Result, ensure};
use arcane_contract::api::BackfillRequest;
use arcane_e2e::{Definition, sample, until};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, PartialObjectMeta};
use kube::{Resource, ResourceExt};
use serde_json::json;

use crate::support::{running, wait_problem};

#[tokio::test]
async fn a_definition_that_is_deleted_leaves_nothing_behind_in_any_phase() -> Result<()> {
    let sample = sample().await?;
    let streaming = running(&sample, "running", Definition::v2()).await;
    let suspended = sample
        .create("suspended", Definition::v2().suspended())
        .await;
    let scheduled = sample
        .create("scheduled", Definition::v2_batch("0 0 1 1 *"))
        .await;
    let odd = Definition::v0().field("execution", json!({"layoutVersion": "v9"}));
    let new = sample.create("new", odd).await;
    let backfilling = sample.create("backfilling", Definition::v0()).await;
    let failed = sample.create("failed", Definition::v1()).await;
    suspended.wait_phase("Suspended").await;
    scheduled.wait_phase("Scheduled").await;
    wait_problem(&new, "LayoutVersionUnknown", &[]).await;
    failed.wait_phase("Backfilling").await;
    failed.fail_job(1, "gone").await;
    failed.wait_phase("Failed").await;
    backfilling.wait_phase("Backfilling").await;
    let missing = json!({"execution": {"streamingBackend": {"changeCapture": {
        "backfillJobTemplateRef": {"name": "missing"},
    }}}});
    let pending = sample.create("pending", Definition::v2().suspended()).await;
    pending.wait_phase("Suspended").await;
    pending.patch_spec(missing).await;
    pending.request_backfill(None).await;
    pending.resume().await;
    wait_problem(&pending, "TemplateNotFound", &["missing"]).await;

    let mark = sample.cluster().audit().mark().await?;
    for stream in [
        &streaming,
        &suspended,
        &scheduled,
        &new,
        &backfilling,
        &failed,
        &pending,
    ] {
        stream.delete().await;
    }
    until("everything to be gone", async || {
        nothing_is_left::<Job>(sample.api(), &[]).await?;
        nothing_is_left::<CronJob>(sample.api(), &[]).await?;
        nothing_is_left::<Pod>(sample.api(), &[]).await?;
        // The user's own request is the user's to delete.
        nothing_is_left::<BackfillRequest>(sample.api(), &["pending-"]).await
    })
    .await;
    let record = sample.cluster().audit().since(mark).await?;
    let writes = record
        .in_namespace(sample.namespace())
        .by_user(arcane_e2e::OPERATOR_USER)
        .writes();
    assert!(
        writes.is_empty(),
        "the garbage collector does it all: {:?}",
        writes.counts()
    );
    Ok(())
}

async fn nothing_is_left<K>(objects: Api<K>, but: &[&str]) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let left: Vec<String> = objects
        .list_metadata(&ListParams::default())
        .await?
        .items
        .iter()
        .map(PartialObjectMeta::name_any)
        .filter(|name| !but.iter().any(|kept| name.starts_with(kept)))
        .collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
