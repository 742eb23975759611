//! Two replicas: one works, the other stands by.

use std::time::{Duration, Instant};

use anyhow::Result;
use arcane_cluster::audit::Record;
use arcane_e2e::{
    Definition, NAMESPACE, Own, Plugin, STOPPED_WITHIN, TAKEN_OVER_WITHIN, replica,
    short_backfills, sum, wait_leading,
};
use serde_json::json;

use crate::own::holder;
use crate::support::{Class, running};

#[tokio::test]
async fn a_replica_that_ends_in_good_order_hands_over_within_two_seconds() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let first = replica(&platform, "first").await?;
    wait_leading(&first, TAKEN_OVER_WITHIN).await;
    let second = replica(&platform, "second").await?;
    let sample = platform.sample(&json!({})).await?;
    Class::of(&sample)?.wait_ready().await;
    let stream = running(&sample, "orders").await;
    let ready = second.probe("/health/ready").await?;
    assert_eq!(ready.status, 200, "standing by is ready: {ready:?}");
    assert_eq!(
        sum(&second.metrics().await?, "arcane_leader", ""),
        Some(0.0)
    );

    let stopped = first.stop(STOPPED_WITHIN).await?;
    let gone = Instant::now();
    assert!(stopped.status.success(), "{stopped:?}");
    wait_leading(&second, Duration::from_secs(2)).await;
    assert!(gone.elapsed() < Duration::from_secs(2));
    assert_eq!(holder(&platform).await?, "second");
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    second.stop(STOPPED_WITHIN).await?;
    assert_eq!(holder(&platform).await?, "");
    Ok(())
}

#[tokio::test]
async fn a_replica_takes_over_from_one_that_crashes_and_nothing_is_done_twice() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let first = replica(&platform, "first").await?;
    wait_leading(&first, TAKEN_OVER_WITHIN).await;
    let second = replica(&platform, "second").await?;
    let sample = platform.sample(&short_backfills()).await?;
    Class::of(&sample)?.wait_ready().await;
    let mark = platform.cluster().audit().mark().await?;
    let names: Vec<String> = (0..20).map(|number| format!("stream-{number}")).collect();
    let created = names
        .iter()
        .map(|name| sample.create(name, Definition::v2()));
    let streams = futures::future::join_all(created).await;
    streams[0].wait_phase("Running").await;
    first.kill()?;
    wait_leading(&second, TAKEN_OVER_WITHIN).await;
    for stream in &streams {
        stream.wait_phase("Running").await;
    }
    let record = platform.cluster().audit().since(mark).await?;
    let record = record.in_namespace(sample.namespace());
    let made = |resource: &str| {
        record
            .writes()
            .filter(|request| request.verb == "create" && request.resource == resource)
            .filter(|request| {
                request
                    .user
                    .starts_with("system:serviceaccount:arcane-system:")
            })
            .len()
    };
    assert_eq!(made("backfillrequests"), names.len());
    assert_eq!(made("jobs"), 2 * names.len());
    assert_eq!(record.duplicates(), []);
    second.stop(STOPPED_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn a_leader_that_hangs_past_its_lease_writes_nothing_more_and_ends() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut first = replica(&platform, "first").await?;
    wait_leading(&first, TAKEN_OVER_WITHIN).await;
    let second = replica(&platform, "second").await?;
    let sample = platform.sample(&json!({})).await?;
    Class::of(&sample)?.wait_ready().await;
    let stream = running(&sample, "orders").await;

    first.pause()?;
    let mark = platform.cluster().audit().mark().await?;
    // There is something to do as soon as it wakes up.
    stream.patch_spec(json!({"source": "another"})).await;
    let waiting = sample.create("waiting", Definition::v2()).await;
    wait_leading(&second, TAKEN_OVER_WITHIN).await;
    waiting.wait_phase("Backfilling").await;
    first.resume()?;
    let status = first.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(status.code(), Some(1), "lost, which is a failure");
    let log = std::fs::read_to_string(first.log())?;
    assert!(log.contains("lost the lease"), "{log}");

    let record = platform.cluster().audit().since(mark).await?;
    let late = by(&record, "first").writes();
    assert!(late.is_empty(), "{:?}", late.counts());
    assert_works(&sample, &record);
    second.stop(STOPPED_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn a_leader_that_hangs_past_its_lease_ends_even_if_the_lease_is_free_again() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut first = replica(&platform, "first").await?;
    wait_leading(&first, TAKEN_OVER_WITHIN).await;
    let second = replica(&platform, "second").await?;
    first.pause()?;
    wait_leading(&second, TAKEN_OVER_WITHIN).await;
    second.stop(STOPPED_WITHIN).await?;
    assert_eq!(holder(&platform).await?, "");

    let mark = platform.cluster().audit().mark().await?;
    first.resume()?;
    let status = first.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(
        status.code(),
        Some(1),
        "what it remembers is another leader's past"
    );
    let record = platform.cluster().audit().since(mark).await?;
    let late = by(&record, "first").writes();
    assert!(late.is_empty(), "{:?}", late.counts());
    Ok(())
}

fn by(record: &Record, replica: &str) -> Record {
    record.by_service_account(NAMESPACE, replica)
}

fn assert_works(plugin: &Plugin<'_>, record: &Record) {
    let writes = by(record, "second")
        .in_namespace(plugin.namespace())
        .writes();
    assert!(writes.count("create", "jobs") >= 1, "{:?}", writes.counts());
}
