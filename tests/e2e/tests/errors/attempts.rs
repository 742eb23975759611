//! What cannot succeed is tried ever more rarely.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::audit::Request;
use arcane_cluster::eventually;
use arcane_e2e::{Definition, Plugin, change_template, sample};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use crate::support::{BACKFILL, containers, wait_problem};

/// Attempts to watch: with the default backoff they take 2 + 4 + 8 + 16 s, and from the sixth on
/// there is more than a minute between two, which the operator's own tests show.
const ATTEMPTS: usize = 5;

#[tokio::test]
async fn a_job_that_is_refused_is_tried_again_after_twice_the_time_each_time() -> Result<()> {
    let sample = sample().await?;
    let invalid = json!([{"name": "stream", "image": "s", "imagePullPolicy": "Sometimes"}]);
    change_template(&sample, BACKFILL, containers(invalid)).await;
    let stream = sample.create("orders", Definition::v2()).await;
    wait_problem(&stream, "ApiRefused", &["Sometimes"]).await;

    let attempts = eventually("five attempts", Duration::from_secs(60), async || {
        let attempts = attempts(&sample).await?;
        ensure!(attempts.len() >= ATTEMPTS, "{attempts:?}");
        Ok(attempts)
    })
    .await;
    for (index, pair) in attempts.windows(2).enumerate() {
        let gap = pair[1].duration_since(pair[0]).as_secs_f64();
        let least = f64::from(2_u32 << index);
        assert!(
            gap >= least,
            "{gap} s after attempt {}: {attempts:?}",
            index + 1
        );
    }
    // Each attempt is that one request, and the problem is told once.
    let statuses = sample.audit().await.count("patch", "sample-streams/status");
    assert_eq!(statuses, 1);
    assert_eq!(stream.events().await.len(), 2, "created, and refused");
    Ok(())
}

/// When the operator tried to make a Job.
async fn attempts(plugin: &Plugin<'_>) -> Result<Vec<Timestamp>> {
    let is_attempt = |request: &Request| request.resource == "jobs" && request.verb == "create";
    let record = plugin.audit().await.filter(is_attempt);
    record
        .iter()
        .map(|request| request.received.parse().context("a time"))
        .collect()
}
