//! Many streams want attention at once: some must not wait, and the API server is not flooded.

use std::time::Duration;

use anyhow::Result;
use arcane_cluster::Operator;
use arcane_cluster::audit::Request;
use arcane_e2e::{Definition, OPERATOR_USER, Own, Platform, READY_WITHIN, STOPPED_WITHIN};
use kube::api::ListParams;
use serde_json::json;

use crate::support::{Class, running, wait_all};

/// Streams that stand in line.
const MANY: usize = 150;

async fn with(platform: &Platform<'_>, settings: &[(&str, &str)]) -> Result<Operator> {
    let mut operator = platform.operator();
    for (name, value) in settings {
        operator = operator.env(format!("ARCANE_HOST__{name}"), value);
    }
    let mut operator = operator.start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}

fn names() -> Vec<String> {
    (0..MANY).map(|number| format!("new-{number}")).collect()
}

#[tokio::test]
async fn a_stream_that_is_suspended_stops_ahead_of_all_that_wait() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    // One at a time, and slowly: whoever stands in line waits for long.
    let settings = [("CONCURRENCY_PER_CLASS", "1"), ("WRITES_PER_SECOND", "20")];
    let operator = with(&platform, &settings).await?;
    let sample = platform.sample(&json!({})).await?;
    Class::of(&sample)?.wait_ready().await;
    let stream = running(&sample, "orders").await;
    let names = names();
    let created = names
        .iter()
        .map(|name| sample.create(name, Definition::v2()));
    futures::future::join_all(created).await;

    let mark = platform.cluster().audit().mark().await?;
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    let record = platform.cluster().audit().since(mark).await?;
    let of_operator = record.by_user(OPERATOR_USER).except(&["leases"]).writes();
    let is_its_end = |request: &Request| {
        request.verb == "delete" && request.resource == "jobs" && request.name == "orders"
    };
    assert_eq!(of_operator.filter(is_its_end).len(), 1);
    let definitions = sample.definitions().list(&ListParams::default()).await?;
    let waiting = definitions
        .iter()
        .filter(|definition| definition.data["status"]["phase"].is_null())
        .count();
    assert!(waiting > MANY / 2, "only {waiting} still wait");
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn no_more_is_written_in_a_second_than_the_budget_allows() -> Result<()> {
    const PER_SECOND: usize = 50;
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let budget = PER_SECOND.to_string();
    let operator = with(&platform, &[("WRITES_PER_SECOND", &budget)]).await?;
    let sample = platform.sample(&json!({})).await?;
    Class::of(&sample)?.wait_ready().await;
    let mark = platform.cluster().audit().mark().await?;
    let names = names();
    let created = names
        .iter()
        .map(|name| sample.create(name, Definition::v2()));
    futures::future::join_all(created).await;
    wait_all(&sample, "Backfilling", MANY).await;
    let record = platform.cluster().audit().since(mark).await?;
    let writes = record.by_user(OPERATOR_USER).except(&["leases"]).writes();
    // Request, Job, status, and an event.
    assert!(writes.len() >= 4 * MANY, "{:?}", writes.counts());
    // A process that waits for the processor sends late, and then what has become due at once.
    let busiest = writes.most_within(Duration::from_secs(5))?;
    assert!(
        busiest <= 5 * PER_SECOND + PER_SECOND,
        "{busiest} in five seconds"
    );
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}
