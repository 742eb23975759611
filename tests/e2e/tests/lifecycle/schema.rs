//! Streams that find their source's schema changed.

use arcane_e2e::{Definition, sample};
use kube::ResourceExt;

use crate::support::{
    NO_PAYLOAD, assert_backfills, assert_streams, initial_request, running, wait_news,
};

async fn assert_is_backfilled_once(definition: Definition, annotation: &str) {
    let sample = sample().await.unwrap();
    let orders = running(&sample, definition).await;
    let initial = initial_request(&orders).await;
    orders.annotate_job(annotation, "schema-mismatch").await;
    orders.finish_job().await;

    orders.wait_phase("Backfilling").await;
    let requests = orders.requests().await;
    let [schema] = &requests
        .iter()
        .map(ResourceExt::name_any)
        .filter(|name| *name != initial)
        .collect::<Vec<_>>()[..]
    else {
        panic!("{requests:?}");
    };
    assert!(schema.starts_with("orders-schema-backfill-"), "{schema}");
    let job = orders.wait_backfill_job(schema).await;
    assert_backfills(&orders, &job, schema, NO_PAYLOAD).await;
    orders.finish_job().await;

    orders.wait_completed(schema).await;
    orders.wait_phase("Running").await;
    let job = orders.wait_streaming_job().await;
    assert_streams(&orders, &job).await;
    assert_eq!(orders.requests().await.len(), 2);
    let news = ["Normal BackfillRequested", "Normal BackfillCompleted"];
    wait_news(&orders, &news).await;
    sample.assert_clean().await;
}

#[tokio::test]
async fn a_schema_mismatch_is_backfilled_once_and_streaming_goes_on() {
    let annotation = "arcane.streaming.sneaksanddata.com/state";
    assert_is_backfilled_once(Definition::v2(), annotation).await;
}

#[tokio::test]
async fn the_older_annotation_of_a_schema_mismatch_is_understood() {
    assert_is_backfilled_once(Definition::v0(), "arcane/state").await;
}

#[tokio::test]
async fn every_job_that_finds_a_mismatch_is_followed_by_a_backfill_of_its_own() {
    let annotation = "arcane.streaming.sneaksanddata.com/state";
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    for requests in [2, 3] {
        let streaming = orders.wait_streaming_job().await;
        orders.annotate_job(annotation, "schema-mismatch").await;
        orders.finish_job().await;
        orders.wait_job_after(&streaming).await;
        orders.wait_phase("Backfilling").await;
        orders.finish_job().await;
        orders.wait_phase("Running").await;
        assert_eq!(orders.requests().await.len(), requests);
    }
    sample.assert_clean().await;
}
