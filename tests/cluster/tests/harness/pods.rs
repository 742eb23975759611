//! Simulated pods do as they are told, and the real Job controller draws its conclusions.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arcane_cluster::eventually;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::support::{Place, SOON, job, phase, termination};

#[tokio::test]
async fn a_job_that_is_told_to_succeed_completes() -> Result<()> {
    let place = Place::new("pods").await?;
    place
        .job(
            "j",
            json!({"test/outcome": "succeed", "test/after": "100ms"}),
        )
        .await?;
    let job = place.job_is("j", "Complete").await;
    assert_eq!(job.status.unwrap_or_default().succeeded, Some(1));
    Ok(())
}

#[tokio::test]
async fn exit_code_and_message_of_a_failure_are_in_the_pods_status() -> Result<()> {
    let place = Place::new("pods").await?;
    let annotations = json!({
        "test/outcome": "fail",
        "test/exit-code": "7",
        "test/termination-message": "source: \"gone\"",
    });
    place.job("j", annotations).await?;
    place.job_is("j", "Failed").await;
    let pod = place.ended_pod("j").await?;
    assert_eq!(phase(&pod), "Failed");
    assert_eq!(termination(&pod), Some((7, "source: \"gone\"".to_owned())));
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_told_nothing_stays_until_its_live_pod_is_ended() -> Result<()> {
    let place = Place::new("pods").await?;
    place.job("good", json!({})).await?;
    place
        .job(
            "bad",
            json!({"test/outcome": "succeed", "test/after": "1h"}),
        )
        .await?;
    let pods = place.cluster.pods()?;
    for job in ["good", "bad"] {
        assert_eq!(pods.wait_running(&place.namespace, job).await?.len(), 1);
    }
    pods.succeed(&place.namespace, "good").await?;
    pods.fail(&place.namespace, "bad", 3, "told so").await?;
    place.job_is("good", "Complete").await;
    place.job_is("bad", "Failed").await;
    assert_eq!(
        termination(&place.ended_pod("bad").await?),
        Some((3, "told so".to_owned()))
    );
    Ok(())
}

#[tokio::test]
async fn an_evicted_pod_ends_as_disrupted_and_is_no_failure_of_its_job() -> Result<()> {
    let place = Place::new("pods").await?;
    kept_job(&place, "j").await?;
    place.cluster.pods()?.evict(&place.namespace, "j").await?;
    disrupted(&place, "j", "EvictionByEvictionAPI").await;
    Ok(())
}

#[tokio::test]
async fn a_preempted_pod_ends_as_disrupted_and_is_no_failure_of_its_job() -> Result<()> {
    let place = Place::new("pods").await?;
    kept_job(&place, "j").await?;
    place.cluster.pods()?.preempt(&place.namespace, "j").await?;
    disrupted(&place, "j", "PreemptionByScheduler").await;
    Ok(())
}

/// A Job whose ended pods stay in sight, by a finalizer that nobody takes away.
async fn kept_job(place: &Place, name: &str) -> Result<()> {
    let mut job = serde_json::to_value(job(name, json!({}))?)?;
    job["spec"]["template"]["metadata"]["finalizers"] = json!(["test/keep"]);
    let jobs: Api<Job> = place.api();
    jobs.create(&PostParams::default(), &serde_json::from_value(job)?)
        .await?;
    Ok(())
}

/// The Job controller has counted the pod, and not as a failure: the Job has a backoff limit of 0.
async fn disrupted(place: &Place, name: &str, reason: &str) {
    let jobs: Api<Job> = place.api();
    eventually("the disrupted pod to be counted", SOON, async || {
        let pod = place.ended_pod(name).await?;
        let finalizers = pod.metadata.finalizers.clone().unwrap_or_default();
        anyhow::ensure!(finalizers == ["test/keep"], "finalizers {finalizers:?}");
        assert_eq!(phase(&pod), "Failed");
        let conditions = pod
            .status
            .and_then(|status| status.conditions)
            .unwrap_or_default();
        let why = conditions
            .iter()
            .find(|condition| condition.type_ == "DisruptionTarget");
        assert_eq!(why.and_then(|why| why.reason.as_deref()), Some(reason));
        let status = jobs.get(name).await?.status.unwrap_or_default();
        let uncounted = status.uncounted_terminated_pods.unwrap_or_default();
        anyhow::ensure!(uncounted == Default::default(), "{uncounted:?}");
        assert_eq!(status.failed.unwrap_or_default(), 0);
        assert_eq!(status.conditions.unwrap_or_default(), []);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn foreground_deletion_of_a_job_waits_for_its_slow_pod() -> Result<()> {
    let place = Place::new("pods").await?;
    place
        .job("j", json!({"test/terminates-after": "1s"}))
        .await?;
    place
        .cluster
        .pods()?
        .wait_running(&place.namespace, "j")
        .await?;
    let jobs: Api<Job> = place.api();
    let asked = Instant::now();
    jobs.delete("j", &DeleteParams::foreground()).await?;
    let terminating = place.cluster.pods()?.of(&place.namespace, "j").await;
    eventually("the Job to be gone", SOON, async || {
        let job = jobs.get_opt("j").await?;
        anyhow::ensure!(job.is_none(), "still there: {job:?}");
        Ok(())
    })
    .await;
    assert!(
        asked.elapsed() >= Duration::from_secs(1),
        "gone after {:?}",
        asked.elapsed()
    );
    assert_eq!(terminating?.len(), 1);
    assert_eq!(
        place.cluster.pods()?.of(&place.namespace, "j").await?.len(),
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_running_pod_that_is_deleted_ends_with_sigterms_exit_code_or_the_one_it_is_told()
-> Result<()> {
    let place = Place::new("pods").await?;
    let pods: Api<Pod> = place.api();
    for (name, annotations, expected) in [
        ("plain", json!({}), ("Failed", 143)),
        (
            "graceful",
            json!({"test/terminates-with": "0"}),
            ("Succeeded", 0),
        ),
    ] {
        let pod: Pod = serde_json::from_value(json!({
            // The finalizer keeps the ended pod in sight.
            "metadata": {"name": name, "annotations": annotations, "finalizers": ["test/keep"]},
            "spec": {"containers": [{"name": "main", "image": "stream"}]},
        }))?;
        pods.create(&PostParams::default(), &pod).await?;
        phase_is(&pods, name, "Running").await;
        pods.delete(name, &DeleteParams::default()).await?;
        let pod = phase_is(&pods, name, expected.0).await;
        assert_eq!(termination(&pod).context("not terminated")?.0, expected.1);
        let release = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        pods.patch(name, &kube::api::PatchParams::default(), &release)
            .await?;
    }
    Ok(())
}

async fn phase_is(pods: &Api<Pod>, name: &str, expected: &str) -> Pod {
    eventually(&format!("pod {name} to be {expected}"), SOON, async || {
        let pod = pods.get(name).await?;
        anyhow::ensure!(phase(&pod) == expected, "status {:?}", pod.status);
        Ok(pod)
    })
    .await
}

#[tokio::test]
async fn one_template_lets_backfills_end_while_streams_stay() -> Result<()> {
    let place = Place::new("pods").await?;
    let annotations = json!({
        "test/backfill-outcome": "fail",
        "test/backfill-after": "200ms",
        "test/backfill-exit-code": "5",
        "test/backfill-termination-message": "backfilled",
    });
    for (name, backfill) in [("stream", "false"), ("backfill", "true")] {
        let mut job = serde_json::to_value(job(name, annotations.clone())?)?;
        job["spec"]["template"]["spec"]["containers"][0]["env"] = json!([
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "STREAMCONTEXT__BACKFILL", "value": backfill},
        ]);
        let jobs: Api<Job> = place.api();
        jobs.create(&PostParams::default(), &serde_json::from_value(job)?)
            .await?;
    }
    place.job_is("backfill", "Failed").await;
    assert_eq!(
        termination(&place.ended_pod("backfill").await?),
        Some((5, "backfilled".to_owned()))
    );
    let pods = place.cluster.pods()?;
    assert_eq!(
        pods.wait_running(&place.namespace, "stream").await?.len(),
        1
    );
    pods.succeed(&place.namespace, "stream").await?;
    place.job_is("stream", "Complete").await;
    Ok(())
}

#[tokio::test]
async fn a_live_backfill_pod_can_be_ended_against_its_template() -> Result<()> {
    let place = Place::new("pods").await?;
    let annotations = json!({"test/backfill-outcome": "stay", "test/outcome": "fail"});
    let mut job = serde_json::to_value(job("j", annotations)?)?;
    job["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "STREAMCONTEXT__BACKFILL", "value": "true"}]);
    let jobs: Api<Job> = place.api();
    jobs.create(&PostParams::default(), &serde_json::from_value(job)?)
        .await?;
    place.cluster.pods()?.succeed(&place.namespace, "j").await?;
    place.job_is("j", "Complete").await;
    Ok(())
}
