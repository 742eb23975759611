//! The number of shards changes: replicas with the former and the new one never work at the same
//! time.

use std::time::Duration;

use anyhow::{Context, Result};
use arcane_e2e::{NAMESPACE, Own, Platform, Plugin, STOPPED_WITHIN, Stream, short_backfills};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::support::{Crew, Work, create, wait_renewals, wait_running, with_shards};

/// Streams made before, and again while the new replicas wait.
const STREAMS: usize = 10;
/// The former replicas' names begin so.
const OLD: &str = "old";

#[tokio::test]
async fn from_two_shards_to_three_no_stream_has_two_writers() -> Result<()> {
    change(2, &["old-a", "old-b"], 3, &["new-a", "new-b", "new-c"]).await
}

#[tokio::test]
async fn from_one_leader_to_two_shards_no_stream_has_two_writers() -> Result<()> {
    change(1, &["old-a"], 2, &["new-a", "new-b"]).await
}

#[tokio::test]
async fn from_three_shards_to_one_leader_no_stream_has_two_writers() -> Result<()> {
    change(3, &["old-a", "old-b"], 1, &["new-a"]).await
}

/// A rollout: the new replicas are started beside the former ones, which are stopped one by one;
/// streams are made all the time.
async fn change(from: u16, old: &[&str], to: u16, new: &[&str]) -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut former = Crew::start(&platform, old, from).await?;
    former.wait_split(&even(from, old.len())).await;
    let sample = platform.sample(&short_backfills()).await?;
    sample.wait_ready().await;
    let mark = platform.cluster().audit().mark().await?;
    let mut streams = create(&sample, "before", STREAMS).await;

    let next = Crew::start(&platform, new, to).await?;
    for (number, name) in old.iter().enumerate() {
        // By those of the former replicas that are left.
        let done = create(&sample, &format!("meanwhile-{number}"), STREAMS).await;
        wait_running(&done).await;
        let waiting = next.shards().await?;
        assert!(waiting.values().all(Vec::is_empty), "{waiting:?}");
        let under_way = create(&sample, &format!("at-the-end-{number}"), STREAMS).await;
        streams.extend(done.into_iter().chain(under_way));
        let stopped = former.take(name)?.stop(STOPPED_WITHIN).await?;
        assert!(stopped.status.success(), "{stopped:?}");
    }
    next.wait_split(&even(to, new.len())).await;
    streams.extend(create(&sample, "after", STREAMS).await);
    wait_running(&streams).await;

    let work = Work::since(&sample, mark).await?;
    work.assert_done_once(streams.len());
    assert_one_after_the_other(&work);
    next.stop().await
}

/// How many shards each replica leads in the end, smallest first.
fn even(shards: u16, replicas: usize) -> Vec<usize> {
    let shards = usize::from(shards);
    let mut split: Vec<usize> = (0..replicas)
        .map(|replica| shards / replicas + usize::from(replica < shards % replicas))
        .collect();
    split.sort_unstable();
    split
}

/// All that former replicas wrote came before all that new ones did.
fn assert_one_after_the_other(work: &Work) {
    let writers: Vec<&str> = work.writes().map(|(writer, _)| writer).collect();
    let is_old = |writer: &&str| writer.starts_with(OLD);
    let first_new = writers.iter().position(|writer| !is_old(writer));
    let after = &writers[first_new.unwrap_or(writers.len())..];
    assert!(writers.iter().any(is_old), "{writers:?}");
    assert!(!after.is_empty() && !after.iter().any(is_old), "{after:?}");
}

#[tokio::test]
async fn replicas_that_crashed_are_waited_for_before_another_number_of_shards_counts() -> Result<()>
{
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let mut former = Crew::start(&platform, &["old-a", "old-b"], 2).await?;
    former.wait_split(&[1, 1]).await;
    let sample = platform.sample(&short_backfills()).await?;
    sample.wait_ready().await;
    let mark = platform.cluster().audit().mark().await?;
    let mut streams = create(&sample, "before", STREAMS).await;
    wait_running(&streams).await;
    streams.extend(create(&sample, "at-the-end", STREAMS).await);
    for name in ["old-a", "old-b"] {
        former.take(name)?.kill()?;
    }
    let next = Crew::start(&platform, &["new-a"], 3).await?;
    next.wait_split(&[3]).await;
    wait_running(&streams).await;
    let work = Work::since(&sample, mark).await?;
    work.assert_nothing_twice(streams.len());
    assert_one_after_the_other(&work);
    next.stop().await
}

/// The Lease of the third of three shards is none of two: nobody takes it from its holder, who must
/// not go on all the same.
#[tokio::test]
async fn a_replica_that_wakes_up_among_fewer_shards_writes_nothing_and_ends() -> Result<()> {
    let own = Own::cluster().await?;
    let platform = own.platform().await?;
    let names = ["old-a", "old-b", "old-c"];
    let mut former = Crew::start(&platform, &names, 3).await?;
    former.wait_split(&[1, 1, 1]).await;
    let sample = platform.sample(&short_backfills()).await?;
    sample.wait_ready().await;
    let streams = create(&sample, "stream", 12).await;
    wait_running(&streams).await;

    let hanging = former.leader_of(2).await?;
    let mut paused = former.take(&hanging)?;
    paused.pause()?;
    let mark = platform.cluster().audit().mark().await?;
    former.stop().await?;
    let next = with_shards(&platform, "new-a", 2).await?;
    change_all(&sample, &streams).await?;
    // Else every replica that starts later would wait for the dead.
    assert_eq!(holder(&platform, "arcane-host-leader-2").await?, "");
    paused.resume()?;
    let status = paused.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(status.code(), Some(1), "lost, which is a failure");

    let record = platform.cluster().audit().since(mark).await?;
    let late = record.by_service_account(NAMESPACE, &hanging).writes();
    assert!(late.is_empty(), "{:?}", late.counts());
    assert_goes_on(&platform, &sample, &streams).await?;
    next.stop(STOPPED_WITHIN).await?;
    Ok(())
}

/// Who holds a Lease.
async fn holder(platform: &Platform<'_>, lease: &str) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(platform.cluster().client()?, NAMESPACE);
    let spec = leases.get(lease).await?.spec.context("an empty lease")?;
    Ok(spec.holder_identity.unwrap_or_default())
}

/// Changes every stream, and waits for its next Job.
async fn change_all(plugin: &Plugin<'_>, streams: &[Stream<'_>]) -> Result<()> {
    for stream in streams {
        let before = stream.job().await.context("a stream without its Job")?;
        stream
            .patch_spec(json!({"source": plugin.namespace()}))
            .await;
        let (job, before) = (stream, before.uid());
        job.wait_job("another Job", |job| job.uid() != before).await;
    }
    Ok(())
}

async fn assert_goes_on(
    platform: &Platform<'_>,
    plugin: &Plugin<'_>,
    streams: &[Stream<'_>],
) -> Result<()> {
    let mark = platform.cluster().audit().mark().await?;
    streams[0].suspend().await;
    streams[0].wait_phase("Suspended").await;
    wait_renewals(platform, mark, &["new-a"]).await;
    let work = Work::since(plugin, mark).await?;
    assert!(work.writes().all(|(writer, _)| writer == "new-a"));
    Ok(())
}
