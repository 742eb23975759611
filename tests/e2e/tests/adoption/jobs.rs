//! Jobs and CronJobs that carry the existing operator's labels and hash.

use anyhow::Result;
use arcane_e2e::{Definition, Plugin};
use serde_json::{Value, json};

use crate::bed::{settled, streams, take_over};
use crate::peer::{self, Run, live_job};

/// What the operator did to Jobs and CronJobs.
async fn touched(plugin: &Plugin<'_>) -> Vec<String> {
    let mut writes = plugin.writes().await;
    writes.retain(|write| write.contains("jobs"));
    writes
}

#[tokio::test]
async fn a_running_stream_of_any_layout_is_taken_over_as_it_is() -> Result<()> {
    let plugin = streams().await?;
    let mut before = Vec::new();
    for (name, definition) in [
        ("v0", Definition::v0()),
        ("v1", Definition::v1()),
        ("v2", Definition::v2().field("ratio", json!(0.5))),
    ] {
        let hash = peer::hash(&definition);
        let status = peer::status("Running", &hash, "Ready", "StreamRunning");
        let stream = peer::stream(&plugin, name, definition.clone(), status).await?;
        let job = peer::job(&plugin, &stream, &definition, Run::Streaming).await?;
        before.push((stream, job, hash));
    }
    take_over(&plugin).await;
    for (stream, job, hash) in &before {
        settled(stream, "Running").await;
        assert_eq!(stream.status().await["configurationHash"], hash.as_str());
        assert_eq!(Some(live_job(stream).await), job.metadata.uid);
        assert!(stream.requests().await.is_empty());
    }
    assert_eq!(touched(&plugin).await, [""; 0]);
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_backfill_with_a_payload_goes_on_and_is_completed() -> Result<()> {
    let plugin = streams().await?;
    let definition = Definition::v2();
    let stream = peer::stream(&plugin, "orders", definition.clone(), json!({})).await?;
    peer::request(&plugin, "please", "orders", json!({"from": "2026-01-01"})).await?;
    let job = peer::job(&plugin, &stream, &definition, Run::Backfill("please")).await?;
    let hash = peer::backfill_hash(&plugin, &stream, &definition);
    peer::set_status(
        &plugin,
        "orders",
        peer::status("Backfilling", &hash, "Ready", "StreamBackfilling"),
    )
    .await?;
    take_over(&plugin).await;
    settled(&stream, "Backfilling").await;
    assert_eq!(Some(live_job(&stream).await), job.metadata.uid);
    assert_eq!(touched(&plugin).await, [""; 0]);

    stream.finish_job().await;
    stream.wait_completed("please").await;
    settled(&stream, "Running").await;
    stream.wait_streaming_job().await;
    assert_eq!(touched(&plugin).await, ["delete jobs", "create jobs"]);
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_backfill_that_ended_while_no_operator_ran_is_completed_and_not_repeated() -> Result<()> {
    let plugin = streams().await?;
    let definition = Definition::v1();
    let stream = peer::stream(&plugin, "orders", definition.clone(), json!({})).await?;
    peer::request(&plugin, "please", "orders", Value::Null).await?;
    peer::job(&plugin, &stream, &definition, Run::Backfill("please")).await?;
    let hash = peer::backfill_hash(&plugin, &stream, &definition);
    peer::set_status(
        &plugin,
        "orders",
        peer::status("Backfilling", &hash, "Ready", "StreamBackfilling"),
    )
    .await?;
    stream.finish_job().await;
    stream
        .wait_job("completion", |job| {
            let status = job.status.as_ref();
            status.and_then(|status| status.succeeded) == Some(1)
        })
        .await;
    take_over(&plugin).await;
    stream.wait_completed("please").await;
    settled(&stream, "Running").await;
    assert_eq!(touched(&plugin).await, ["delete jobs", "create jobs"]);
    assert_eq!(stream.requests().await.len(), 1);
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn streams_without_a_job_are_taken_over_where_they_stand() -> Result<()> {
    let plugin = streams().await?;
    let definition = Definition::v2();
    let hash = peer::hash(&definition);
    let suspended = peer::stream(
        &plugin,
        "suspended",
        definition.clone().suspended(),
        peer::status("Suspended", &hash, "Warning", "StreamSuspended"),
    )
    .await?;
    let failed = peer::stream(
        &plugin,
        "failed",
        definition.clone(),
        peer::status("Failed", &hash, "Error", "StreamFailed"),
    )
    .await?;
    let pending = peer::stream(
        &plugin,
        "pending",
        definition.clone(),
        peer::status("Pending", &hash, "Warning", "StreamPending"),
    )
    .await?;
    peer::request(&plugin, "please", "pending", Value::Null).await?;
    take_over(&plugin).await;
    settled(&suspended, "Suspended").await;
    settled(&pending, "Backfilling").await;
    pending.wait_backfill_job("please").await;
    assert_eq!(failed.status().await["phase"], "Failed");
    assert!(failed.job().await.is_none() && suspended.job().await.is_none());

    // The way out of Failed is the same as before.
    failed.suspend().await;
    settled(&failed, "Suspended").await;
    failed.resume().await;
    settled(&failed, "Running").await;
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_spec_that_changed_while_no_operator_ran_restarts_the_job_once() -> Result<()> {
    let plugin = streams().await?;
    let definition = Definition::v2();
    let status = peer::status(
        "Running",
        &peer::hash(&definition),
        "Ready",
        "StreamRunning",
    );
    let stream = peer::stream(&plugin, "orders", definition.clone(), status).await?;
    let job = peer::job(&plugin, &stream, &definition, Run::Streaming).await?;
    let changed = definition.field("source", json!("another"));
    stream.patch_spec(json!({"source": "another"})).await;
    take_over(&plugin).await;
    let next = stream.wait_job_after(&job).await;
    settled(&stream, "Running").await;
    let annotations = next.metadata.annotations.unwrap_or_default();
    assert_eq!(annotations["configuration-hash"], peer::hash(&changed));
    let writes = plugin.audit().await.writes();
    assert_eq!(writes.count("delete", "jobs"), 1);
    assert_eq!(writes.count("create", "jobs"), 1);
    plugin.assert_clean().await;
    Ok(())
}
