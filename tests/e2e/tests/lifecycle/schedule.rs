//! Streams on a schedule.

use arcane_contract::{canonical, hash};
use arcane_e2e::{Definition, Plugin, Stream, environment, sample, until};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{NO_PAYLOAD, another_source, assert_backfills, assert_streams};

async fn scheduled<'p>(sample: &'p Plugin<'p>, definition: Definition) -> Stream<'p> {
    let orders = sample.create("orders", definition).await;
    orders.wait_phase("Scheduled").await;
    orders
}

async fn assert_schedules(stream: &Stream<'_>, cron_job: &CronJob) {
    let definition = canonical::to_string(&stream.get().await.data["spec"]);
    let spec = &cron_job.spec;
    let job = spec.job_template.spec.as_ref().unwrap();
    let environment = environment(job);
    let variables = [
        ("STREAMCONTEXT__STREAM_ID", "orders"),
        ("STREAMCONTEXT__STREAM_KIND", "SampleStream"),
        ("STREAMCONTEXT__SPEC", &definition),
        ("STREAMCONTEXT__BACKFILL", "true"),
        (
            "STREAMCONTEXT__BACKFILL_ID",
            "<from metadata.labels['job-name']>",
        ),
        ("STREAMCONTEXT__OVERRIDE", NO_PAYLOAD),
    ];
    let found: Vec<_> = environment
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(found, variables);
    let hash = hash::of_spec(&definition);
    assert_eq!(cron_job.annotations()["configuration-hash"], hash);
    stream
        .wait_status("the CronJob's hash", |status| {
            status["configurationHash"] == hash
        })
        .await;
}

#[tokio::test]
async fn a_cron_job_runs_backfills_and_its_runs_carry_the_streams_labels() {
    let sample = sample().await.unwrap();
    let definition = Definition::v2_batch("0 5 * * *");
    let orders = scheduled(&sample, definition).await;
    let cron_job = orders.cron_job().await.unwrap();
    assert_schedules(&orders, &cron_job).await;

    let owner = &cron_job.owner_references()[0];
    assert_eq!(
        (owner.name.as_str(), owner.controller),
        ("orders", Some(true))
    );
    assert_eq!(owner.uid, orders.uid());
    let spec = cron_job.spec;
    assert_eq!(spec.schedule, "0 5 * * *");
    assert_eq!(spec.concurrency_policy.as_deref(), Some("Forbid"));
    let labels = spec.job_template.metadata.unwrap().labels.unwrap();
    assert_eq!(labels["arcane/stream-id"], "orders");
    assert_eq!(labels["arcane/stream-kind"], "SampleStream");
    assert_eq!(labels["arcane/backfilling"], "true");
    assert_eq!(labels["app.kubernetes.io/component"], "streaming");
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_run_of_the_schedule_is_left_alone_until_the_stream_is_suspended() {
    let sample = sample().await.unwrap();
    let orders = scheduled(&sample, Definition::v1_batch("0 5 * * *")).await;
    let run = ["create", "job", "orders-run", "--from=cronjob/orders"];
    let made = sample.kubectl(&run).await;
    assert!(made.status.success(), "{made:?}");
    let pods = sample.pods();
    let pods = pods
        .wait_running(sample.namespace(), "orders-run")
        .await
        .unwrap();
    let labels = pods[0].labels();
    assert_eq!(labels["arcane/stream-id"], "orders");
    // What the environment's BACKFILL_ID is taken from.
    assert_eq!(labels["job-name"], "orders-run");
    assert_eq!(orders.status().await["phase"], "Scheduled");

    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    orders.wait_no_cron_job().await;
    until("no run", async || {
        let run = sample.api::<Job>().get_opt("orders-run").await?;
        anyhow::ensure!(run.is_none(), "{run:?}");
        Ok(())
    })
    .await;
    assert_eq!(sample.audit().await.count("delete", "jobs"), 0);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_scheduled_stream_that_is_suspended_has_no_cron_job_until_it_is_resumed() {
    let sample = sample().await.unwrap();
    let orders = scheduled(&sample, Definition::v1_batch("0 5 * * *")).await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    orders.wait_no_cron_job().await;
    orders.wait_events(&["Normal StreamSuspended"]).await;
    orders.resume().await;
    orders.wait_phase("Scheduled").await;
    orders.wait_cron_job("a CronJob", |_| true).await;
    let events = ["Normal StreamSuspended", "Normal StreamResumed"];
    orders.wait_events(&events).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_request_stops_the_schedule_until_its_backfill_is_complete() {
    let sample = sample().await.unwrap();
    let orders = scheduled(&sample, Definition::v1_batch("0 5 * * *")).await;
    let request = orders.request_backfill(None).await;
    let job = orders.wait_backfill_job(&request).await;
    orders.wait_phase("Backfilling").await;
    assert_backfills(&orders, &job, &request, NO_PAYLOAD).await;
    assert_eq!(orders.cron_job().await, None);
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Scheduled").await;
    orders.wait_cron_job("a CronJob", |_| true).await;
    let events = ["Normal BackfillRequested", "Normal BackfillCompleted"];
    orders.wait_events(&events).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_changed_spec_updates_the_cron_job_in_place() {
    let sample = sample().await.unwrap();
    let orders = scheduled(&sample, Definition::v2_batch("0 5 * * *")).await;
    let before = orders.cron_job().await.unwrap();
    orders.patch_spec(another_source()).await;
    let schedule = json!({"batch": {"schedule": "0 6 * * *", "timeZone": "Europe/Berlin"}});
    orders
        .patch_spec(json!({"execution": {"streamingBackend": schedule}}))
        .await;
    let after = orders
        .wait_cron_job("the new schedule", |cron_job| {
            cron_job.spec.schedule == "0 6 * * *"
        })
        .await;
    assert_eq!(before.metadata.uid, after.metadata.uid);
    assert_eq!(after.spec.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_schedules(&orders, &after).await;
    assert_eq!(orders.status().await["phase"], "Scheduled");
    orders.wait_events(&[]).await;
    assert_eq!(sample.audit().await.count("delete", "cronjobs"), 0);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_scheduled_stream_that_becomes_change_capture_streams() {
    let sample = sample().await.unwrap();
    let orders = scheduled(&sample, Definition::v2().batch("0 5 * * *")).await;
    let backends = json!({"batch": null});
    orders
        .patch_spec(json!({"execution": {"streamingBackend": backends}}))
        .await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_streams(&orders, &job).await;
    assert_eq!(orders.cron_job().await, None);
    assert_eq!(orders.requests().await, []);
    orders.wait_events(&["Normal StreamStarted"]).await;
    sample.assert_clean().await;
}
