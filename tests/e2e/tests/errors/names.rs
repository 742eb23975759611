//! Names that are taken by somebody else's objects.

use anyhow::Result;
use arcane_e2e::{Definition, sample};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::support::{wait_healed, wait_problem};

/// Names of streams, and the labels of what has their name: as the stream's own has them, or none.
fn labels() -> [(&'static str, Value); 2] {
    [
        ("labelled", json!({"arcane/stream-id": "labelled"})),
        ("plain", json!({})),
    ]
}

fn job_spec() -> Value {
    json!({"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": "theirs"}],
    }}})
}

#[tokio::test]
async fn a_job_of_somebody_else_is_left_alone_and_its_name_is_told_as_taken() -> Result<()> {
    let sample = sample().await?;
    for (name, labels) in labels() {
        let theirs: Job = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": job_spec(),
        }))?;
        let jobs = sample.api::<Job>();
        let theirs = jobs.create(&PostParams::default(), &theirs).await?;
        let stream = sample.create(name, Definition::v2()).await;
        let words = ["Job", name, "delete"];
        wait_problem(&stream, "JobNameTaken", &words).await;
        let now = stream.job().await.expect("their Job");
        assert_eq!(now.metadata.uid, theirs.metadata.uid);
        assert_eq!(now.metadata.labels, theirs.metadata.labels);
        assert_eq!(now.metadata.deletion_timestamp, None);

        jobs.delete(name, &DeleteParams::foreground()).await?;
        wait_healed(&stream, "Backfilling").await;
        let ours = stream.job().await.expect("our Job");
        assert_ne!(ours.metadata.uid, theirs.metadata.uid);
    }
    Ok(())
}

#[tokio::test]
async fn a_suspended_stream_does_not_delete_somebody_elses_job() -> Result<()> {
    let sample = sample().await?;
    let theirs: Job = serde_json::from_value(json!({
        "metadata": {"name": "orders", "labels": {"arcane/stream-id": "orders"}},
        "spec": job_spec(),
    }))?;
    let theirs = sample
        .api::<Job>()
        .create(&PostParams::default(), &theirs)
        .await?;
    let stream = sample.create("orders", Definition::v2().suspended()).await;
    stream.wait_phase("Suspended").await;
    let now = stream.job().await.expect("their Job");
    assert_eq!(now.metadata.uid, theirs.metadata.uid);
    assert_eq!(now.metadata.deletion_timestamp, None);
    assert_eq!(sample.audit().await.count("delete", "jobs"), 0);
    Ok(())
}

#[tokio::test]
async fn a_cron_job_of_somebody_else_is_left_alone_and_its_name_is_told_as_taken() -> Result<()> {
    let sample = sample().await?;
    for (name, labels) in labels() {
        let theirs: CronJob = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job_spec()}},
        }))?;
        let cron_jobs = sample.api::<CronJob>();
        let theirs = cron_jobs.create(&PostParams::default(), &theirs).await?;
        let stream = sample.create(name, Definition::v2_batch("0 0 1 1 *")).await;
        wait_problem(&stream, "CronJobNameTaken", &["CronJob", name, "delete"]).await;
        let now = stream.cron_job().await.expect("their CronJob");
        assert_eq!(now.metadata.uid, theirs.metadata.uid);
        assert_eq!(now.spec, theirs.spec);

        cron_jobs.delete(name, &DeleteParams::background()).await?;
        wait_healed(&stream, "Scheduled").await;
    }
    Ok(())
}
