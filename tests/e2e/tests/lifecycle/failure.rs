//! Streams that fail.

use arcane_e2e::{Definition, sample, until};

use crate::support::{
    assert_streams, jobs_made, running, wait_condition, wait_news, wait_request_phase,
};

#[tokio::test]
async fn a_running_stream_whose_job_fails_stays_failed_until_it_is_suspended_and_resumed() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    orders.fail_job(3, "offsets are lost").await;
    orders.wait_phase("Failed").await;
    orders.wait_no_job().await;
    let why = orders.wait_event("StreamingJobFailed").await;
    assert!(why.contains("exit code 3: offsets are lost"), "{why}");
    wait_condition(&orders, "Error", "then suspend the stream and resume it.").await;

    // What else happens to it changes nothing.
    orders.annotate("looked-at-by", "someone").await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    assert_eq!(jobs_made(&sample).await, 2);
    assert_eq!(orders.job().await, None);

    orders.resume().await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_streams(&orders, &job).await;
    let news = [
        "Warning StreamingJobFailed",
        "Normal StreamSuspended",
        "Normal StreamResumed",
    ];
    wait_news(&orders, &news).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_failed_stream_makes_no_job_for_a_request_that_comes() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v0()).await;
    orders.fail_job(1, "").await;
    orders.wait_phase("Failed").await;
    orders.wait_no_job().await;
    let request = orders.request_backfill(None).await;
    wait_request_phase(&orders, &request, "Pending").await;
    assert_eq!(orders.status().await["phase"], "Failed");
    assert_eq!(jobs_made(&sample).await, 2);
    wait_news(&orders, &["Warning StreamingJobFailed"]).await;

    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    wait_request_phase(&orders, &request, "Pending").await;
    assert_eq!(jobs_made(&sample).await, 2);
    sample.assert_clean().await;
}

#[tokio::test]
async fn an_evicted_pod_is_not_a_failure() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v2()).await;
    let job = orders.wait_streaming_job().await;
    let pods = orders.record_pods().await;
    orders.wait_pod_runs().await;
    sample
        .pods()
        .evict(sample.namespace(), "orders")
        .await
        .unwrap();
    until("another pod", async || {
        let (_, all) = pods.most_alive_and_all().await;
        anyhow::ensure!(all == 2, "{all} pods");
        Ok(())
    })
    .await;
    orders.wait_pod_runs().await;
    let same = orders.wait_streaming_job().await;
    assert_eq!(job.metadata.uid, same.metadata.uid);
    assert_eq!(orders.status().await["phase"], "Running");
    sample.assert_clean().await;
}
