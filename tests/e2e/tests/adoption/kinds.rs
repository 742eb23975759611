//! The published kinds are enough to work with.

use anyhow::{Context, Result, ensure};
use arcane_e2e::{Definition, until};
use kube::ResourceExt;
use serde_json::json;

use crate::bed::{bed, settled, streams, take_over};
use crate::peer;

#[tokio::test]
async fn a_new_stream_lives_on_the_published_kinds() -> Result<()> {
    let plugin = streams().await?;
    take_over(&plugin).await;
    let definition = Definition::v2();
    let stream = plugin.create("orders", definition.clone()).await;
    settled(&stream, "Backfilling").await;
    let request = stream.requests().await[0].name_any();
    let hash = stream.status().await["configurationHash"].clone();
    assert_eq!(hash, peer::backfill_hash(&plugin, &stream, &definition));
    stream.finish_job().await;
    stream.wait_completed(&request).await;
    settled(&stream, "Running").await;
    let job = stream.wait_streaming_job().await;
    assert_eq!(
        job.annotations()["configuration-hash"],
        peer::hash(&definition),
        "the existing operator would find its own hash"
    );
    let asked = stream
        .request_backfill(Some(json!({"tables": ["a"]})))
        .await;
    stream.wait_backfill_job(&asked).await;
    stream.finish_job().await;
    stream.wait_completed(&asked).await;
    settled(&stream, "Running").await;
    stream.suspend().await;
    settled(&stream, "Suspended").await;
    stream.wait_no_job().await;
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_stream_at_rest_is_looked_at_and_nothing_is_written() -> Result<()> {
    let plugin = streams().await?;
    take_over(&plugin).await;
    let stream = plugin.create("orders", Definition::v2().suspended()).await;
    settled(&stream, "Suspended").await;
    stream.resume().await;
    settled(&stream, "Running").await;
    stream.wait_pod_runs().await;
    let before = plugin.writes().await;
    for look in ["first", "second", "third"] {
        let looks = looks(&plugin).await?;
        stream.annotate("example.com/look", look).await;
        until("another look", async || {
            let now = self::looks(&plugin).await?;
            ensure!(now > looks, "{now} looks");
            Ok(())
        })
        .await;
    }
    assert_eq!(plugin.writes().await, before);
    plugin.assert_clean().await;
    Ok(())
}

/// How often the operator has found a stream of the class as it should be.
async fn looks(plugin: &arcane_e2e::Plugin<'_>) -> Result<f64> {
    let metrics = bed().await?.operator.metrics().await?;
    let class = format!("class=\"{}\",result=\"unchanged\"", plugin.class());
    let line = metrics
        .lines()
        .find(|line| line.starts_with("arcane_reconciles_total") && line.contains(&class))
        .context("no look yet")?;
    let (_, count) = line.rsplit_once(' ').context("no value")?;
    Ok(count.parse()?)
}
