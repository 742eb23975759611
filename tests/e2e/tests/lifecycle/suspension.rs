//! Suspending and resuming.

use arcane_e2e::{Definition, sample, shared};
use serde_json::json;

use crate::support::{
    NO_PAYLOAD, assert_backfills, assert_streams, initial_request, running, wait_condition,
    wait_news, wait_request_phase,
};

#[tokio::test]
async fn a_running_stream_that_is_suspended_has_no_job_until_it_is_resumed() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v0()).await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    orders.wait_no_job().await;
    wait_news(&orders, &["Normal StreamSuspended"]).await;
    wait_condition(&orders, "Warning", "suspended by its definition.").await;

    orders.resume().await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_streams(&orders, &job).await;
    let news = ["Normal StreamSuspended", "Normal StreamResumed"];
    wait_news(&orders, &news).await;
    assert_eq!(orders.requests().await.len(), 1);
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_request_for_a_suspended_stream_stays_open_until_it_is_resumed() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v1().suspended()).await;
    orders.wait_phase("Suspended").await;
    let request = orders.request_backfill(None).await;
    wait_request_phase(&orders, &request, "Pending").await;
    assert_eq!(orders.job().await, None);
    assert_eq!(orders.status().await["phase"], "Suspended");

    orders.resume().await;
    orders.wait_phase("Backfilling").await;
    let job = orders.wait_backfill_job(&request).await;
    assert_backfills(&orders, &job, &request, NO_PAYLOAD).await;
    let events = ["Normal StreamSuspended", "Normal BackfillRequested"];
    orders.wait_events(&events).await;
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_backfill_that_is_suspended_goes_on_when_it_is_resumed() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    let request = initial_request(&orders).await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    orders.wait_no_job().await;
    wait_request_phase(&orders, &request, "Pending").await;

    orders.resume().await;
    let job = orders.wait_backfill_job(&request).await;
    orders.wait_phase("Backfilling").await;
    assert_backfills(&orders, &job, &request, NO_PAYLOAD).await;
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    orders
        .wait_events(&[
            "Normal StreamCreated",
            "Normal StreamSuspended",
            "Normal BackfillRequested",
            "Normal BackfillCompleted",
        ])
        .await;
    let twice = format!("Job orders was made 2 times for {request}");
    assert_eq!(sample.blemishes().await, [twice]);
}

#[tokio::test]
async fn a_stream_that_is_resumed_while_its_pod_still_ends_waits_for_it() {
    let slow = json!({"podAnnotations": {"test/terminates-after": "3s"}});
    let sample = shared()
        .await
        .unwrap()
        .platform
        .sample(&slow)
        .await
        .unwrap();
    let orders = sample.create("orders", Definition::v2().suspended()).await;
    orders.wait_phase("Suspended").await;
    orders.resume().await;
    let before = orders.wait_streaming_job().await;
    orders.wait_pod_runs().await;
    let pods = orders.record_pods().await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    orders.resume().await;

    let after = orders.wait_job_after(&before).await;
    orders.wait_pod_runs().await;
    orders.wait_phase("Running").await;
    assert_streams(&orders, &after).await;
    let most_alive_and_all = pods.most_alive_and_all().await;
    assert_eq!(most_alive_and_all, (1, 2));
    sample.assert_clean().await;
}
