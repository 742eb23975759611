//! The API server is away for a while, in several ways: ten minutes of it, compressed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arcane_cluster::audit::Record;
use arcane_cluster::{Fault, Operator, Proxy, Rule, Usage};
use arcane_contract::{canonical, hash};
use arcane_e2e::{Definition, OPERATOR_USER, Plugin, READY_WITHIN, Stream, until};
use futures::future::join_all;
use kube::ResourceExt;
use serde_json::json;
use tokio::time::sleep;

use crate::ground::{Ground, Kind, PATIENCE, proxy, stop};

/// How long each outage lasts: enough for every backoff to come to its longest.
const LASTS: Duration = Duration::from_secs(25);
/// How long streams may take to catch up after it, on a busy machine.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(40);
/// Streams that there is something to do for in the end.
const STREAMS: usize = 40;
/// In any second after the outage. The streams' own work is the least part of it: a Job's deletion
/// and creation, a check before, a status and an event.
const MOST_A_SECOND: usize = STREAMS * 8;

/// A way of being away.
#[derive(Debug, Clone, Copy)]
enum Outage {
    Gone,
    Flapping,
    Overloaded,
    Failing,
}

impl Outage {
    async fn run(self, proxy: &Proxy) {
        match self {
            Outage::Gone => {
                proxy.go().await;
                sleep(LASTS).await;
            }
            Outage::Flapping => {
                let end = Instant::now() + LASTS;
                while Instant::now() < end {
                    proxy.go().await;
                    sleep(Duration::from_secs(1)).await;
                    proxy.mend().await;
                    sleep(Duration::from_millis(300)).await;
                }
            }
            Outage::Overloaded | Outage::Failing => {
                let status = if matches!(self, Outage::Failing) {
                    500
                } else {
                    429
                };
                proxy.inject(Rule::new(Fault::Answer(status)));
                // Watches that are open would not notice.
                proxy.inject(Rule::new(Fault::Gone));
                sleep(LASTS).await;
            }
        }
        proxy.heal().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_costs_neither_memory_nor_a_restart_and_streams_recover_without_a_herd()
-> Result<()> {
    let ground = Ground::take().await?;
    let proxy = proxy(&ground).await?;
    // Nobody can take the lease meanwhile, and a leader that cannot renew it ends by design.
    let mut operator = ground
        .builder(&proxy)
        .env("ARCANE_HOST__LEASE_DURATION_SECONDS", "90")
        .env("ARCANE_HOST__LEASE_RENEW_DEADLINE_SECONDS", "60")
        .start()
        .await?;
    operator.wait_ready(READY_WITHIN).await?;
    ground.wait_served().await?;
    let plugin = ground.plugin(Kind::Plain).await?;
    let streams = PATIENCE.during(running(&plugin)).await;
    for outage in [
        Outage::Gone,
        Outage::Flapping,
        Outage::Overloaded,
        Outage::Failing,
    ] {
        let before = operator.usage()?;
        let (most, ()) = tokio::join!(watch(&operator), async {
            let change = json!({"source": format!("{outage:?}")});
            let changes = streams
                .iter()
                .map(|stream| stream.patch_spec(change.clone()));
            let work = async {
                sleep(Duration::from_secs(2)).await;
                join_all(changes).await;
            };
            tokio::join!(outage.run(&proxy), work);
        });
        let mark = ground.cluster().audit().mark().await?;
        let back = Instant::now();
        PATIENCE
            .during(join_all(streams.iter().map(wait_current)))
            .await;
        let took = back.elapsed();
        let record = ground.cluster().audit().since(mark).await?;
        let rate = rate(&record.by_user(OPERATOR_USER));
        println!(
            "{outage:?}: caught up after {took:.1?}; requests a second {rate:?}; {before:?} {most:?}"
        );
        assert_eq!(operator.exited()?, None, "{outage:?}: it did not restart");
        assert!(took < CAUGHT_UP_WITHIN, "{outage:?}: {took:?}");
        assert!(
            rate.iter().all(|&requests| requests < MOST_A_SECOND),
            "{outage:?}: {rate:?}"
        );
        assert_bounded(outage, &before, &most);
    }
    stop(operator).await
}

async fn running<'p>(plugin: &'p Plugin<'p>) -> Vec<Stream<'p>> {
    let streams = (0..STREAMS).map(async |number| {
        let name = format!("stream-{number}");
        let stream = plugin.create(&name, Definition::v2().suspended()).await;
        stream.wait_phase("Suspended").await;
        stream.resume().await;
        stream.wait_phase("Running").await;
        stream
    });
    join_all(streams).await
}

/// Waits until the stream's Job is of its spec.
async fn wait_current(stream: &Stream<'_>) {
    until(format!("the new Job of {}", stream.name()), async || {
        let spec = stream.get().await.data["spec"].clone();
        let hash = hash::of_spec(&canonical::to_string(&spec));
        let job = stream.job().await;
        let found = job
            .as_ref()
            .and_then(|job| job.annotations().get("configuration-hash"));
        ensure!(found == Some(&hash), "{found:?}");
        Ok(())
    })
    .await;
}

/// The most that the operator uses during an outage.
async fn watch(operator: &Operator) -> Usage {
    let end = Instant::now() + LASTS;
    let mut most = operator.usage().expect("it runs");
    while Instant::now() < end {
        sleep(Duration::from_millis(500)).await;
        let now = operator.usage().expect("it runs");
        most.resident = most.resident.max(now.resident);
        most.open_files = most.open_files.max(now.open_files);
        most.threads = most.threads.max(now.threads);
    }
    most
}

fn assert_bounded(outage: Outage, before: &Usage, most: &Usage) {
    const MEBIBYTES: u64 = 1 << 20;
    let grown = most.resident.saturating_sub(before.resident);
    assert!(
        grown < 24 * MEBIBYTES,
        "{outage:?}: {} MiB more",
        grown / MEBIBYTES
    );
    // A connection for each stream that is worked on at once, of one class.
    let opened = most.open_files.saturating_sub(before.open_files);
    assert!(opened <= 32, "{outage:?}: {opened} more descriptors");
    let threads = most.threads.saturating_sub(before.threads);
    assert!(threads <= 8, "{outage:?}: {threads} more threads");
}

/// Requests in each second, from the first to the last.
fn rate(record: &Record) -> Vec<usize> {
    let mut seconds: BTreeMap<&str, usize> = BTreeMap::new();
    for request in record.iter() {
        let second = request.received.get(..19).unwrap_or_default();
        *seconds.entry(second).or_default() += 1;
    }
    seconds.into_values().collect()
}
