//! Pods that are evicted or preempted are nobody's failure.

use anyhow::{Result, ensure};
use arcane_e2e::{Definition, Plugin, Stream, change_template, sample, until};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

use crate::support::running;

#[tokio::test]
async fn a_drained_or_preempted_pod_is_replaced_and_its_stream_has_not_failed() -> Result<()> {
    let sample = sample().await?;
    let evicted = running(&sample, "evicted").await;
    let preempted = running(&sample, "preempted").await;
    disrupted(&sample, &evicted, &preempted).await
}

#[tokio::test]
async fn a_template_that_neither_retries_nor_speaks_of_disruptions_makes_them_no_failure_either()
-> Result<()> {
    let sample = sample().await?;
    let fragile = json!({"spec": {"backoffLimit": 0, "podFailurePolicy": null}});
    change_template(&sample, "sample-streaming", fragile).await;
    let evicted = running(&sample, "evicted").await;
    let preempted = running(&sample, "preempted").await;
    disrupted(&sample, &evicted, &preempted).await
}

#[tokio::test]
async fn a_backfill_whose_pod_is_evicted_runs_to_its_end() -> Result<()> {
    let sample = sample().await?;
    let fragile = json!({"spec": {"backoffLimit": 0, "podFailurePolicy": null}});
    change_template(&sample, "sample-backfill", fragile).await;
    let stream = sample.create("orders", Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    let pods = sample.pods();
    let before = pods.wait_running(sample.namespace(), "orders").await?;
    pods.evict(sample.namespace(), "orders").await?;
    replaced(&sample, &stream, &before).await;
    stream.finish_job().await;
    stream.wait_phase("Running").await;
    let requests = stream.requests().await;
    assert_eq!(requests.len(), 1);
    stream.wait_completed(&requests[0].name_any()).await;
    Ok(())
}

async fn disrupted(
    plugin: &Plugin<'_>,
    evicted: &Stream<'_>,
    preempted: &Stream<'_>,
) -> Result<()> {
    let (pods, namespace) = (plugin.pods(), plugin.namespace());
    let before = pods.wait_running(namespace, evicted.name()).await?;
    pods.evict(namespace, evicted.name()).await?;
    replaced(plugin, evicted, &before).await;
    let before = pods.wait_running(namespace, preempted.name()).await?;
    pods.preempt(namespace, preempted.name()).await?;
    replaced(plugin, preempted, &before).await;
    for stream in [evicted, preempted] {
        stream.wait_phase("Running").await;
        let events = stream.events().await;
        let failures = events.iter().filter(|event| event.contains("Failed"));
        assert_eq!(failures.count(), 0, "{events:?}");
        assert!(stream.requests().await.is_empty(), "no backfill is needed");
    }
    Ok(())
}

/// Waits until another pod than `before` runs, while the stream does not fail.
async fn replaced(plugin: &Plugin<'_>, stream: &Stream<'_>, before: &[Pod]) {
    until(format!("another pod of {}", stream.name()), async || {
        let status = stream.status().await;
        assert_ne!(status["phase"], "Failed", "{status}");
        let now = plugin.pods().of(plugin.namespace(), stream.name()).await?;
        let is_new = |pod: &&Pod| {
            let phase = pod
                .status
                .as_ref()
                .and_then(|status| status.phase.as_deref());
            phase == Some("Running") && before.iter().all(|old| old.uid() != pod.uid())
        };
        ensure!(now.iter().any(|pod| is_new(&pod)), "{} pods", now.len());
        Ok(())
    })
    .await;
}
