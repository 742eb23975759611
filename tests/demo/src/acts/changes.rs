//! A definition is changed, and the stream follows.

use anyhow::Result;
use serde_json::json;

use super::Scene;
use crate::streams;

pub async fn suspension(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    scene.suspend("payments", true).await?;
    let suspended = story.until(mark, "payments", "suspended", |facts| {
        facts.is("Suspended") && facts.told("StreamSuspended")
    });
    suspended.await?;
    wait_no_job(scene, "payments").await?;
    story.check("payments is suspended and has no Job", true)?;
    scene.suspend("payments", false).await?;
    let resumed = story.until(mark, "payments", "running again", |facts| {
        facts.is("Running") && facts.told("StreamResumed") && facts.streams()
    });
    let facts = resumed.await?;
    story.check(
        "payments streams again, without a backfill",
        facts.jobs() == (1, 0),
    )
}

/// The Job stays until its pods are gone.
async fn wait_no_job(scene: &Scene<'_>, stream: &str) -> Result<()> {
    arcane_cluster::wait::within(scene.story.patience(), async || {
        let job = scene.jobs.get_opt(stream).await?;
        anyhow::ensure!(job.is_none(), "the Job of {stream} is still there");
        Ok(())
    })
    .await
}

pub async fn spec_change(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let (before, _) = scene.hashes("orders").await?;
    let patch = json!({"source": {"table": "orders_v2"}});
    scene
        .change(
            "orders",
            patch,
            "change orders: spec.source.table is orders_v2 now",
        )
        .await?;
    let replaced = story.until(mark, "orders", "a new streaming Job", |facts| {
        facts.streams()
    });
    replaced.await?;
    let (status, job) = arcane_cluster::wait::within(scene.story.patience(), async || {
        let (status, job) = scene.hashes("orders").await?;
        anyhow::ensure!(status == job, "the status says {status}, the Job {job}");
        Ok((status, job))
    })
    .await?;
    story.check(
        &format!(
            "one new Job, of configuration {}…, no backfill",
            &job[..8.min(job.len())]
        ),
        status != before && story.since(mark, "orders").jobs() == (1, 0),
    )
}

pub async fn batch(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let nightly = "0 3 * * *";
    scene
        .create(
            "nightly",
            streams::batch("invoices", nightly),
            "layout v2, every night at 3",
        )
        .await?;
    let scheduled = story.until(mark, "nightly", "scheduled", |facts| {
        facts.is("Scheduled") && !facts.schedules().is_empty()
    });
    scheduled.await?;
    let patch = json!({"execution": {"streamingBackend": {"batch": {"schedule": "0 4 * * *"}}}});
    scene
        .change("nightly", patch, "change nightly: at 4 instead")
        .await?;
    let moved = story.until(mark, "nightly", "scheduled anew", |facts| {
        facts.schedules().len() == 2
    });
    let facts = moved.await?;
    let schedules = facts.schedules();
    story.check(
        "the CronJob was changed in place",
        schedules[0].0 == schedules[1].0 && schedules[1].1 == "0 4 * * *",
    )
}
