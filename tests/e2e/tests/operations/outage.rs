//! The API server restarts, and its history is gone.

use std::time::Duration;

use anyhow::{Result, ensure};
use arcane_cluster::eventually;
use arcane_e2e::{Definition, Own, READY_WITHIN, STOPPED_WITHIN};
use serde_json::json;

use crate::support::{Class, job_uids, running};

/// Watches that fail are tried again after up to half a minute, and each of the operator's seven
/// must find an API server that is ready for it.
const LONG: Duration = Duration::from_secs(120);

#[tokio::test]
async fn streams_and_operator_outlive_a_restart_of_the_api_server_and_a_compaction() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    // A busy machine may take longer to restart an API server than the default lease lasts.
    let mut operator = platform
        .operator()
        .env("ARCANE_HOST__LEASE_DURATION_SECONDS", "90")
        .env("ARCANE_HOST__LEASE_RENEW_DEADLINE_SECONDS", "60")
        .start()
        .await?;
    operator.wait_ready(READY_WITHIN).await?;
    let sample = platform.sample(&json!({})).await?;
    Class::of(&sample)?.wait_ready().await;
    let streaming = running(&sample, "streaming").await;
    let gone = running(&sample, "gone").await;
    let backfilling = sample.create("backfilling", Definition::v2()).await;
    backfilling.wait_phase("Backfilling").await;
    let streams = [&streaming, &backfilling];
    let before = job_uids(&streams).await?;

    for _ in 0..2 {
        // Versions that the operator's watches would resume at are forgotten: 410.
        streaming
            .annotate("example.com/note", "makes a version")
            .await;
        platform.cluster().compact_etcd().await?;
        platform.cluster().restart_api_server().await?;
    }
    // And some of what happens while nobody watches only shows in the lists after that.
    operator.pause()?;
    platform.cluster().compact_etcd().await?;
    platform.cluster().restart_api_server().await?;
    let new = sample.create("new", Definition::v2().suspended()).await;
    streaming.patch_spec(json!({"source": "another"})).await;
    gone.delete().await;
    operator.resume()?;
    for (stream, phase) in [(&new, "Suspended"), (&backfilling, "Backfilling")] {
        eventually("the operator to be back at work", LONG, async || {
            let status = stream.status().await;
            ensure!(status["phase"] == phase, "{status}");
            Ok(())
        })
        .await;
    }
    streaming
        .wait_job("another Job", |job| {
            job.metadata.uid.as_ref() != before.first()
        })
        .await;
    assert_eq!(job_uids(&[&backfilling]).await?, before[1..]);
    gone.wait_no_job().await;
    backfilling.finish_job().await;
    backfilling.wait_phase("Running").await;
    Class::of(&sample)?.wait_ready().await;
    assert_eq!(operator.exited()?, None, "it did not restart");
    assert_eq!(operator.probe("/health").await?.status, 200);
    assert_eq!(sample.audit().await.duplicates(), []);
    let stopped = operator.stop(STOPPED_WITHIN).await?;
    assert!(stopped.took < Duration::from_secs(5));
    Ok(())
}
