//! Jobs and CronJobs that are known by owner and name alone.

use anyhow::{Context, Result};
use arcane_e2e::Definition;
use kube::ResourceExt;
use serde_json::json;

use crate::bed::{settled, streams, take_over};
use crate::peer::{self, Run, live_job};

#[tokio::test]
async fn a_job_without_labels_is_labelled_and_goes_on() -> Result<()> {
    let plugin = streams().await?;
    let definition = Definition::v2();
    let hash = peer::hash(&definition);
    let status = peer::status("Running", &hash, "Ready", "StreamRunning");
    let stream = peer::stream(&plugin, "orders", definition.clone(), status).await?;
    let run = Run::Streaming;
    let job = peer::create_job(&plugin, &stream, &definition, run, json!({}), &hash).await?;
    take_over(&plugin).await;
    settled(&stream, "Running").await;
    assert_eq!(Some(live_job(&stream).await), job.metadata.uid);
    let labels = stream.job().await.context("gone")?.labels().clone();
    assert_eq!(labels["arcane/stream-id"], "orders");
    assert_eq!(labels["arcane/stream-kind"], plugin.kind().kind);
    let writes = plugin.audit().await.writes();
    assert_eq!(writes.count("patch", "jobs"), 1);
    assert_eq!(writes.count("create", "jobs"), 0);
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_job_without_labels_is_stopped_with_its_stream() -> Result<()> {
    let plugin = streams().await?;
    let definition = Definition::v2();
    let hash = peer::hash(&definition);
    let status = peer::status("Running", &hash, "Ready", "StreamRunning");
    let stream = peer::stream(&plugin, "orders", definition.clone(), status).await?;
    let run = Run::Streaming;
    peer::create_job(&plugin, &stream, &definition, run, json!({}), &hash).await?;
    stream.suspend().await;
    take_over(&plugin).await;
    stream.wait_no_job().await;
    settled(&stream, "Suspended").await;
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_cron_job_goes_on_as_it_is_until_its_stream_changes() -> Result<()> {
    const YEARLY: &str = "0 0 1 1 *";
    let plugin = streams().await?;
    let definition = Definition::v2_batch(YEARLY);
    let hash = peer::hash(&definition);
    let status = peer::status("Scheduled", &hash, "Ready", "StreamScheduled");
    let stream = peer::stream(&plugin, "orders", definition.clone(), status).await?;
    let cron_job = peer::cron_job(&plugin, &stream, &definition, YEARLY).await?;
    take_over(&plugin).await;
    settled(&stream, "Scheduled").await;
    let now = stream.cron_job().await.context("gone")?;
    assert_eq!(now.metadata.uid, cron_job.metadata.uid);
    assert_eq!(now.spec, cron_job.spec);

    stream.patch_spec(json!({"source": "another"})).await;
    let changed = definition.field("source", json!("another"));
    let now = stream
        .wait_cron_job("the new hash", |cron_job| {
            let hash = cron_job.annotations().get("configuration-hash");
            hash == Some(&peer::hash(&changed))
        })
        .await;
    assert_eq!(now.metadata.uid, cron_job.metadata.uid, "in place");
    plugin.assert_clean().await;
    Ok(())
}
