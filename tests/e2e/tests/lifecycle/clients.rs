//! What existing clients and charts rely on.

use arcane_e2e::{Definition, sample, shared};
use serde_json::json;

use crate::support::running;

#[tokio::test]
async fn kubectl_waits_for_a_stream_to_run_and_for_a_backfill_to_complete() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v2()).await;
    let runs = [
        "wait",
        "--for=jsonpath={.status.phase}=Running",
        "sample-streams/orders",
        "--timeout=60s",
    ];
    let (waited, ()) = tokio::join!(sample.kubectl(&runs), orders.finish_job());
    assert!(waited.status.success(), "{waited:?}");

    let request = format!("bfr/{}", orders.request_backfill(None).await);
    let completes = [
        "wait",
        "--for=condition=Complete",
        &request,
        "--timeout=60s",
    ];
    let finish = async {
        orders.wait_phase("Backfilling").await;
        orders.finish_job().await;
    };
    let (waited, ()) = tokio::join!(sample.kubectl(&completes), finish);
    assert!(waited.status.success(), "{waited:?}");
    sample.assert_clean().await;
}

#[tokio::test]
async fn open_requests_of_a_stream_are_listed_by_field_selector() {
    let sample = sample().await.unwrap();
    let orders = running(&sample, Definition::v1()).await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    let open = orders.request_backfill(None).await;
    let selector = "--field-selector=spec.completed=false,spec.streamId=orders";
    let listed = sample.kubectl(&["get", "bfr", selector, "-o=name"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let expected = format!("backfillrequest.streaming.sneaksanddata.com/{open}\n");
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn the_pods_of_a_stream_are_found_by_its_label() {
    let sample = sample().await.unwrap();
    let orders = sample.create("orders", Definition::v0().suspended()).await;
    orders.wait_phase("Suspended").await;
    orders.resume().await;
    orders.wait_pod_runs().await;
    let label = "-l=arcane/stream-id=orders,arcane/stream-kind=SampleStream";
    let found = sample.kubectl(&["get", "pods", label, "-o=name"]).await;
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(found.starts_with("pod/orders-"), "{found:?}");
}

#[tokio::test]
async fn secrets_that_the_class_asks_for_are_mounted_in_order_and_never_read() {
    let platform = &shared().await.unwrap().platform;
    let values = json!({"secretRefs": ["sourceSecretRef", "sinkSecretRef"]});
    let plugin = platform.plugin(&values).await.unwrap();
    plugin.wait_ready().await;
    let definition = Definition::v2()
        .field("sinkSecretRef", json!({"name": "sink"}))
        .field("sourceSecretRef", json!({"name": "source"}));
    let orders = plugin.create("orders", definition).await;
    orders.wait_phase("Backfilling").await;
    let job = orders.job().await.unwrap();
    let pod = job.spec.unwrap().template.spec.unwrap();
    let names: Vec<_> = pod.containers[0]
        .env_from
        .iter()
        .flatten()
        .map(|source| source.secret_ref.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(names, ["source", "sink"]);
    plugin.assert_clean().await;
}
