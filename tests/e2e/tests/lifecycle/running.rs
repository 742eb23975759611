//! Streams that run.

use arcane_e2e::{Definition, sample, shared, until};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use serde_json::json;

use crate::support::{
    another_source, assert_backfills, assert_streams, jobs_made, running, wait_news,
    wait_request_phase,
};

#[tokio::test]
async fn a_request_stops_a_running_stream_and_its_payload_reaches_the_backfill() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    let payload = json!({"tables": ["a<b"], "from": "2026-01-01"});
    let request = orders.request_backfill(Some(payload)).await;

    let job = orders.wait_backfill_job(&request).await;
    orders.wait_phase("Backfilling").await;
    wait_request_phase(&orders, &request, "Ready").await;
    let over = r#"{"streamClass":"sample","streamId":"orders","payload":{"from":"2026-01-01","tables":["a\u003cb"]}}"#;
    assert_backfills(&orders, &job, &request, over).await;

    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_streams(&orders, &job).await;
    let news = ["Normal BackfillRequested", "Normal BackfillCompleted"];
    wait_news(&orders, &news).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_changed_spec_restarts_the_job_and_the_status_follows() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v0()).await;
    let before = orders.wait_streaming_job().await;
    orders.patch_spec(another_source()).await;

    let after = orders.wait_job_after(&before).await;
    orders.wait_phase("Running").await;
    assert_streams(&orders, &after).await;
    let hash = |job: &Job| job.annotations()["configuration-hash"].clone();
    assert_ne!(hash(&before), hash(&after));
    wait_news(&orders, &[]).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn after_a_changed_spec_the_new_pod_starts_only_when_the_old_one_has_ended() {
    let slow = json!({"podAnnotations": {"test/terminates-after": "3s"}});
    let sample = shared()
        .await
        .unwrap()
        .platform
        .sample(&slow)
        .await
        .unwrap();
    let orders = running(&sample, Definition::v2()).await;
    orders.wait_pod_runs().await;
    let pods = orders.record_pods().await;
    let before = orders.wait_streaming_job().await;
    orders.patch_spec(another_source()).await;

    let after = orders.wait_job_after(&before).await;
    orders.wait_pod_runs().await;
    assert_streams(&orders, &after).await;
    let most_alive_and_all = pods.most_alive_and_all().await;
    assert_eq!(most_alive_and_all, (1, 2));
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_job_that_is_deleted_by_hand_is_made_again() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    let before = orders.wait_streaming_job().await;
    orders.delete_job().await;
    let after = orders.wait_job_after(&before).await;
    assert_streams(&orders, &after).await;
    orders.wait_phase("Running").await;
    wait_news(&orders, &[]).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_streaming_job_that_completes_is_followed_by_another() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v2()).await;
    let before = orders.wait_streaming_job().await;
    orders.finish_job().await;
    let after = orders.wait_job_after(&before).await;
    assert_streams(&orders, &after).await;
    orders.wait_phase("Running").await;
    wait_news(&orders, &[]).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_new_value_of_the_restart_annotation_restarts_the_job_once() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v0()).await;
    let before = orders.wait_streaming_job().await;
    let restart = "arcane.sneaksanddata.com/restart";
    orders.annotate(restart, "2026-08-01").await;
    let after = orders.wait_job_after(&before).await;
    assert_eq!(after.annotations()[restart], "2026-08-01");
    assert_streams(&orders, &after).await;

    // Another annotation, later, restarts nothing.
    orders.annotate("owner", "sales").await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    assert_eq!(jobs_made(&sample).await, 3);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_running_stream_that_becomes_batch_is_scheduled() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    let schedule = json!({"schedule": "0 5 * * *", "jobTemplateRef": {"name": "sample-streaming"}});
    let backends = json!({"changeCapture": null, "batch": schedule});
    orders
        .patch_spec(json!({"execution": {"streamingBackend": backends}}))
        .await;
    orders.wait_phase("Scheduled").await;
    orders.wait_cron_job("a CronJob", |_| true).await;
    assert_eq!(orders.job().await, None);
    wait_news(&orders, &["Normal StreamScheduled"]).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_deleted_definition_takes_its_job_and_its_requests_with_it() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v2()).await;
    orders.delete().await;
    orders.wait_no_job().await;
    until("no request", async || {
        let requests = orders.requests().await;
        anyhow::ensure!(requests.is_empty(), "{requests:?}");
        Ok(())
    })
    .await;
    // The garbage collector did that, and nothing was made again.
    let writes = sample.writes().await;
    assert_eq!(writes.len(), 8, "{writes:?}");
    sample.assert_clean().await;
}
