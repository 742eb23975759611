//! A replica is gone, or hangs: the others take over its streams.

use std::time::Duration;

use anyhow::{Context, Result};
use arcane_e2e::{NAMESPACE, Own};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{Work, create, three_at_work, wait_running};

const STREAMS: usize = 30;

#[tokio::test]
async fn a_killed_replicas_streams_are_taken_over_and_nothing_is_done_twice() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let (mut crew, sample) = three_at_work(&platform).await?;
    let mark = platform.cluster().audit().mark().await?;
    let streams = create(&sample, "stream", STREAMS).await;
    streams[0].wait_phase("Running").await;
    let killed = crew.leader_of(1).await?;
    crew.take(&killed)?.kill()?;
    wait_running(&streams).await;
    crew.wait_split(&[1, 2]).await;

    let work = Work::since(&sample, mark).await?;
    work.assert_nothing_twice(STREAMS);
    let writers = work.writers();
    let two = writers.values().filter(|by| by.len() > 1);
    for by in two {
        assert!(by.len() == 2 && by.contains(&*killed), "{writers:?}");
    }
    crew.stop().await
}

#[tokio::test]
async fn a_replica_that_hangs_past_its_leases_writes_nothing_more_and_ends() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let (mut crew, sample) = three_at_work(&platform).await?;
    let streams = create(&sample, "stream", 12).await;
    wait_running(&streams).await;

    let hanging = crew.leader_of(2).await?;
    let mut paused = crew.take(&hanging)?;
    paused.pause()?;
    let mark = platform.cluster().audit().mark().await?;
    // There is something to do for every stream, as soon as it wakes up too.
    let mut before = Vec::new();
    for stream in &streams {
        let job = stream.job().await.context("a stream without its Job")?;
        before.push(job.uid());
        stream.patch_spec(json!({"source": "another"})).await;
    }
    for (stream, before) in streams.iter().zip(&before) {
        stream
            .wait_job("another Job", |job| job.uid() != *before)
            .await;
    }
    crew.wait_split(&[1, 2]).await;
    paused.resume()?;
    let status = paused.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(status.code(), Some(1), "lost, which is a failure");
    let log = std::fs::read_to_string(paused.log())?;
    assert!(log.contains("lost the lease"), "{log}");

    let record = platform.cluster().audit().since(mark).await?;
    let late = record.by_service_account(NAMESPACE, &hanging).writes();
    assert!(late.is_empty(), "{:?}", late.counts());
    let work = Work::since(&sample, mark).await?;
    let writers = work.writers();
    assert_eq!(writers.len(), streams.len(), "{writers:?}");
    assert!(writers.values().all(|by| by.len() == 1), "{writers:?}");
    crew.stop().await
}
