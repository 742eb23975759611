//! Backfills.

use arcane_contract::api::Phase;
use arcane_e2e::{Definition, sample};
use serde_json::json;

use crate::support::{
    NO_PAYLOAD, another_source, assert_backfills, assert_streams, initial_request, jobs_made,
    running, wait_condition, wait_news, wait_request_phase,
};

#[tokio::test]
async fn a_request_that_is_deleted_stops_its_backfill_and_streaming_goes_on() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    let request = orders.request_backfill(None).await;
    orders.wait_phase("Backfilling").await;
    orders.delete_request(&request).await;
    let job = orders.wait_streaming_job().await;
    orders.wait_phase("Running").await;
    assert_streams(&orders, &job).await;
    let news = ["Normal BackfillRequested", "Normal BackfillNotRequested"];
    wait_news(&orders, &news).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_request_that_is_completed_by_hand_stops_its_backfill_and_streaming_goes_on() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v0()).await;
    let request = orders.request_backfill(None).await;
    orders.wait_phase("Backfilling").await;
    orders.complete_request(&request).await;
    let job = orders.wait_streaming_job().await;
    orders.wait_phase("Running").await;
    assert_streams(&orders, &job).await;
    let news = ["Normal BackfillRequested", "Normal BackfillNotRequested"];
    wait_news(&orders, &news).await;
    let ended = orders
        .wait_request(&request, "phase Stopped", |request| {
            let status = request.status.as_ref();
            status.and_then(|status| status.phase) == Some(Phase::Stopped)
        })
        .await;
    assert_eq!(ended.status.unwrap().conditions[0].status, "False");
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_backfill_job_that_is_deleted_by_hand_is_made_again() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    let request = initial_request(&orders).await;
    let before = orders.wait_backfill_job(&request).await;
    orders.delete_job().await;
    let after = orders.wait_job_after(&before).await;
    assert_backfills(&orders, &after, &request, NO_PAYLOAD).await;
    assert_eq!(orders.status().await["phase"], "Backfilling");
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    orders
        .wait_events(&[
            "Normal StreamCreated",
            "Normal BackfillStarted",
            "Normal BackfillCompleted",
        ])
        .await;
    let twice = format!("Job orders was made 2 times for {request}");
    assert_eq!(sample.blemishes().await, [twice]);
}

#[tokio::test]
async fn a_spec_that_changes_during_a_backfill_restarts_it() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v1()).await;
    orders.wait_phase("Backfilling").await;
    let request = initial_request(&orders).await;
    let before = orders.wait_backfill_job(&request).await;
    orders.wait_pod_runs().await;
    orders.patch_spec(another_source()).await;
    let after = orders.wait_job_after(&before).await;
    assert_backfills(&orders, &after, &request, NO_PAYLOAD).await;
    assert_eq!(orders.status().await["phase"], "Backfilling");
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    let twice = format!("Job orders was made 2 times for {request}");
    assert_eq!(sample.blemishes().await, [twice]);
}

#[tokio::test]
async fn a_backfill_that_fails_leaves_its_request_open_until_the_stream_is_resumed() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    let request = initial_request(&orders).await;
    orders.fail_job(3, "the source is gone").await;
    orders.wait_phase("Failed").await;
    orders.wait_no_job().await;
    wait_request_phase(&orders, &request, "Failed").await;
    let why = orders.wait_event("StreamingJobFailed").await;
    assert!(why.contains("exit code 3: the source is gone"), "{why}");
    wait_condition(&orders, "Error", "then suspend the stream and resume it.").await;

    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    assert_eq!(orders.job().await, None);
    wait_request_phase(&orders, &request, "Failed").await;
    orders.resume().await;
    orders.wait_phase("Backfilling").await;
    let job = orders.wait_backfill_job(&request).await;
    assert_backfills(&orders, &job, &request, NO_PAYLOAD).await;
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    orders
        .wait_events(&[
            "Normal StreamCreated",
            "Warning StreamingJobFailed",
            "Normal StreamSuspended",
            "Normal BackfillRequested",
            "Normal BackfillCompleted",
        ])
        .await;
    let twice = format!("Job orders was made 2 times for {request}");
    assert_eq!(sample.blemishes().await, [twice]);
}

#[tokio::test]
async fn requests_run_one_at_a_time_and_oldest_first() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v0().suspended()).await;
    orders.wait_phase("Suspended").await;
    let first = orders.request_backfill(Some(json!({"part": 1}))).await;
    wait_request_phase(&orders, &first, "Pending").await;
    let pods = orders.record_pods().await;
    orders.resume().await;
    orders.wait_backfill_job(&first).await;
    // Ages have a resolution of one second: the second request is made while the first one runs.
    let second = orders.request_backfill(Some(json!({"part": 2}))).await;
    wait_request_phase(&orders, &second, "Pending").await;
    orders.wait_backfill_job(&first).await;
    orders.finish_job().await;
    orders.wait_completed(&first).await;

    orders.wait_backfill_job(&second).await;
    wait_request_phase(&orders, &second, "Ready").await;
    orders.finish_job().await;
    orders.wait_completed(&second).await;
    orders.wait_phase("Running").await;
    orders.wait_streaming_job().await;
    assert_eq!(jobs_made(&sample).await, 3);
    let (most_alive, _) = pods.most_alive_and_all().await;
    assert_eq!(most_alive, 1);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_request_of_another_class_is_ignored() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    let before = orders.wait_streaming_job().await;
    let foreign = orders.request_backfill_of("another-class").await;
    // Ours, made later, is served; the other one, though older, is not.
    let ours = orders.request_backfill(None).await;
    orders.wait_backfill_job(&ours).await;
    orders.finish_job().await;
    orders.wait_completed(&ours).await;
    let after = orders.wait_streaming_job().await;
    orders.wait_phase("Running").await;
    assert_ne!(before.metadata.uid, after.metadata.uid);
    let foreign = orders
        .wait_request(&foreign, "an untouched state", |_| true)
        .await;
    assert!(
        !foreign.spec.completed && foreign.status.is_none(),
        "{foreign:?}"
    );
    assert_eq!(jobs_made(&sample).await, 4);
    sample.assert_clean().await;
}
