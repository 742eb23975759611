//! The operator starts again, or for the first time.

use std::time::Duration;

use anyhow::Result;
use arcane_cluster::{Operator, eventually};
use arcane_e2e::{
    Definition, OPERATOR_USER, Own, READY_WITHIN, STOPPED_WITHIN, change_template, wait_looked,
};
use kube::ResourceExt;
use serde_json::json;

use crate::own::holder;
use crate::support::{Class, job_uids, running};

#[tokio::test]
async fn a_restart_with_streams_in_every_phase_writes_nothing() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let operator = platform.start_operator().await?;
    let plugin = platform.plugin(&json!({})).await?;
    Class::of(&plugin)?.wait_ready().await;
    let streaming = running(&plugin, "running").await;
    let backfilling = plugin.create("backfilling", Definition::v1()).await;
    backfilling.wait_phase("Backfilling").await;
    backfilling.request_backfill(None).await;
    let failed = plugin.create("failed", Definition::v0()).await;
    failed.wait_phase("Backfilling").await;
    failed.fail_job(3, "the source is gone").await;
    failed.wait_phase("Failed").await;
    let suspended = plugin
        .create("suspended", Definition::v2().suspended())
        .await;
    suspended.wait_phase("Suspended").await;
    let scheduled = plugin
        .create("scheduled", Definition::v2_batch("0 0 1 1 *"))
        .await;
    scheduled.wait_phase("Scheduled").await;
    let new = plugin.create("new", Definition::without_backend()).await;
    new.wait_event("NoValidBackend").await;
    let drifted = running(&plugin, "drifted").await;
    let label = json!({"metadata": {"labels": {"team": "data"}}});
    change_template(&plugin, "sample-streaming", label).await;
    let invalid = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "stream", "image": "s", "imagePullPolicy": "Sometimes"},
    ]}}}});
    drifted
        .wait_status("drift", |status| {
            crate::support::condition(status, "UpToDate")["status"] == "False"
        })
        .await;
    change_template(&plugin, "sample-backfill", invalid).await;
    let refused = plugin.create("refused", Definition::v2()).await;
    refused.wait_event("ApiRefused").await;
    // Its request is told that it waits with the second attempt.
    let request = refused.requests().await[0].name_any();
    refused
        .wait_request(&request, "its place in the queue", |request| {
            request.status.is_some()
        })
        .await;
    let streams = 8;
    let jobs = [&streaming, &backfilling, &drifted];
    let before = job_uids(&jobs).await?;
    wait_looked(&operator, plugin.class(), streams, f64::from(streams)).await;

    let stopped = operator.stop(STOPPED_WITHIN).await?;
    assert!(stopped.status.success(), "{stopped:?}");
    assert_eq!(holder(&platform).await?, "", "the lease is given back");
    let mark = platform.cluster().audit().mark().await?;
    let operator = platform.start_operator().await?;
    wait_looked(&operator, plugin.class(), streams, f64::from(streams)).await;
    let record = platform.cluster().audit().since(mark).await?;
    let writes = record.by_user(OPERATOR_USER).writes().except(&["leases"]);
    assert!(writes.is_empty(), "{:?}", writes.counts());
    assert_eq!(job_uids(&jobs).await?, before);
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn a_kubeconfig_is_all_the_operator_needs() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    // Beside its ports, which are free ones, every setting is left to its default.
    let mut operator = Operator::builder(platform.cluster()).start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    let sample = platform.sample(&json!({})).await?;
    let stream = sample.create("orders", Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.finish_job().await;
    stream.wait_phase("Running").await;
    let log = std::fs::read_to_string(operator.log())?;
    assert!(!log.contains("\"level\":\"DEBUG\""), "info by default");
    let stopped = operator.stop(STOPPED_WITHIN).await?;
    assert!(stopped.status.success());
    assert!(stopped.took < Duration::from_secs(5), "{stopped:?}");
    Ok(())
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_named_and_ends_the_operator_at_once() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut operator = platform
        .operator()
        .env("ARCANE_HOST__LEASE_RENEW_DEADLINE_SECONDS", "20")
        .start()
        .await?;
    let status = operator.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(status.code(), Some(2));
    let log = eventually("the reason", Duration::from_secs(5), async || {
        Ok(std::fs::read_to_string(operator.log())?)
    })
    .await;
    assert!(log.contains("--lease-renew-deadline-seconds (20)"), "{log}");
    Ok(())
}
