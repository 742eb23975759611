//! A template changes while its streams run.

use anyhow::{Context, Result, ensure};
use arcane_e2e::{Definition, Stream, change_template, sample, shared, until};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{Class, condition, job_uids, running};

/// The only container's new image.
const NEW: &str = "stream:2";

fn image() -> serde_json::Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "stream", "image": NEW}]}}}})
}

#[tokio::test]
async fn a_changed_template_is_told_and_waits_for_the_next_run() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders").await;
    let job = stream.wait_streaming_job().await;
    let status = stream.status().await;
    assert_eq!(condition(&status, "UpToDate")["status"], "True", "{status}");

    change_template(&sample, "sample-streaming", image()).await;
    stream
        .wait_status("drift", |status| {
            let up_to_date = condition(status, "UpToDate");
            let message = up_to_date["message"].as_str().unwrap_or_default();
            up_to_date["status"] == "False" && message.contains("the next run")
        })
        .await;
    assert_eq!(job_uids(&[&stream]).await?, [job.uid().context("no uid")?]);

    stream
        .annotate("arcane.sneaksanddata.com/restart", "please")
        .await;
    let next = stream.wait_job_after(&job).await;
    assert_eq!(
        serde_json::to_value(&next)?["spec"]["template"]["spec"]["containers"][0]["image"],
        NEW
    );
    stream
        .wait_status("no drift", |status| {
            condition(status, "UpToDate")["status"] == "True"
        })
        .await;
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_rolling_class_restarts_its_streams_one_at_a_time() -> Result<()> {
    let values = json!({
        "restartPolicy": {"type": "Rolling", "rolling": {"maxUnavailable": 1}},
        "podAnnotations": {"test/terminates-after": "500ms"},
    });
    let plugin = shared().await?.platform.plugin(&values).await?;
    Class::of(&plugin)?.wait_ready().await;
    let names = ["a", "b", "c", "d"];
    let mut streams = Vec::new();
    for name in names {
        streams.push(running(&plugin, name).await);
    }
    plugin
        .create("idle", Definition::v2().suspended())
        .await
        .wait_phase("Suspended")
        .await;
    let mut before = Vec::new();
    for stream in &streams {
        stream.wait_pod_runs().await;
        before.push(stream.wait_streaming_job().await);
    }

    change_template(&plugin, "sample-streaming", image()).await;
    for (stream, job) in streams.iter().zip(&before) {
        stream.wait_job_after(job).await;
    }
    wait_all_current(&streams).await;
    let record = plugin.audit().await;
    let record = record
        .writes()
        .filter(|request| request.resource == "jobs" && !request.dry_run);
    // After the four first Jobs: each stream's old one goes and its new one comes, before the
    // next stream's turn.
    let restarts: Vec<_> = record
        .iter()
        .skip(names.len())
        .map(|request| (request.verb.as_str(), request.name.as_str()))
        .collect();
    assert_eq!(restarts.len(), 2 * names.len(), "{restarts:?}");
    for pair in restarts.chunks(2) {
        assert_eq!(pair[0].0, "delete", "{restarts:?}");
        assert_eq!(pair[1], ("create", pair[0].1), "{restarts:?}");
    }
    plugin.assert_clean().await;
    Ok(())
}

async fn wait_all_current(streams: &[Stream<'_>]) {
    until("every stream to be up to date", async || {
        for stream in streams {
            let status = stream.status().await;
            let current = condition(&status, "UpToDate")["status"] == "True";
            ensure!(current, "{}: {status}", stream.name());
        }
        Ok(())
    })
    .await;
    for stream in streams {
        stream.wait_pod_runs().await;
    }
}
