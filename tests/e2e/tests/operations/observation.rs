//! Probes, metrics and logs.

use anyhow::{Context, Result, ensure};
use arcane_e2e::{Definition, shared, sum, until};
use serde_json::{Value, json};

use crate::support::{Class, running};

#[tokio::test]
async fn the_probes_of_a_working_operator_say_ok() -> Result<()> {
    let operator = &shared().await?.operator;
    for path in ["/startup", "/health", "/health/ready"] {
        let answer = operator.probe(path).await?;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "ok\n"),
            "{path}"
        );
    }
    assert_eq!(operator.probe("/elsewhere").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn the_metrics_tell_what_was_done() -> Result<()> {
    let shared = shared().await?;
    let plugin = shared.platform.plugin(&json!({})).await?;
    Class::of(&plugin)?.wait_ready().await;
    running(&plugin, "running").await;
    let done = plugin.create("done", Definition::v2()).await;
    done.wait_phase("Backfilling").await;
    done.finish_job().await;
    done.wait_phase("Running").await;
    let failed = plugin.create("failed", Definition::v2()).await;
    failed.wait_phase("Backfilling").await;
    failed.fail_job(1, "").await;
    failed.wait_phase("Failed").await;
    plugin
        .create("idle", Definition::v2().suspended())
        .await
        .wait_phase("Suspended")
        .await;

    let class = format!("class=\"{}\"", plugin.class());
    let with = |label: &str| format!("{class},{label}");
    until("the metrics to agree", async || {
        let metrics = shared.operator.metrics().await?;
        let expect = |name: &str, labels: &str, value: f64| {
            let found = sum(&metrics, name, labels);
            ensure!(found == Some(value), "{name}{{{labels}}} is {found:?}");
            Ok(())
        };
        expect("arcane_streams", &with("phase=\"Running\""), 2.0)?;
        expect("arcane_streams", &with("phase=\"Failed\""), 1.0)?;
        expect("arcane_streams", &with("phase=\"Suspended\""), 1.0)?;
        expect(
            "arcane_backfills_total",
            &with("outcome=\"completed\""),
            1.0,
        )?;
        expect("arcane_backfills_total", &with("outcome=\"failed\""), 1.0)?;
        expect("arcane_queue_depth", &class, 0.0)?;
        expect("arcane_class_healthy", &class, 1.0)?;
        expect("arcane_leader", "", 1.0)
    })
    .await;
    let metrics = shared.operator.metrics().await?;
    let reconciles = sum(&metrics, "arcane_reconciles_total", &class);
    let measured = sum(&metrics, "arcane_reconcile_seconds_count", &class);
    assert!(reconciles > Some(4.0), "{reconciles:?}");
    assert!(measured.is_some());
    assert!(
        sum(
            &metrics,
            "arcane_reconciles_total",
            &with("result=\"changed\"")
        ) > Some(4.0)
    );
    // Shared by all classes.
    for labels in [
        "verb=\"create\",resource=\"jobs\",result=\"done\"",
        "verb=\"delete\",resource=\"jobs\",result=\"done\"",
        "verb=\"create\",resource=\"backfillrequests\",result=\"done\"",
        "verb=\"create\",resource=\"events\",result=\"done\"",
    ] {
        let writes = sum(&metrics, "arcane_api_writes_total", labels);
        assert!(writes >= Some(1.0), "{labels}: {writes:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_class_that_cannot_be_served_is_unhealthy_in_the_metrics() -> Result<()> {
    let shared = shared().await?;
    let plugin = shared
        .platform
        .plugin(&json!({"grantRights": false}))
        .await?;
    Class::of(&plugin)?.wait("Failed", "WatchFailed", &[]).await;
    let class = format!("class=\"{}\"", plugin.class());
    until("the class to be unhealthy", async || {
        let healthy = sum(
            &shared.operator.metrics().await?,
            "arcane_class_healthy",
            &class,
        );
        ensure!(healthy == Some(0.0), "{healthy:?}");
        Ok(())
    })
    .await;
    assert_eq!(shared.operator.probe("/health").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn every_line_of_the_log_is_json_and_a_streams_lines_say_whose_they_are() -> Result<()> {
    let shared = shared().await?;
    let plugin = shared.platform.plugin(&json!({})).await?;
    Class::of(&plugin)?.wait_ready().await;
    let stream = plugin.create("orders", Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    stream.fail_job(7, "the source is gone").await;
    stream.wait_event("StreamingJobFailed").await;

    let told = until("the failure in the log", async || {
        let log = std::fs::read_to_string(shared.operator.log())?;
        let whole = log.rfind('\n').context("an empty log")?;
        let lines: Vec<Value> = log[..whole]
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect::<Result<_>>()?;
        for line in &lines {
            for field in ["timestamp", "level", "message", "target"] {
                ensure!(line[field].is_string(), "no {field} in {line}");
            }
        }
        let mut failures = lines.into_iter().filter(|line| {
            line["reason"] == "StreamingJobFailed"
                && line["span"]["namespace"] == plugin.namespace()
        });
        failures.next().context("not told")
    })
    .await;
    assert_eq!(told["level"], "WARN");
    assert_eq!(told["span"]["class"], plugin.class());
    assert_eq!(told["span"]["stream"], "orders");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("exit code 7") && message.contains("the source is gone"),
        "{message}"
    );
    Ok(())
}
