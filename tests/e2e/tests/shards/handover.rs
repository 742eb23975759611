//! A replica comes, and others give it some of what they have.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::audit::Record;
use arcane_e2e::{NAMESPACE, Own, short_backfills};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::json;

use crate::support::{Crew, Work, create, wait_running};

/// From the end of one leader's work to the beginning of the next one's.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_new_replica_is_given_a_shard_in_good_order_and_no_stream_notices() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut crew = Crew::start(&platform, &["alpha"], 3).await?;
    crew.wait_split(&[3]).await;
    let sample = platform.sample(&short_backfills()).await?;
    sample.wait_ready().await;
    let streams = create(&sample, "stream", 20).await;
    wait_running(&streams).await;

    let mark = platform.cluster().audit().mark().await?;
    crew.join(&platform, "beta", 3).await?;
    crew.wait_split(&[1, 2]).await;
    crew.join(&platform, "gamma", 3).await?;
    crew.wait_split(&[1, 1, 1]).await;
    let record = platform.cluster().audit().since(mark).await?;
    assert_handed_over(&record, 2)?;
    let touched = Work::since(&sample, mark).await?;
    assert_eq!(touched.writers(), BTreeMap::new(), "nothing was to be done");

    let mark = platform.cluster().audit().mark().await?;
    for stream in &streams {
        stream.suspend().await;
    }
    for stream in &streams {
        stream.wait_phase("Suspended").await;
    }
    let work = Work::since(&sample, mark).await?;
    let writers = work.writers();
    assert_eq!(writers.len(), streams.len(), "{writers:?}");
    assert!(writers.values().all(|by| by.len() == 1), "{writers:?}");
    crew.stop().await
}

/// Asserts that so many Leases went from one replica to another, and how fast.
fn assert_handed_over(record: &Record, expected: usize) -> Result<()> {
    let writes = record.writes().filter(|request| {
        request.resource == "leases"
            && request.namespace == NAMESPACE
            // Who asks for a Lease patches it.
            && request.verb == "update"
    });
    let mut last: BTreeMap<&str, (&str, MicroTime)> = BTreeMap::new();
    let mut handed_over = 0;
    for request in writes.iter() {
        let time: MicroTime = serde_json::from_value(json!(request.received))?;
        let before = last.insert(&request.name, (&request.user, time.clone()));
        let Some((user, released)) = before.filter(|(user, _)| *user != request.user) else {
            continue;
        };
        let took = time.0.duration_since(released.0);
        let took = Duration::try_from(took).context("time goes backwards")?;
        ensure!(
            took < HANDED_OVER_WITHIN,
            "{} went from {user} to {} in {took:?}",
            request.name,
            request.user
        );
        handed_over += 1;
    }
    ensure!(
        handed_over == expected,
        "{handed_over} Leases were handed over, not {expected}"
    );
    Ok(())
}
