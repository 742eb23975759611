//! A definition is deleted and made again under its name, and the garbage collector knows nothing of
//! it: what belonged to the first one is still there.

use anyhow::{Result, ensure};
use arcane_e2e::{Definition, Own, Plugin, READY_WITHIN, STOPPED_WITHIN, Stream, until};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use crate::support::{job_uids, running};

const SCHEDULE: &str = "0 0 1 1 *";

#[tokio::test]
async fn what_the_garbage_collector_leaves_of_an_earlier_definition_is_deleted() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut operator = platform.start_operator().await?;
    operator.wait_ready(READY_WITHIN).await?;
    let sample = platform.sample(&json!({})).await?;
    sample.wait_ready().await;
    let streaming = running(&sample, "streaming").await;
    let suspended = running(&sample, "suspended").await;
    let scheduled = sample
        .create("scheduled", Definition::v2_batch(SCHEDULE))
        .await;
    scheduled.wait_phase("Scheduled").await;
    let before = job_uids(&[&streaming, &suspended]).await?;

    let paused = platform.cluster().pause_controllers()?;
    for first in [&streaming, &suspended, &scheduled] {
        first.delete().await;
    }
    let streaming = sample.create("streaming", Definition::v2()).await;
    let suspended = sample
        .create("suspended", Definition::v2().suspended())
        .await;
    let scheduled = sample
        .create("scheduled", Definition::v2_batch(SCHEDULE))
        .await;
    for second in [&streaming, &suspended] {
        wait_going("Job", second, async || {
            Ok(sample.api::<Job>().get(second.name()).await?.metadata)
        })
        .await;
    }
    wait_going("CronJob", &scheduled, async || {
        let cron_jobs = sample.api::<CronJob>();
        Ok(cron_jobs.get(scheduled.name()).await?.metadata)
    })
    .await;
    assert_eq!(made(&sample).await, 3, "something was made beside it");

    drop(paused);
    suspended.wait_no_job().await;
    suspended.wait_phase("Suspended").await;
    let uid = scheduled.uid().to_owned();
    let is_new = move |cron_job: &CronJob| is_owned(&cron_job.metadata, &uid);
    scheduled.wait_cron_job("the new CronJob", is_new).await;
    streaming.finish_job().await;
    streaming.wait_phase("Running").await;
    assert_ne!(job_uids(&[&streaming]).await?, before[..1]);
    // The first three, and then a CronJob, a backfill and what streams after it.
    assert_eq!(made(&sample).await, 6);
    sample.assert_clean().await;
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}

/// Waits until the earlier definition's object is being deleted.
#[track_caller]
fn wait_going(
    kind: &str,
    stream: &Stream<'_>,
    mut metadata: impl AsyncFnMut() -> Result<ObjectMeta>,
) -> impl Future<Output = ()> {
    let what = format!("the first {}'s {kind} to be deleted", stream.name());
    until(what, async move || {
        let metadata = metadata().await?;
        ensure!(!is_owned(&metadata, stream.uid()), "it is the second's");
        ensure!(metadata.deletion_timestamp.is_some(), "{metadata:?}");
        Ok(())
    })
}

fn is_owned(metadata: &ObjectMeta, uid: &str) -> bool {
    let mut owners = metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.uid == uid)
}

/// How many Jobs and CronJobs were made.
async fn made(plugin: &Plugin<'_>) -> usize {
    let audit = plugin.audit().await;
    let made = audit.iter().filter(|request| request.is_creation());
    made.filter(|request| matches!(&*request.resource, "jobs" | "cronjobs"))
        .count()
}
