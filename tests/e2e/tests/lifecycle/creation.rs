//! New streams.

use arcane_e2e::{Definition, environment, sample};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{
    NO_PAYLOAD, SET_UP, assert_backfills, assert_streams, initial_request, running, wait_condition,
};

/// The environment of the first layout's definition, byte for byte.
const SPEC: &str = r#"{"backfillJobTemplateRef":{"name":"sample-backfill"},"jobTemplateRef":{"name":"sample-streaming"},"source":"db?schema=s\u0026table=\u003ct\u003e","suspended":false}"#;
/// `md5sum` of [`SPEC`].
const SPEC_MD5: &str = "6abe109c5adf57b2214f9a40a1733b6b";

async fn assert_is_backfilled_and_then_streams(definition: Definition) {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", definition).await;

    orders.wait_phase("Backfilling").await;
    let request = initial_request(&orders).await;
    let backfill = orders.wait_backfill_job(&request).await;
    assert_backfills(&orders, &backfill, &request, NO_PAYLOAD).await;
    wait_condition(&orders, "Ready", &request).await;
    orders.finish_job().await;

    let done = orders.wait_completed(&request).await;
    let status = done.status.unwrap();
    assert_eq!(status.phase.unwrap().as_str(), "Ready");
    assert_eq!(status.conditions[0].reason, "BackfillCompleted");
    orders.wait_phase("Running").await;
    let streaming = orders.wait_streaming_job().await;
    assert_streams(&orders, &streaming).await;
    wait_condition(&orders, "Ready", "running.").await;
    orders.wait_events(&SET_UP).await;
    assert_eq!(orders.requests().await.len(), 1);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_new_stream_of_the_first_layout_is_backfilled_and_then_streams() {
    assert_is_backfilled_and_then_streams(Definition::v0()).await;
}

#[tokio::test]
async fn a_new_stream_of_layout_v1_is_backfilled_and_then_streams() {
    assert_is_backfilled_and_then_streams(Definition::v1()).await;
}

#[tokio::test]
async fn a_new_stream_of_layout_v2_is_backfilled_and_then_streams() {
    assert_is_backfilled_and_then_streams(Definition::v2()).await;
}

#[tokio::test]
async fn the_spec_reaches_the_job_byte_for_byte_as_go_writes_it() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v0().suspended()).await;
    orders.wait_phase("Suspended").await;
    orders.resume().await;
    let job = orders.wait_streaming_job().await;
    let environment = environment(job.spec.as_ref().unwrap());
    assert_eq!(environment[2], ("STREAMCONTEXT__SPEC".into(), SPEC.into()));
    assert_eq!(job.annotations()["configuration-hash"], SPEC_MD5);
    sample.assert_clean().await;
}

#[tokio::test]
async fn from_creation_to_running_takes_eight_writes_and_two_events_and_leaves_the_spec_alone() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v2()).await;
    orders.wait_events(&SET_UP).await;
    let writes = sample.writes().await;
    assert!(writes.len() <= 8, "{writes:?}");
    assert_eq!(sample.audit().await.count("create", "events"), 2);
    assert_eq!(orders.get().await.metadata.generation, Some(1));
    sample.assert_clean().await;
}

#[tokio::test]
async fn the_template_is_kept_in_the_job_but_a_ttl_that_would_lose_its_outcome() {
    let values = json!({"podAnnotations": {"cost-center": "42"}, "ttlSecondsAfterFinished": 1});
    let shared = arcane_e2e::shared().await.unwrap();
    let sample = shared.platform.sample(&values).await.unwrap();
    let orders = sample.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    let job = orders.job().await.unwrap();
    assert_eq!(job.labels()["app.kubernetes.io/component"], "backfill");
    assert_eq!(arcane_e2e::pod_annotation(&job, "cost-center"), Some("42"));
    let spec = job.spec.unwrap();
    assert_eq!(spec.ttl_seconds_after_finished, Some(3600));
    assert_eq!(spec.pod_failure_policy.unwrap().rules.len(), 2);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_stream_that_is_created_suspended_streams_without_a_backfill_once_it_is_resumed() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v1().suspended()).await;
    orders.wait_phase("Suspended").await;
    orders.wait_events(&["Normal StreamSuspended"]).await;
    assert_eq!(orders.job().await, None);
    wait_condition(&orders, "Warning", "suspended by its definition.").await;

    orders.resume().await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_streams(&orders, &job).await;
    let events = ["Normal StreamSuspended", "Normal StreamResumed"];
    orders.wait_events(&events).await;
    assert_eq!(orders.requests().await, []);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_stream_without_a_backend_stays_new_until_it_has_one() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::without_backend()).await;
    orders.wait_events(&["Warning NoValidBackend"]).await;
    wait_condition(&orders, "Error", "spec.execution.streamingBackend").await;
    assert_eq!(orders.status().await["phase"], "");
    assert_eq!(orders.job().await, None);
    assert_eq!(orders.requests().await, []);

    let backend = Definition::v2().spec()["execution"]["streamingBackend"].clone();
    let patch = json!({"execution": {"streamingBackend": backend}});
    orders.patch_spec(patch).await;
    orders.wait_phase("Backfilling").await;
    let events = ["Warning NoValidBackend", "Normal StreamCreated"];
    orders.wait_events(&events).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_new_batch_stream_is_scheduled_without_a_backfill() {
    let sample = sample().await.unwrap();
    let orders = sample
        .create("orders", Definition::v1_batch("0 5 * * *"))
        .await;
    orders.wait_phase("Scheduled").await;
    assert_eq!(orders.requests().await, []);
    assert_eq!(orders.job().await, None);
    wait_condition(&orders, "Ready", "on its schedule.").await;
    orders.wait_events(&[]).await;
    let writes = ["create cronjobs", "patch sample-streams/status"];
    assert_eq!(sample.writes().await, writes);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_batch_backend_wins_over_change_capture() {
    let sample = sample().await.unwrap();
    let orders = sample
        .create("orders", Definition::v2().batch("0 5 * * *"))
        .await;
    orders.wait_phase("Scheduled").await;
    orders.wait_cron_job("a CronJob", |_| true).await;
    assert_eq!(orders.job().await, None);
    sample.assert_clean().await;
}
